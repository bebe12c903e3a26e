//! Linux moves bytes between a socket and a pipe or a file by itself. A first call that is refused
//! is no error: the plain loop then does it, and finds out what is really wrong.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, sendfile};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::mover::{CHUNK, Mover, read_fault, write_fault};
use super::trial::Trial;
use super::{Fault, Meter, Way};
use crate::transport::Aligned;
use crate::transport::blocking::{read, retry, wait, write_all};

/// How much a call moves at most. A file's is bounded so that the meter goes on.
const FROM_FILE: usize = 16 * 1024 * 1024;
const PIPE: usize = 1024 * 1024;

/// A pipe through which this much goes at once is enlarged.
const ENLARGE: usize = 16 * 1024;

/// What stdin or stdout holds, if it is a pipe. The more it is, the fewer the turns of whoever is at its
/// other end.
pub(super) struct Room<'a> {
    pipe: Option<BorrowedFd<'a>>,
}

impl<'a> Room<'a> {
    pub(super) fn of(descriptor: &'a impl AsFd) -> Self {
        Self { pipe: (kind(descriptor) == Some(FileType::Fifo)).then(|| descriptor.as_fd()) }
    }

    /// Makes more of it, once so much has gone through it that it is worth that.
    pub(super) fn after(&mut self, moved: usize) {
        if moved >= ENLARGE
            && let Some(pipe) = self.pipe.take()
        {
            // Refused, it works as it is.
            let _ = fcntl_setpipe_size(pipe, PIPE);
        }
    }
}

/// From a file by sendfile, from a pipe by splice; false where that is not possible, or not the faster way.
///
/// It costs least. But a peer on this machine shares our cache, and has less work with bytes that we have
/// copied than with what it has to fetch page by page: pipes are read and written then, files if that
/// turns out faster.
///
/// While the kernel moves from a pipe it holds the pipe's lock: if it then waited for the socket, whoever
/// writes to the pipe would hang, and could not be killed. So the socket does not block where it does.
pub(super) fn up(from: impl AsFd, mover: &Mover) -> Result<bool, Fault> {
    let socket = &*mover.socket;
    match kind(&from) {
        Some(FileType::RegularFile) => {
            let call = || retry(socket, PollFlags::OUT, || sendfile(socket, &from, None, FROM_FILE));
            let trial = socket.is_local().then(Trial::new);
            up_by("sendfile", &from, mover, trial, call)
        }
        Some(FileType::Fifo) if !socket.is_local() && socket.set_nonblocking().is_ok() => {
            let call = || loop {
                match splice_once(&from, socket, PIPE) {
                    Err(Errno::INTR) => {}
                    // It does not say which of the two is not ready.
                    Err(Errno::AGAIN) => {
                        wait(&from, PollFlags::IN).and_then(|()| wait(socket, PollFlags::OUT))?;
                    }
                    done => return done,
                }
            };
            up_by("splice", &from, mover, None, call)
        }
        _ => Ok(false),
    }
}

/// Moves until the end, by the kernel or by hand; false if the first call is refused.
fn up_by(
    name: &str,
    from: impl AsFd,
    mover: &Mover,
    mut trial: Option<Trial>,
    mut call: impl FnMut() -> Result<usize, Errno>,
) -> Result<bool, Fault> {
    // Where reading and writing are one call, what a socket says is of the socket.
    let fault = |error| {
        let is_of_stdin = matches!(error, Errno::IO | Errno::ISDIR | Errno::BADF);
        if is_of_stdin { read_fault(error) } else { write_fault(error) }
    };
    let mut room = Room::of(&from);
    let mut buffer = None;
    let mut is_first = true;
    loop {
        let n = if trial.as_ref().is_some_and(Trial::is_by_hand) {
            mover.up_once(&from, buffer.get_or_insert_with(|| Aligned::new(CHUNK)))?
        } else {
            match call() {
                Err(error) if is_first && is_refusal(error) => return Ok(false),
                done => done.map_err(fault)?,
            }
        };
        if n == 0 {
            return Ok(true);
        }
        if is_first {
            tracing::debug!("up by {name}");
            is_first = false;
        }
        mover.meter.moved(Way::Up, n);
        room.after(n);
        if let Some(trial) = &mut trial {
            trial.moved(n as u64);
        }
    }
}

/// To a pipe by splice, to a file or /dev/null through a pipe of our own; false where that is not
/// possible.
pub(super) fn down(socket: impl AsFd, to: impl AsFd, meter: &Meter) -> Result<bool, Fault> {
    match kind(&to) {
        Some(FileType::Fifo) => {
            let mut room = Room::of(&to);
            let call = || {
                // Waiting for the socket inside of splice would hold the pipe's lock: what is in it
                // already could not be read.
                wait(&socket, PollFlags::IN)?;
                let moved = match retry(&to, PollFlags::OUT, || splice_once(&socket, &to, PIPE)) {
                    // A pipe that nobody reads is refused before the socket is looked at. At its end there is
                    // nothing to be written.
                    Err(Errno::PIPE) if read(&socket, &mut [0])? == 0 => 0,
                    done => done?,
                };
                room.after(moved);
                Ok(moved)
            };
            to_pipe(call, meter)
        }
        Some(FileType::RegularFile | FileType::CharacterDevice) if !appends(&to) => {
            let Ok(pipe) = own_pipe() else { return Ok(false) };
            through(&socket, &pipe, &to, meter)
        }
        _ => Ok(false),
    }
}

/// Moves until the end; false if the first call is refused.
fn to_pipe(mut call: impl FnMut() -> Result<usize, Errno>, meter: &Meter) -> Result<bool, Fault> {
    let mut is_first = true;
    loop {
        match call() {
            Ok(0) => return Ok(true),
            Ok(n) => meter.moved(Way::Down, n),
            Err(error) if is_first && is_refusal(error) => return Ok(false),
            Err(error @ (Errno::PIPE | Errno::BADF)) => return Err(write_fault(error)),
            Err(error) => return Err(read_fault(error)),
        }
        if is_first {
            tracing::debug!("down by splice");
            is_first = false;
        }
    }
}

/// Socket to pipe to file. What is in the pipe is written out before more is taken.
fn through(
    socket: impl AsFd,
    (out, into): &(OwnedFd, OwnedFd),
    to: impl AsFd,
    meter: &Meter,
) -> Result<bool, Fault> {
    let mut is_first = true;
    loop {
        let taken = match retry(&socket, PollFlags::IN, || splice_once(&socket, into, PIPE)) {
            Ok(0) => return Ok(true),
            Ok(n) => n,
            Err(error) if is_first && is_refusal(error) => return Ok(false),
            Err(error) => return Err(read_fault(error)),
        };
        meter.output_stuck(true);
        let by_kernel = empty(out, &to, taken).map_err(write_fault)?;
        meter.output_stuck(false);
        meter.moved(Way::Down, taken);
        if !by_kernel {
            return Ok(false);
        }
        if is_first {
            tracing::debug!("down by splice through a pipe");
            is_first = false;
        }
    }
}

/// Moves what is in the pipe to `to`; false if that had to be done by reading and writing, which
/// also finds out what is wrong where the kernel merely refuses.
fn empty(pipe: impl AsFd, to: impl AsFd, mut left: usize) -> Result<bool, Errno> {
    while left > 0 {
        match retry(&to, PollFlags::OUT, || splice_once(&pipe, &to, left)) {
            Ok(n) => left -= n,
            Err(error) if is_refusal(error) => {
                let mut buffer = vec![0; left];
                let n = read(&pipe, &mut buffer)?;
                write_all(&to, &buffer[..n], || ())?;
                return if n == left { Ok(false) } else { empty(pipe, to, left - n) };
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn splice_once(from: impl AsFd, to: impl AsFd, most: usize) -> Result<usize, Errno> {
    // Never SPLICE_F_MORE: the tail would come 200 ms late.
    splice(from, None, to, None, most, SpliceFlags::empty())
}

/// A pipe between a socket and a file.
fn own_pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let pipe = pipe_with(PipeFlags::CLOEXEC)?;
    let _ = fcntl_setpipe_size(&pipe.1, PIPE);
    Ok(pipe)
}

fn kind(descriptor: impl AsFd) -> Option<FileType> {
    fstat(descriptor).ok().map(|stat| FileType::from_raw_mode(stat.st_mode))
}

fn appends(descriptor: impl AsFd) -> bool {
    fcntl_getfl(descriptor).is_ok_and(|flags| flags.contains(OFlags::APPEND))
}

/// What the kernel, or a sandbox, says when it does not do this for these descriptors.
fn is_refusal(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::PERM, Errno::OPNOTSUPP].contains(&error)
}
