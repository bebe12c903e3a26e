//! Sockets for datagrams: UDP, and Unix sockets of that type.
//!
//! Every call moves whole messages. Several may go in one call where the system has one for it (`linux`); the
//! plain calls stand beside it (`plain`), and are all that Unix sockets need.

mod bind;
mod connect;
#[cfg(target_os = "linux")]
mod linux;
mod plain;

use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use tokio::io::Interest;
use tokio::net::{UdpSocket, UnixDatagram};

use super::{tcp_address, unix};
use crate::endpoint::Address;

pub(crate) use bind::bind_datagrams;
pub(crate) use connect::{Connected, DatagramDial, Untried, connect_datagrams};

/// The longest message that is received from UDP: one byte more than any can have, so that none is cut.
const LONGEST: usize = 65_536;

/// How many messages one call receives at most.
const BATCH: usize = 32;

/// A socket that is bound or connected.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    socket: Socket,
    local: Address,
    /// The path is removed with the socket.
    #[expect(dead_code, reason = "removed when dropped")]
    path: Option<unix::OwnedPath>,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

/// Where a message came from, and where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) peer: Address,
    /// The address of this machine that was asked, so that the answer leaves from it. None where the socket is
    /// bound to one, and where the system does not say.
    pub(crate) asked: Option<IpAddr>,
}

/// A message that came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) data: Bytes,
    pub(crate) route: Route,
}

impl DatagramSocket {
    fn udp(socket: UdpSocket) -> Self {
        let local = tcp_address(socket.local_addr());
        Self { socket: Socket::Udp(socket), local, path: None }
    }

    fn unix(socket: UnixDatagram, path: Option<unix::OwnedPath>) -> Self {
        let local = unix::address(socket.local_addr());
        Self { socket: Socket::Unix(socket), local, path }
    }

    pub(crate) fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Waits for messages, and adds those that are there to `received`: at least one. May be cancelled.
    pub(crate) async fn receive(&self, received: &mut Vec<Received>) -> io::Result<()> {
        // An error of the socket makes it ready for nothing else.
        let ready = Interest::READABLE.add(Interest::ERROR);
        match &self.socket {
            Socket::Udp(socket) => socket.async_io(ready, || receive_udp(socket, received)).await,
            Socket::Unix(socket) => socket.async_io(ready, || plain::receive_unix(socket, received)).await,
        }
    }

    /// Hands the first of `messages` to the system, and as many after it as go in the same call; returns how many
    /// that were. Without a route they go to the peer that the socket is connected to. May be cancelled: nothing
    /// was sent then.
    pub(crate) async fn send(&self, messages: &[Bytes], route: Option<&Route>) -> io::Result<usize> {
        match &self.socket {
            Socket::Udp(socket) => {
                socket.async_io(Interest::WRITABLE, || send_udp(socket, messages, route)).await
            }
            Socket::Unix(socket) => {
                socket.async_io(Interest::WRITABLE, || plain::send_unix(socket, &messages[0], route)).await?;
                Ok(1)
            }
        }
    }
}

#[cfg(target_os = "linux")]
use linux::{receive as receive_udp, send as send_udp};

#[cfg(not(target_os = "linux"))]
use plain::{receive_udp, send_udp};
