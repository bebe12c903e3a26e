//! Connections that fail while nobody reads them or writes to them.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::SockRef;

use super::{Watched, readiness};

/// Waits until the connection has failed: it was reset, or its peer does not answer any more. A peer that
/// merely ends does not count. May be cancelled.
pub(crate) async fn lost(socket: BorrowedFd<'_>) -> io::Error {
    match Watched::for_failure(socket) {
        Ok(watched) => match watched.broken().await {
            Ok(()) => cause(&SockRef::from(&socket)),
            Err(error) => error,
        },
        // Refused, it is found by who writes next.
        Err(_) => pending().await,
    }
}

/// Whether something has come from a connection, an end included; it would block if not, and fails if the
/// connection has failed before that.
pub(super) fn first_arrival(socket: impl AsFd) -> io::Result<()> {
    let ready = readiness(&socket, PollFlags::IN);
    if ready.is_empty() {
        return Err(ErrorKind::WouldBlock.into());
    }
    let has_bytes = rustix::io::ioctl_fionread(&socket).is_ok_and(|n| n > 0);
    if ready.contains(PollFlags::ERR) && !has_bytes { Err(cause(&SockRef::from(&socket))) } else { Ok(()) }
}

/// Tells the peer that nothing more comes: FIN.
pub(super) fn shut_down(socket: &SockRef<'_>) -> io::Result<()> {
    socket.shutdown(Shutdown::Write).map_err(|error| match error.kind() {
        ErrorKind::NotConnected => cause(socket),
        _ => error,
    })
}

/// Why a connection is no more. After the peer's end the system calls a reset a broken pipe, and whoever
/// has met it before has taken the reason.
pub(super) fn cause(socket: &SockRef<'_>) -> io::Error {
    match socket.take_error() {
        Ok(Some(error)) if error.kind() != ErrorKind::BrokenPipe => error,
        _ => Errno::CONNRESET.into(),
    }
}
