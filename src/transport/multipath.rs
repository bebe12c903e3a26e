//! Multipath TCP (RFC 8684), where the system has none.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

use socket2::Protocol;

pub(super) fn protocol() -> io::Result<Protocol> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system has no multipath TCP"))
}

pub(super) fn is_asked_for(_: &impl AsFd) -> bool {
    false
}

pub(super) fn outcome(_: &impl AsFd) -> &'static str {
    "no multipath TCP"
}
