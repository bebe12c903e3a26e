//! A network interface for a socket: `SO_BINDTODEVICE`.

use std::io;

use tokio::net::TcpSocket;

pub(super) fn bind(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}
