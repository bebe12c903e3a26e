//! A network interface for a socket, where the system has no such setting.

use std::io::{self, ErrorKind};

use socket2::Socket;

pub(super) fn bind(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system cannot tie a connection to an interface"))
}
