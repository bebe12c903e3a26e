//! This end of a connection to be made: its socket, which may be bound to a chosen address, port or interface.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::{device, multipath};
use crate::endpoint::Source;

/// This end of a connection to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct ThisEnd {
    pub(crate) source: Option<Arc<Source>>,
    /// Whether multipath TCP is used if the peer has it.
    pub(crate) multipath: bool,
}

impl ThisEnd {
    /// A socket for a connection to `target`, which does not block.
    pub(super) fn socket(&self, target: SocketAddr) -> io::Result<Socket> {
        let protocol = if self.multipath { Some(multipath::protocol()?) } else { None };
        stream(Domain::for_address(target), protocol)
    }
}

/// A socket for a connection, which does not block. Most systems make one in a single call.
#[cfg(not(target_vendor = "apple"))]
fn stream(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), protocol)
}

#[cfg(target_vendor = "apple")]
fn stream(domain: Domain, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Source {
    /// Whether an address of this family can be reached from here.
    pub(super) fn reaches(&self, target: &SocketAddr) -> bool {
        self.ip.is_none_or(|ip| ip.is_ipv4() == target.is_ipv4())
    }

    /// Makes a connection of `socket` to `target` come from here.
    pub(super) fn bind(&self, socket: &Socket, target: SocketAddr) -> io::Result<()> {
        if let Some(name) = &self.interface {
            device::bind(socket, name)?;
        }
        if let Some(address) = self.address(target) {
            // A connection from the same port to another address, or one that has ended, does no harm.
            socket.set_reuse_address(self.port != 0)?;
            socket.bind(&address.into())?;
        }
        Ok(())
    }

    /// The address for what goes to `target`; None if the system chooses all of it.
    pub(super) fn address(&self, target: SocketAddr) -> Option<SocketAddr> {
        let address = match self.ip.unwrap_or(any(target)) {
            IpAddr::V6(ip) => SocketAddrV6::new(ip, self.port, 0, self.scope).into(),
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, self.port),
        };
        (self.ip.is_some() || self.port != 0).then_some(address)
    }
}

/// All addresses of this machine, in the family of `target`.
pub(super) fn any(target: SocketAddr) -> IpAddr {
    if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}
