//! Linux moves bytes between a socket and a pipe or a file by itself. A first call that is refused
//! is no error: the plain loop then does it, and finds out what is really wrong.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, sendfile};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::mover::{read_fault, write_fault};
use super::{Fault, Meter, Way};
use crate::transport::blocking::{read, retry, wait, write_all};

/// How much a call moves at most. A file's is bounded so that the meter and the clocks go on.
const FROM_FILE: usize = 16 * 1024 * 1024;
const FROM_FILE_CLOCKED: usize = 64 * 1024;
const PIPE: usize = 1024 * 1024;

/// A pipe that is given this much at once is enlarged.
const ENLARGE: usize = 16 * 1024;

/// From a file by sendfile, from a pipe by splice; false where that is not possible.
///
/// `set_nonblocking` is of the socket. While the kernel moves from a pipe it holds the pipe's lock:
/// if it then waited for the socket, whoever writes to the pipe would hang, and could not be killed.
pub(super) fn up(
    from: impl AsFd,
    socket: impl AsFd,
    set_nonblocking: impl FnOnce() -> io::Result<()>,
    meter: &Meter,
) -> Result<bool, Fault> {
    // Where reading and writing are one call, what a socket says is of the socket.
    let fault = |error| {
        if matches!(error, Errno::IO | Errno::ISDIR) { read_fault(error) } else { write_fault(error) }
    };
    match kind(&from) {
        Some(FileType::RegularFile) => {
            let most = if meter.has_limit() { FROM_FILE_CLOCKED } else { FROM_FILE };
            let call = || retry(&socket, PollFlags::OUT, || sendfile(&socket, &from, None, most));
            repeat("sendfile", Way::Up, meter, call, fault)
        }
        Some(FileType::Fifo) if set_nonblocking().is_ok() => {
            let call = || loop {
                match splice_once(&from, &socket, PIPE) {
                    Err(Errno::INTR) => {}
                    // It does not say which of the two is not ready.
                    Err(Errno::AGAIN) => {
                        wait(&from, PollFlags::IN).and_then(|()| wait(&socket, PollFlags::OUT))?;
                    }
                    done => return done,
                }
            };
            repeat("splice", Way::Up, meter, call, fault)
        }
        _ => Ok(false),
    }
}

/// To a pipe by splice, to a file or /dev/null through a pipe of our own; false where that is not
/// possible.
pub(super) fn down(socket: impl AsFd, to: impl AsFd, meter: &Meter) -> Result<bool, Fault> {
    match kind(&to) {
        Some(FileType::Fifo) => {
            let mut is_large = false;
            let call = || {
                // Waiting for the socket inside of splice would hold the pipe's lock: what is in it
                // already could not be read.
                wait(&socket, PollFlags::IN)?;
                let moved = retry(&to, PollFlags::OUT, || splice_once(&socket, &to, PIPE))?;
                if !is_large && moved >= ENLARGE {
                    // The larger the pipe, the fewer the turns; refused, it works as it is.
                    let _ = fcntl_setpipe_size(&to, PIPE);
                    is_large = true;
                }
                Ok(moved)
            };
            let fault = |error| if error == Errno::PIPE { write_fault(error) } else { read_fault(error) };
            repeat("splice", Way::Down, meter, call, fault)
        }
        Some(FileType::RegularFile | FileType::CharacterDevice) if !appends(&to) => {
            let Ok(pipe) = own_pipe() else { return Ok(false) };
            through(&socket, &pipe, &to, meter)
        }
        _ => Ok(false),
    }
}

/// Moves until the end; false if the first call is refused.
fn repeat(
    name: &str,
    way: Way,
    meter: &Meter,
    mut call: impl FnMut() -> Result<usize, Errno>,
    fault: impl Fn(Errno) -> Fault,
) -> Result<bool, Fault> {
    let mut is_first = true;
    loop {
        match call() {
            Ok(0) => return Ok(true),
            Ok(n) => {
                if is_first {
                    tracing::debug!("{way} by {name}");
                }
                meter.moved(way, n);
            }
            Err(error) if is_first && is_refusal(error) => return Ok(false),
            Err(error) => return Err(fault(error)),
        }
        is_first = false;
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
                write_all(&to, &buffer[..n])?;
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
