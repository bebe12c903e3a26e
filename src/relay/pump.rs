//! Two plain sockets, each fed from the other through a pipe of its own, on Linux. Short
//! conversations go through a buffer that is lent by the thread: they need no pipe.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::sync::watch;

use super::{Fault, Meter, Plan, Stop, Way, join};
use crate::transport::AsyncSocket;

/// How much a pipe holds: of the size that it has by itself, it costs twice the CPU.
const PIPE: usize = 1024 * 1024;

/// How much it holds where there are many: a user has 64 MiB of pipes (pipe(7), `pipe-user-pages-soft`),
/// and gets small ones, which are worth nothing, beyond that.
const PIPE_OF_MANY: usize = 256 * 1024;

/// How many pipes there are before that.
const MANY: usize = 32;

/// How much goes through a buffer before a pipe is made.
const BEFORE_PIPE: usize = 128 * 1024;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = Cell::default();
}

/// Feeds `remote` from `local` and the other way round until both have ended, as
/// [`relay`](super::relay) does.
pub(crate) async fn pump(
    local: &AsyncSocket,
    remote: &AsyncSocket,
    plan: Plan,
    meter: &Meter,
) -> Result<(), Stop> {
    let (peer_ended, mut peer_end) = watch::channel(plan.half_close);
    let (local, remote) = (&End::of(local), &End::of(remote));
    let up = async {
        one_way(local, remote, Way::Up, meter).await?;
        let _ = peer_end.wait_for(|ended| *ended).await;
        remote.end()
    };
    let down = async {
        one_way(remote, local, Way::Down, meter).await?;
        peer_ended.send_replace(true);
        local.end()
    };
    let guard = Unfinished([local.socket, remote.socket]);
    let ended = join(up, down, plan, meter.idle()).await;
    if ended.is_ok() {
        std::mem::forget(guard);
    }
    ended
}

/// Aborts both connections: neither peer shall take what it has for all there is.
struct Unfinished<'a>([&'a AsyncSocket; 2]);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|socket| socket.abort());
    }
}

/// One of the two sockets.
struct End<'a> {
    socket: &'a AsyncSocket,
    /// Whether writing has met a reset. The system tells it once, and speaks of a clean end to whoever
    /// reads after that.
    was_reset: AtomicBool,
    /// Whether we have told it that nothing more comes.
    is_ended: AtomicBool,
}

impl<'a> End<'a> {
    fn of(socket: &'a AsyncSocket) -> Self {
        Self { socket, was_reset: AtomicBool::new(false), is_ended: AtomicBool::new(false) }
    }

    fn end(&self) -> Result<(), Fault> {
        self.is_ended.store(true, Ordering::Relaxed);
        self.socket.end().map_err(Fault::Write)
    }

    /// Whether an end that was read is none. A splice that has written something before it met the reset
    /// does not even tell it.
    fn was_reset(&self) -> bool {
        self.was_reset.load(Ordering::Relaxed)
            || (!self.is_ended.load(Ordering::Relaxed) && self.socket.is_lost())
    }

    fn write_fault(&self, error: io::Error) -> Fault {
        if error.kind() == ErrorKind::ConnectionReset {
            self.was_reset.store(true, Ordering::Relaxed);
        }
        Fault::Write(error)
    }
}

/// Everything from one to the other, up to an end that is clean.
async fn one_way(from: &End<'_>, to: &End<'_>, way: Way, meter: &Meter) -> Result<(), Fault> {
    let moved = move_all(from.socket, to.socket, way, meter).await;
    match moved {
        Ok(()) if from.was_reset() => Err(Fault::Read(ErrorKind::ConnectionReset.into())),
        Err(Fault::Write(error)) => Err(to.write_fault(error)),
        other => other,
    }
}

async fn move_all(from: &AsyncSocket, to: &AsyncSocket, way: Way, meter: &Meter) -> Result<(), Fault> {
    let mut moved = 0;
    while moved < BEFORE_PIPE {
        match through_buffer(from, to, way, meter).await? {
            0 => return Ok(()),
            n => moved += n,
        }
    }
    match Pipe::new() {
        Some(pipe) => through_pipe(from, &pipe, to, way, meter).await,
        None => plainly(from, to, way, meter).await,
    }
}

/// What a way between two sockets goes through.
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

static PIPES: AtomicUsize = AtomicUsize::new(0);

impl Pipe {
    /// A pipe, if there is a descriptor to spare, and one that is worth it.
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

async fn plainly(from: &AsyncSocket, to: &AsyncSocket, way: Way, meter: &Meter) -> Result<(), Fault> {
    while through_buffer(from, to, way, meter).await? > 0 {}
    Ok(())
}

/// Reads once and writes that out; 0 is the end.
async fn through_buffer(
    from: &AsyncSocket,
    to: &AsyncSocket,
    way: Way,
    meter: &Meter,
) -> Result<usize, Fault> {
    let read = || {
        let mut buffer = SPARE.take();
        buffer.resize(CHUNK, 0);
        match rustix::io::read(from, &mut buffer[..]) {
            Ok(n) => Ok((buffer, n)),
            Err(error) => {
                // Nothing came: the next one who reads may have it.
                SPARE.set(buffer);
                Err(error.into())
            }
        }
    };
    let (buffer, n) = from.when(Interest::READABLE, read).await.map_err(Fault::Read)?;
    let mut sent = 0;
    while sent < n {
        let write = || Ok(rustix::io::write(to, &buffer[sent..n])?);
        let written = to.when(Interest::WRITABLE, write).await.map_err(Fault::Write)?;
        meter.moved(way, written);
        sent += written;
    }
    SPARE.set(buffer);
    Ok(n)
}

async fn through_pipe(
    from: &AsyncSocket,
    pipe: &Pipe,
    to: &AsyncSocket,
    way: Way,
    meter: &Meter,
) -> Result<(), Fault> {
    tracing::debug!("{way} by splice through a pipe");
    loop {
        // The pipe is empty here, so what is not ready is the socket.
        let taken = from
            .when(Interest::READABLE, || splice_once(from, &pipe.into, PIPE))
            .await
            .map_err(Fault::Read)?;
        if taken == 0 {
            return Ok(());
        }
        let mut left = taken;
        while left > 0 {
            let given = || splice_once(&pipe.out, to, left);
            let given = to.when(Interest::WRITABLE, given).await.map_err(Fault::Write)?;
            meter.moved(way, given);
            left -= given;
        }
    }
}

fn splice_once(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    loop {
        // Never SPLICE_F_MORE: the tail would come 200 ms late.
        match splice(&from, None, &to, None, most, SpliceFlags::NONBLOCK) {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
