//! A relay between two plain sockets on Linux, through a pipe for each direction. Short conversations go through
//! a buffer that the thread lends: they need no pipe.

use std::cell::Cell;
use std::future::ready;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with};
use tokio::io::Interest;

use super::linux::splice_once;
use super::{Ends, Fault, Plan, Stop};
use crate::policy::{Wait, charge};
use crate::stream::{Direction, Traffic};
use crate::transport::AsyncSocket;

/// The size of a pipe: with its default size it costs twice the CPU.
const PIPE: usize = 1024 * 1024;

/// The size of a pipe if there are many: a user has 64 MiB of pipes (pipe(7), `pipe-user-pages-soft`), and
/// gets small ones, which are useless, beyond that.
const PIPE_OF_MANY: usize = 256 * 1024;

/// How many pipes are made before that.
const MANY: usize = 32;

/// How much goes through a buffer before a pipe is made.
const BEFORE_PIPE: usize = 128 * 1024;

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = Cell::default();
}

/// Feeds `remote` from `local` and the other way round until both have ended, as
/// [`relay`](super::relay) does.
pub(crate) async fn pump(
    (local, local_traffic): (&AsyncSocket, &Traffic),
    (remote, remote_traffic): (&AsyncSocket, &Traffic),
    plan: Plan,
) -> Result<(), Stop> {
    let ends = Ends::new(plan, remote_traffic);
    let (local, remote) = (&End::of(local, local_traffic), &End::of(remote, remote_traffic));
    // Boxed: each future that takes another as its argument holds it twice.
    let (sent, received) =
        (one_way(local, remote, Direction::Sent), one_way(remote, local, Direction::Received));
    let up = ends.up(Box::pin(sent), |()| ready(remote.end()));
    let down = ends.down(Box::pin(received), |()| ready(local.end()));
    let failure =
        ends.failure_after_an_end(async { Fault::Read(local.socket.lost().await) }, remote.socket.lost());
    let over = async {
        tokio::select! {
            why = local_traffic.over() => why,
            why = remote_traffic.over() => why,
        }
    };
    let guard = Unfinished([local.socket, remote.socket]);
    let ended = ends.join(up, down, failure, over).await;
    if ended.is_ok() {
        std::mem::forget(guard);
    }
    ended
}

/// Aborts both connections, so that a cut stream does not look complete to either peer.
struct Unfinished<'a>([&'a AsyncSocket; 2]);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|socket| socket.abort());
    }
}

/// One of the two sockets.
struct End<'a> {
    socket: &'a AsyncSocket,
    traffic: &'a Traffic,
    /// Set when a write fails with a reset: the system reports it once, and a clean end to reads after that.
    was_reset: AtomicBool,
    /// Whether our end was sent to it.
    is_ended: AtomicBool,
}

impl<'a> End<'a> {
    fn of(socket: &'a AsyncSocket, traffic: &'a Traffic) -> Self {
        Self { socket, traffic, was_reset: AtomicBool::new(false), is_ended: AtomicBool::new(false) }
    }

    fn end(&self) -> Result<(), Fault> {
        self.is_ended.store(true, Ordering::Relaxed);
        self.traffic.our_end();
        self.socket.end().map_err(Fault::Write)
    }

    /// Whether an end that was read is really a reset. A splice that has written something before it met the reset
    /// does not report it at all.
    fn was_reset(&self) -> bool {
        self.was_reset.load(Ordering::Relaxed)
            || (!self.is_ended.load(Ordering::Relaxed) && self.socket.is_lost())
    }

    /// Receives by this call, which must not block.
    async fn receive<T>(&self, call: impl FnMut() -> io::Result<T>) -> Result<T, Fault> {
        self.traffic.wait(Wait::ToReceive, true);
        let received = self.socket.when(Interest::READABLE, call).await.map_err(Fault::Read);
        self.traffic.wait(Wait::ToReceive, false);
        received
    }

    /// Sends by this call, which must not block.
    async fn send(&self, call: impl FnMut() -> io::Result<usize>) -> Result<usize, Fault> {
        self.traffic.sending();
        self.traffic.wait(Wait::ToSend, true);
        let sent = self.socket.when(Interest::WRITABLE, call).await.map_err(Fault::Write)?;
        self.traffic.wait(Wait::ToSend, false);
        self.traffic.sent(sent);
        Ok(sent)
    }

    fn write_fault(&self, error: io::Error) -> Fault {
        if error.kind() == ErrorKind::ConnectionReset {
            self.was_reset.store(true, Ordering::Relaxed);
        }
        Fault::Write(error)
    }
}

/// Moves everything from one side to the other, up to a clean end.
async fn one_way(from: &End<'_>, to: &End<'_>, direction: Direction) -> Result<(), Fault> {
    let moved = move_all(from, to, direction).await;
    match moved {
        Ok(()) if from.was_reset() => Err(Fault::Read(ErrorKind::ConnectionReset.into())),
        Ok(()) => {
            from.traffic.peers_end();
            Ok(())
        }
        Err(Fault::Write(error)) => Err(to.write_fault(error)),
        other => other,
    }
}

/// Moves everything through a buffer first, and through a pipe once enough has gone through.
async fn move_all(from: &End<'_>, to: &End<'_>, direction: Direction) -> Result<(), Fault> {
    let (mut pipe, mut before_pipe) = (None, BEFORE_PIPE);
    loop {
        let moved = match &pipe {
            Some(pipe) => through_pipe(from, pipe, to).await?,
            None => through_buffer(from, to).await?,
        };
        if moved == 0 {
            return Ok(());
        }
        if before_pipe > 0 {
            before_pipe = before_pipe.saturating_sub(moved);
            if before_pipe == 0 {
                pipe = Pipe::new().inspect(|_| tracing::debug!("{direction} by splice through a pipe"));
            }
        }
    }
}

/// What one direction between two sockets goes through.
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

static PIPES: AtomicUsize = AtomicUsize::new(0);

impl Pipe {
    /// A pipe, if there are descriptors for it and it is large enough.
    fn new() -> Option<Self> {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        let wanted = if PIPES.fetch_add(1, Ordering::Relaxed) < MANY { PIPE } else { PIPE_OF_MANY };
        let pipe = Self { out, into };
        let size = fcntl_setpipe_size(&pipe.into, wanted).or_else(|_| fcntl_getpipe_size(&pipe.into));
        size.is_ok_and(|size| size >= CHUNK).then_some(pipe)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads once and writes that out; 0 is the end.
async fn through_buffer(from: &End<'_>, to: &End<'_>) -> Result<usize, Fault> {
    let read = || {
        let mut buffer = SPARE.take();
        buffer.resize(CHUNK, 0);
        match rustix::io::read(from.socket, &mut buffer[..]) {
            Ok(n) => Ok((buffer, n)),
            Err(error) => {
                // Nothing has arrived: the next read may use it.
                SPARE.set(buffer);
                Err(error.into())
            }
        }
    };
    let (buffer, n) = from.receive(read).await?;
    from.traffic.received(&buffer[..n]);
    charge(n);
    let mut sent = 0;
    while sent < n {
        sent += to.send(|| Ok(rustix::io::write(to.socket, &buffer[sent..n])?)).await?;
    }
    SPARE.set(buffer);
    Ok(n)
}

/// Moves what has arrived; 0 is the end.
async fn through_pipe(from: &End<'_>, pipe: &Pipe, to: &End<'_>) -> Result<usize, Fault> {
    let splice = |from: BorrowedFd<'_>, to: BorrowedFd<'_>, most| {
        splice_once(from, to, most, SpliceFlags::NONBLOCK).map_err(io::Error::from)
    };
    // The pipe is empty here, so `WouldBlock` is about the socket.
    let taken = from.receive(|| splice(from.socket.as_fd(), pipe.into.as_fd(), PIPE)).await?;
    from.traffic.received_unseen(taken);
    charge(taken);
    let mut left = taken;
    while left > 0 {
        left -= to.send(|| splice(pipe.out.as_fd(), to.socket.as_fd(), left)).await?;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;
    use tokio::task::yield_now;

    use super::super::fairness::PLAN;
    use super::*;

    #[tokio::test]
    async fn a_peer_that_floods_leaves_the_other_tasks_their_turns() {
        let ((flood, local), (remote, sink)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let mut flooded = 0;
        while flooded <= CHUNK {
            flooded += flood.try_write(&vec![7; CHUNK / 2]).unwrap();
        }
        local.readable().await.unwrap();
        remote.writable().await.unwrap();
        let pumping = tokio::spawn(async move {
            let traffic = Traffic::new(None);
            let (local, remote) = (AsyncSocket::Unix(local), AsyncSocket::Unix(remote));
            pump((&local, &traffic), (&remote, &traffic), PLAN).await
        });
        yield_now().await;
        let moved = rustix::io::ioctl_fionread(&sink).unwrap();
        assert!(moved <= CHUNK as u64, "{moved} of {flooded} bytes in one turn");
        pumping.abort();
    }

    fn room(pipe: &Pipe) -> usize {
        fcntl_getpipe_size(&pipe.into).unwrap()
    }

    #[test]
    fn the_first_pipes_are_wide_and_make_room_for_others_when_they_go() {
        let mut pipes: Vec<_> = (0..=MANY).map(|_| Pipe::new().unwrap()).collect();
        assert_eq!(room(&pipes[0]), PIPE);
        assert_eq!(room(&pipes.pop().unwrap()), PIPE_OF_MANY);
        drop(pipes);
        assert_eq!(room(&Pipe::new().unwrap()), PIPE);
    }
}
