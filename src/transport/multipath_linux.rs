//! Multipath TCP (RFC 8684): one connection over several paths, if both ends have it.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use socket2::{Protocol, SockRef};

#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
pub(super) fn protocol() -> io::Result<Protocol> {
    Ok(Protocol::MPTCP)
}

/// Whether this socket was made for it.
pub(super) fn is_asked_for(socket: &impl AsFd) -> bool {
    SockRef::from(socket).protocol().is_ok_and(|protocol| protocol == Some(Protocol::MPTCP))
}

/// Whether the peer of a connection that was made for it has taken it, for the log.
pub(super) fn outcome(socket: &impl AsFd) -> &'static str {
    if is_used(socket) {
        "multipath TCP"
    } else {
        "plain TCP: the peer, or something on the way, has no multipath TCP"
    }
}

/// A connection that has fallen back to TCP passes all settings of TCP on. One over several paths refuses those
/// that are about one path, and this is such a one.
fn is_used(socket: &impl AsFd) -> bool {
    rustix::net::sockopt::tcp_thin_linear_timeouts(socket) == Err(Errno::OPNOTSUPP)
}
