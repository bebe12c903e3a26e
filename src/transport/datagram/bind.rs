//! Sockets that receive from any peer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use tokio::net::UdpSocket;

use super::{DatagramSocket, unix};
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::transport::bind::{self, Bind};
use crate::transport::{Names, device};

/// The interface by which everything is received, if one was chosen.
struct By<'a>(Option<&'a str>);

impl Bind for By<'_> {
    type Bound = DatagramSocket;

    fn tcp(&self, address: SocketAddr) -> io::Result<DatagramSocket> {
        bind(address, self.0).map(DatagramSocket::udp)
    }

    fn unix(&self, path: &Path) -> io::Result<DatagramSocket> {
        unix::bind_datagrams(path).map(|(socket, owned)| DatagramSocket::unix(socket, owned))
    }

    fn local(bound: &DatagramSocket) -> &Address {
        bound.local_addr()
    }
}

/// Binds every address of `endpoint`, on one port. A multicast group is joined, on `interface` if that is given;
/// with any other address only what comes in by `interface` is received.
pub(crate) async fn bind_datagrams(
    endpoint: &Endpoint,
    names: Names,
    interface: Option<&str>,
) -> Result<Vec<DatagramSocket>, Error> {
    bind::bind(&By(interface), names, std::slice::from_ref(endpoint)).await
}

fn bind(address: SocketAddr, interface: Option<&str>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if address.ip().is_multicast() {
        // Several may receive from one group.
        socket.set_reuse_address(true)?;
    } else if let Some(interface) = interface {
        device::bind(&socket, interface)?;
    }
    #[cfg(target_os = "linux")]
    super::linux::tell_asked(&socket, address.is_ipv6())?;
    socket.bind(&address.into())?;
    join(&socket, address, interface)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Joins the group, if the address is one.
fn join(socket: &Socket, address: SocketAddr, interface: Option<&str>) -> io::Result<()> {
    let index = interface.map_or(Ok(0), |interface| name_to_index(socket, interface))?;
    match address {
        SocketAddr::V4(group) if group.ip().is_multicast() => {
            socket.join_multicast_v4_n(group.ip(), &InterfaceIndexOrAddress::Index(index))
        }
        SocketAddr::V6(group) if group.ip().is_multicast() => {
            let index = if interface.is_some() { index } else { group.scope_id() };
            socket.join_multicast_v6(group.ip(), index)
        }
        _ => Ok(()),
    }
}

/// Sends to a group by `interface`, or everything.
pub(super) fn send_by(socket: &Socket, peer: IpAddr, interface: &str) -> io::Result<()> {
    if !peer.is_multicast() {
        return device::bind(socket, interface);
    }
    let index = name_to_index(socket, interface)?;
    if peer.is_ipv6() {
        return socket.set_multicast_if_v6(index);
    }
    #[cfg(target_os = "linux")]
    return Ok(rustix::net::sockopt::set_ip_multicast_if_with_ifindex(
        socket,
        &std::net::Ipv4Addr::UNSPECIFIED,
        &std::net::Ipv4Addr::UNSPECIFIED,
        index,
    )?);
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}
