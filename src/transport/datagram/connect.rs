//! Sockets that send to one address.

use std::collections::VecDeque;
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
#[derive(Debug)]
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

/// The addresses of a name that have not been tried yet.
#[derive(Debug)]
pub(crate) struct Untried {
    how: DatagramDial,
    addresses: VecDeque<SocketAddr>,
}

/// Chooses the first address of `endpoint` that there is a route to, and returns those after it too. Nothing is sent.
pub(crate) async fn connect_datagrams(
    endpoint: &Endpoint,
    how: DatagramDial,
) -> Result<(Connected, Untried), Error> {
    how.dial.check(endpoint)?;
    let failed = |attempts| Error::Connect { target: endpoint.to_string(), attempts };
    match endpoint {
        Endpoint::Unix(path) => match unix::connect_datagrams(path) {
            Ok(socket) => {
                let peer = Address::Unix(Some(path.clone()));
                let connected = Connected { socket: DatagramSocket::unix(socket, None), peer, route: None };
                Ok((connected, Untried { how, addresses: VecDeque::new() }))
            }
            Err(cause) => Err(failed(vec![Attempt::new(endpoint, cause)])),
        },
        Endpoint::Tcp { host, port } => {
            let addresses = how.dial.reachable(how.dial.addresses(host, *port).await?)?;
            let (mut untried, mut attempts) = (Untried { how, addresses: addresses.into() }, Vec::new());
            match untried.connect(&mut attempts)? {
                Some(connected) => Ok((connected, untried)),
                None => Err(failed(attempts)),
            }
        }
    }
}

impl Untried {
    /// A socket for the next address that there is a route to, if there is one. Those that there is none to are in
    /// `failed`.
    ///
    /// # Errors
    /// The source cannot be had.
    pub(crate) fn connect(&mut self, failed: &mut Vec<Attempt>) -> Result<Option<Connected>, Error> {
        while let Some(peer) = self.addresses.pop_front() {
            match self.how.connect(peer) {
                Ok(connected) => return Ok(Some(connected)),
                Err(Failure::Source(cause)) => return Err(self.how.dial.no_source(cause)),
                Err(Failure::Target(cause)) => failed.push(Attempt::new(peer, cause)),
            }
        }
        Ok(None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.addresses.is_empty()
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
        // The other family may need the same port next.
        if matches!(peer, SocketAddr::V6(peer) if peer.ip().to_ipv4_mapped().is_none()) {
            socket.set_only_v6(true)?;
        }
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
