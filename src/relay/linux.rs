//! Linux moves bytes between a socket and a pipe or a file by itself. If it refuses the first call, that is
//! not an error: the plain loop then moves the bytes, and reports what is really wrong.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, sendfile};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::RecvFlags;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::Fault;
use super::fault::{read_fault, write_fault};
use crate::transport::BlockingSocket;
use crate::transport::blocking::{read, receive, retry, write_all};

/// The most that a call moves; of a file little enough for the counters to advance steadily.
const FROM_FILE: usize = 16 * 1024 * 1024;
const PIPE: usize = 1024 * 1024;

/// A pipe through which this much goes at once is enlarged.
const ENLARGE: usize = 16 * 1024;

/// Enlarges stdin or stdout if it is a pipe. A larger pipe means fewer wake-ups of the process at its other
/// end.
pub(super) struct PipeSize {
    pipe: Option<BorrowedFd<'static>>,
}

impl PipeSize {
    pub(super) fn of(descriptor: Option<BorrowedFd<'static>>) -> Self {
        Self { pipe: descriptor.filter(|descriptor| kind(descriptor) == Some(FileType::Fifo)) }
    }

    /// Enlarges the pipe once enough has gone through it at once.
    pub(super) fn after(&mut self, moved: usize) {
        if moved >= ENLARGE
            && let Some(pipe) = self.pipe.take()
        {
            // If this is refused, the pipe works as it is.
            let _ = fcntl_setpipe_size(pipe, PIPE);
        }
    }
}

/// A system call that moves bytes between a socket and a descriptor.
pub(super) struct Call {
    how: How,
    /// Whether it has worked once, so that an error is no longer a refusal.
    is_proven: bool,
}

enum How {
    SendFile,
    FromPipe,
    ToPipe,
    /// To a file or a device through a pipe of our own.
    Through {
        out: OwnedFd,
        into: OwnedFd,
    },
    /// The kernel does not do it.
    Refused,
}

impl Call {
    /// From a file by sendfile, from a pipe by splice; None if that is not possible, or not faster: a peer on
    /// this machine shares our cache, and has less work with bytes that we have copied than with pages that
    /// it has to fetch.
    ///
    /// While splice reads from a pipe it holds the pipe's lock: if it then waited for the socket, the process
    /// that writes to the pipe would hang and could not be killed. So the socket is made non-blocking.
    pub(super) fn up(from: BorrowedFd<'_>, socket: &BlockingSocket) -> Option<Self> {
        let how = match kind(from)? {
            _ if !socket.is_plain() => return None,
            FileType::RegularFile => How::SendFile,
            FileType::Fifo if !socket.is_local() && socket.set_nonblocking().is_ok() => How::FromPipe,
            _ => return None,
        };
        Some(Self { how, is_proven: false })
    }

    /// To a pipe by splice, to a file or /dev/null through a pipe of our own; None if that is not possible.
    pub(super) fn down(socket: &BlockingSocket, to: BorrowedFd<'_>) -> Option<Self> {
        let how = match kind(to)? {
            _ if !socket.is_plain() => return None,
            FileType::Fifo => How::ToPipe,
            FileType::RegularFile | FileType::CharacterDevice if !appends(to) => {
                let (out, into) = own_pipe().ok()?;
                How::Through { out, into }
            }
            _ => return None,
        };
        Some(Self { how, is_proven: false })
    }

    /// Moves bytes once, from a socket only what has arrived; 0 is the end. None if the kernel refuses these
    /// descriptors. An empty pipe or a full socket is a [`Fault::Read`] with `WouldBlock`.
    pub(super) fn once(
        &mut self,
        socket: &BlockingSocket,
        local: BorrowedFd<'_>,
    ) -> Result<Option<usize>, Fault> {
        let mut is_refused = false;
        let moved = match &self.how {
            How::SendFile => {
                retry(socket, PollFlags::OUT, || sendfile(socket, local, None, FROM_FILE)).map_err(up_fault)
            }
            How::FromPipe => splice_once(local, socket, PIPE, SpliceFlags::NONBLOCK).map_err(up_fault),
            How::ToPipe => to_pipe(socket, local),
            How::Through { out, into } => through(socket, (out, into), local).map(|(moved, by_kernel)| {
                is_refused = !by_kernel;
                moved
            }),
            How::Refused => return Ok(None),
        };
        if is_refused {
            self.how = How::Refused;
        }
        match moved {
            Err(fault) if !self.is_proven && is_refusal_of(&fault) => Ok(None),
            moved => moved.inspect(|&n| self.prove(n)).map(Some),
        }
    }

    fn prove(&mut self, moved: usize) {
        if moved == 0 || self.is_proven {
            return;
        }
        self.is_proven = true;
        match self.how {
            How::SendFile => tracing::debug!("sent by sendfile"),
            How::FromPipe => tracing::debug!("sent by splice"),
            How::ToPipe => tracing::debug!("received by splice"),
            How::Through { .. } => tracing::debug!("received by splice through a pipe"),
            How::Refused => {}
        }
    }
}

/// Reading and writing are one call here, and errors that sockets do not have are of reading.
fn up_fault(error: Errno) -> Fault {
    match error {
        Errno::IO | Errno::ISDIR | Errno::BADF | Errno::AGAIN => read_fault(error),
        _ => write_fault(error),
    }
}

fn to_pipe(socket: &BlockingSocket, to: BorrowedFd<'_>) -> Result<usize, Fault> {
    match retry(to, PollFlags::OUT, || splice_once(socket, to, PIPE, SpliceFlags::empty())) {
        // A pipe without a reader, or not open for writing, is refused before the socket is looked at. At the
        // socket's end there is nothing to be written.
        Err(Errno::PIPE | Errno::BADF)
            if receive(socket, &mut [0], RecvFlags::empty()).map_err(read_fault)? == 0 =>
        {
            Ok(0)
        }
        Err(error @ (Errno::PIPE | Errno::BADF)) => Err(write_fault(error)),
        done => done.map_err(read_fault),
    }
}

/// From the socket through the pipe to the file; the pipe is emptied before more is taken. False if that had
/// to be done by reading and writing.
fn through(
    socket: &BlockingSocket,
    (out, into): (&OwnedFd, &OwnedFd),
    to: BorrowedFd<'_>,
) -> Result<(usize, bool), Fault> {
    let taken = retry(socket, PollFlags::IN, || splice_once(socket, into, PIPE, SpliceFlags::empty()))
        .map_err(read_fault)?;
    let by_kernel = empty(out, to, taken).map_err(write_fault)?;
    Ok((taken, by_kernel))
}

/// Moves what is in the pipe to `to`; false if that had to be done by reading and writing, which also finds
/// the real error if the kernel merely refuses.
fn empty(pipe: &OwnedFd, to: BorrowedFd<'_>, mut left: usize) -> Result<bool, Errno> {
    while left > 0 {
        match retry(to, PollFlags::OUT, || splice_once(pipe, to, left, SpliceFlags::empty())) {
            Ok(n) => left -= n,
            Err(error) if is_refusal(error) => {
                let mut buffer = vec![0; left];
                let n = read(pipe, &mut buffer)?;
                write_all(to, &buffer[..n], || ())?;
                return if n == left { Ok(false) } else { empty(pipe, to, left - n) };
            }
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Never with `SPLICE_F_MORE`: the tail would come 200 ms late.
pub(super) fn splice_once(
    from: impl AsFd,
    to: impl AsFd,
    most: usize,
    flags: SpliceFlags,
) -> Result<usize, Errno> {
    retry_on_intr(|| splice(&from, None, &to, None, most, flags))
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

/// The errors with which the kernel, or a sandbox, refuses such a call.
fn is_refusal(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::PERM, Errno::OPNOTSUPP].contains(&error)
}

fn is_refusal_of(fault: &Fault) -> bool {
    let (Fault::Read(error) | Fault::Write(error)) = fault;
    Errno::from_io_error(error).is_some_and(is_refusal)
}
