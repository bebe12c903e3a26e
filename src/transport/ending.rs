//! How a plain TCP connection ends: with the end that was asked for, or else with a reset.
//!
//! From the moment somebody may send on it until its end is sent, closing the socket resets the connection.
//! The system closes it even where nobody else can, after a SIGKILL say, and what was cut short must not look
//! complete to the peer. TLS has an end of its own, `close_notify`, and needs none of this.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;

use super::loss::cause;

/// Closing the socket resets the connection from now on, and takes back what is still to be sent.
pub(super) fn reset_on_close(socket: &impl AsFd) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}

/// Closing the socket sends what is left, and then the end.
pub(super) fn end_on_close(socket: &impl AsFd) {
    let _ = SockRef::from(socket).set_linger(None);
}

/// Sends the end after all that is still to be sent, also if the process ends first.
pub(super) fn end(socket: &impl AsFd) -> io::Result<()> {
    end_on_close(socket);
    shut_down(socket)
}

/// Tells the peer that nothing more comes: FIN.
pub(super) fn shut_down(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.shutdown(Shutdown::Write).map_err(|error| match error.kind() {
        ErrorKind::NotConnected => cause(&socket),
        _ => error,
    })
}

/// Resets the connection at once, whoever else has the socket open; where the system has no call for that,
/// when the last of them closes it.
pub(super) fn reset(socket: &impl AsFd) {
    reset_on_close(socket);
    #[cfg(target_os = "linux")]
    let _ = rustix::net::connect_unspec(socket);
}
