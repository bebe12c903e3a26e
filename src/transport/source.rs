//! Sockets that connect from an address, a port or an interface of one's choice.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use tokio::net::TcpSocket;

use super::device;
use crate::endpoint::Source;

impl Source {
    /// Whether an address of this family can be reached from here.
    pub(super) fn reaches(&self, target: &SocketAddr) -> bool {
        self.ip.is_none_or(|ip| ip.is_ipv4() == target.is_ipv4())
    }

    /// A socket for a connection from here to `target`.
    pub(super) fn socket(&self, target: SocketAddr) -> io::Result<TcpSocket> {
        let (socket, any) = match target {
            SocketAddr::V4(_) => (TcpSocket::new_v4()?, IpAddr::from(Ipv4Addr::UNSPECIFIED)),
            SocketAddr::V6(_) => (TcpSocket::new_v6()?, IpAddr::from(Ipv6Addr::UNSPECIFIED)),
        };
        if let Some(name) = &self.interface {
            device::bind(&socket, name)?;
        }
        if self.ip.is_some() || self.port != 0 {
            // A connection from the same port to another address, or one that has ended, is in nobody's way.
            socket.set_reuseaddr(self.port != 0)?;
            socket.bind(match self.ip.unwrap_or(any) {
                IpAddr::V6(ip) => SocketAddrV6::new(ip, self.port, 0, self.scope).into(),
                ip @ IpAddr::V4(_) => SocketAddr::new(ip, self.port),
            })?;
        }
        Ok(socket)
    }
}
