//! Connections that are neither read nor written at the moment: waiting until they fail, or until data
//! arrives.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::SockRef;
use tokio::io::Interest;

use super::{Beneath, ReadHalf, Watched, readiness};
use crate::error::Error;

impl ReadHalf {
    /// Waits until data or an end has arrived. Fails if the connection fails before that. Returns at once if
    /// this is not a plain socket, because neither can be known then. May be cancelled.
    pub(crate) async fn arrived(&self) -> Result<(), Error> {
        let arrived = match self.beneath() {
            Beneath::Tcp(socket) => socket.async_io(Interest::READABLE, || first_arrival(socket)).await,
            Beneath::Unix(socket) => socket.async_io(Interest::READABLE, || first_arrival(socket)).await,
            Beneath::Shared(_) | Beneath::Nothing => Ok(()),
        };
        arrived.map_err(|error| Error::from_io("reading", error))
    }
}

/// Waits until the connection has failed: it was reset, or its peer no longer answers. An end of the peer's
/// stream is not a failure. May be cancelled.
pub(crate) async fn lost(socket: BorrowedFd<'_>) -> io::Error {
    match Watched::for_failure(socket) {
        Ok(watched) => match watched.broken().await {
            Ok(()) => cause(&SockRef::from(&socket)),
            Err(error) => error,
        },
        // It cannot be watched; the next write finds the failure.
        Err(_) => pending().await,
    }
}

/// Succeeds if data or an end has arrived. `WouldBlock` if not, and the connection's error if it failed
/// before that.
fn first_arrival(socket: impl AsFd) -> io::Result<()> {
    let ready = readiness(&socket, PollFlags::IN);
    if ready.is_empty() {
        return Err(ErrorKind::WouldBlock.into());
    }
    let has_bytes = rustix::io::ioctl_fionread(&socket).is_ok_and(|n| n > 0);
    if ready.contains(PollFlags::ERR) && !has_bytes { Err(cause(&SockRef::from(&socket))) } else { Ok(()) }
}

/// Why a connection has failed. After the peer's end the system calls a reset a broken pipe, and it reports
/// an error only once.
pub(super) fn cause(socket: &SockRef<'_>) -> io::Error {
    match socket.take_error() {
        Ok(Some(error)) if error.kind() != ErrorKind::BrokenPipe => error,
        _ => Errno::CONNRESET.into(),
    }
}
