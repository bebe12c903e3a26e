//! Sockets that send to one address.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;

use super::bind::send_by;
use super::{DatagramSocket, Route, unix};
use crate::endpoint::{Address, Endpoint};
use crate::error::{Attempt, Error};
use crate::transport::Dial;
use crate::transport::eyeballs::Failure;
use crate::transport::source::any;

/// How to reach an address with datagrams.
pub(crate) struct DatagramDial {
    pub(crate) dial: Dial,
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
pub(crate) async fn connect_datagrams(endpoint: &Endpoint, how: &DatagramDial) -> Result<Connected, Error> {
    how.dial.check(endpoint)?;
    let failed = |attempts| Error::Connect { target: endpoint.to_string(), attempts };
    match endpoint {
        Endpoint::Unix(path) => match unix::connect_datagrams(path) {
            Ok(socket) => {
                let peer = Address::Unix(Some(path.clone()));
                Ok(Connected { socket: DatagramSocket::unix(socket, None), peer, route: None })
            }
            Err(cause) => Err(failed(vec![Attempt::new(endpoint, cause)])),
        },
        Endpoint::Tcp { host, port } => {
            let mut attempts = Vec::new();
            for peer in how.dial.reachable(how.dial.addresses(host, *port).await?)? {
                match how.connect(peer) {
                    Ok(connected) => return Ok(connected),
                    Err(Failure::Source(cause)) => return Err(how.dial.no_source(cause)),
                    Err(Failure::Target(cause)) => attempts.push(Attempt::new(peer, cause)),
                }
            }
            Err(failed(attempts))
        }
    }
}

impl DatagramDial {
    fn connect(&self, peer: SocketAddr) -> Result<Connected, Failure> {
        let socket = Socket::new(Domain::for_address(peer), Type::DGRAM, None).map_err(Failure::Target)?;
        let local = self.come_from_source(&socket, peer).map_err(Failure::Source)?;
        self.aim(socket, local, peer).map_err(Failure::Target)
    }

    /// Makes a socket send from the source, and gives its address if it has one now.
    fn come_from_source(&self, socket: &Socket, peer: SocketAddr) -> io::Result<Option<SocketAddr>> {
        let Some(source) = &self.dial.this_end.source else { return Ok(None) };
        if let Some(interface) = &source.interface {
            send_by(socket, peer.ip(), interface)?;
        }
        let local = source.address(peer);
        local.map_or(Ok(()), |local| socket.bind(&local.into()))?;
        Ok(local)
    }

    fn aim(&self, socket: Socket, local: Option<SocketAddr>, peer: SocketAddr) -> io::Result<Connected> {
        socket.set_broadcast(self.broadcast)?;
        let is_many = self.broadcast || peer.ip().is_multicast();
        if is_many {
            if local.is_none() {
                socket.bind(&SocketAddr::new(any(peer), 0).into())?;
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
