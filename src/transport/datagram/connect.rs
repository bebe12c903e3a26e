//! Sockets that send to one address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;

use super::bind::send_by;
use super::{DatagramSocket, Route, unix};
use crate::endpoint::{Address, Endpoint};
use crate::error::{Attempt, Error};
use crate::transport::{Dial, is_target};

/// How to reach an address with datagrams.
pub(crate) struct DatagramDial<'a> {
    pub(crate) dial: Dial,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) interface: Option<&'a str>,
    pub(crate) broadcast: bool,
}

/// A socket and where it sends to.
pub(crate) struct Connected {
    pub(crate) socket: DatagramSocket,
    pub(crate) peer: Address,
    /// Where the peer is many: each of them answers from an address of its own, which a connected socket would not
    /// receive.
    pub(crate) route: Option<Route>,
}

/// Chooses the first address of `endpoint` that there is a route to. Nothing is sent.
pub(crate) async fn connect_datagrams(
    endpoint: &Endpoint,
    how: &DatagramDial<'_>,
) -> Result<Connected, Error> {
    is_target(endpoint)?;
    let failed = |attempts| Error::Connect { target: endpoint.to_string(), attempts };
    match endpoint {
        Endpoint::Unix(path) => match unix::connect_datagrams(path) {
            Ok(socket) => {
                let peer = Address::Unix(Some(path.clone()));
                Ok(Connected { socket: DatagramSocket::unix(socket, None), peer, route: None })
            }
            Err(cause) => Err(failed(vec![Attempt { address: endpoint.to_string(), cause: cause.into() }])),
        },
        Endpoint::Tcp { host, port } => {
            let mut attempts = Vec::new();
            for peer in how.dial.addresses(host, *port).await? {
                match how.connect(peer) {
                    Ok(connected) => return Ok(connected),
                    Err(cause) => attempts.push(Attempt::new(peer, cause)),
                }
            }
            Err(failed(attempts))
        }
    }
}

impl DatagramDial<'_> {
    fn connect(&self, peer: SocketAddr) -> io::Result<Connected> {
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, None)?;
        socket.set_broadcast(self.broadcast)?;
        if let Some(interface) = self.interface {
            send_by(&socket, peer.ip(), interface)?;
        }
        if let Some(local) = self.local {
            socket.bind(&local.into())?;
        }
        let is_many = self.broadcast || peer.ip().is_multicast();
        if is_many {
            if self.local.is_none() {
                socket.bind(&any(peer).into())?;
            }
        } else {
            socket.connect(&peer.into())?;
        }
        socket.set_nonblocking(true)?;
        let peer = Address::Tcp(peer);
        let route = is_many.then(|| Route { peer: peer.clone(), asked: None });
        Ok(Connected { socket: DatagramSocket::udp(UdpSocket::from_std(socket.into())?), peer, route })
    }
}

/// Any port of any address, in the family of `peer`.
fn any(peer: SocketAddr) -> SocketAddr {
    let ip: IpAddr = if peer.is_ipv6() { [0_u16; 8].into() } else { [0_u8; 4].into() };
    (ip, 0).into()
}
