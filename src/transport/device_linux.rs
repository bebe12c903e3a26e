//! A network interface for a socket: `SO_BINDTODEVICE`.

use std::io;

use socket2::Socket;

pub(super) fn bind(socket: &Socket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}
