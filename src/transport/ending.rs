//! How a plain TCP connection ends: with FIN if that was asked for, otherwise with a reset.
//!
//! Once bytes may be sent on it, and until its end is sent, closing the socket resets the connection. The
//! system closes it even after a SIGKILL, and what was cut short must not look complete to the peer. TLS has
//! an end of its own, `close_notify`, and needs none of this.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;

use super::loss::cause;

/// From now on closing the socket resets the connection and discards what is not sent yet.
pub(super) fn reset_on_close(socket: &impl AsFd) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

/// From now on closing the socket sends what is left, and then FIN.
pub(super) fn end_on_close(socket: &impl AsFd) {
    let _ = SockRef::from(socket).set_linger(None);
}

/// Sends FIN after everything that is still to be sent, even if the process ends first.
pub(super) fn end(socket: &impl AsFd) -> io::Result<()> {
    end_on_close(socket);
    shut_down(socket)
}

/// Ends the sending direction, with FIN.
pub(super) fn shut_down(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.shutdown(Shutdown::Write).map_err(|error| match error.kind() {
        ErrorKind::NotConnected => cause(&socket),
        _ => error,
    })
}

/// Resets the connection at once, even if the socket has other descriptors. A system that has no call for
/// that resets it when the last of them is closed.
pub(super) fn reset(socket: &impl AsFd) {
    reset_on_close(socket);
    #[cfg(target_os = "linux")]
    let _ = rustix::net::connect_unspec(socket);
}
