//! Sockets that receive from anybody.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use rustix::net::netdevice::name_to_index;
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};
use tokio::net::UdpSocket;

use super::{DatagramSocket, unix};
use crate::endpoint::{Endpoint, Family};
use crate::error::{Error, reason};
use crate::transport::Listen;
use crate::transport::bind::is_absent;

/// How often to try again when the port that the system chose for one family is taken in the other.
const PORT_TRIES: usize = 20;

/// Binds every address of `endpoint`, on one port. A multicast group is joined, on `interface` if that is given;
/// of any other address only what comes in by `interface` is received.
pub(crate) async fn bind_datagrams(
    endpoint: &Endpoint,
    family: Family,
    numeric: bool,
    interface: Option<&str>,
) -> Result<Vec<DatagramSocket>, Error> {
    match endpoint {
        Endpoint::Unix(path) => {
            let (socket, owned) = unix::bind_datagrams(path).map_err(|cause| Error::bind(endpoint, cause))?;
            Ok(vec![DatagramSocket::unix(socket, owned)])
        }
        Endpoint::Tcp { host, port } => {
            let addresses = Listen { family, numeric, ..Listen::default() }.addresses(host, *port).await?;
            let bound =
                bind_all(&addresses, interface).map_err(|(address, cause)| Error::bind(&address, cause))?;
            Ok(bound.into_iter().map(DatagramSocket::udp).collect())
        }
    }
}

/// Binds all addresses on one port, which the system may choose. Of several addresses those that this machine does
/// not have are left out.
fn bind_all(
    addresses: &[SocketAddr],
    interface: Option<&str>,
) -> Result<Vec<UdpSocket>, (SocketAddr, io::Error)> {
    let mut tries = PORT_TRIES;
    'again: loop {
        let (mut bound, mut absent) = (Vec::new(), None);
        for &address in addresses {
            let mut wanted = address;
            if let Some(Ok(first)) = bound.first().map(UdpSocket::local_addr) {
                wanted.set_port(first.port());
            }
            match bind(wanted, interface) {
                Ok(socket) => bound.push(socket),
                Err(error) if is_absent(&error) => {
                    tracing::info!("not receiving on {wanted}: {}", reason(&error));
                    absent = Some((wanted, error));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && wanted != address && tries > 0 => {
                    tries -= 1;
                    continue 'again;
                }
                Err(error) => return Err((wanted, error)),
            }
        }
        return absent.filter(|_| bound.is_empty()).map_or(Ok(bound), Err);
    }
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
        bind_to(&socket, interface)?;
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
        return bind_to(socket, interface);
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

#[cfg(target_os = "linux")]
fn bind_to(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn bind_to(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
