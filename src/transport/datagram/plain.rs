//! Moves one message with each call, which every system supports.

use std::io;

use bytes::{Bytes, BytesMut};
#[cfg(target_os = "linux")]
use rustix::net::RecvFlags;
use socket2::{SockAddr, SockRef};
use tokio::net::{UdpSocket, UnixDatagram};

use super::{LONGEST, Received, Route, unix};
use crate::endpoint::Address;

#[cfg_attr(target_os = "linux", expect(dead_code, reason = "several go in one call there"))]
pub(super) fn receive_udp(socket: &UdpSocket, received: &mut Vec<Received>) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(LONGEST);
    let (_, peer) = socket.try_recv_buf_from(&mut buffer)?;
    let route = Route { peer: Address::Tcp(peer), asked: None };
    received.push(Received { data: Bytes::copy_from_slice(&buffer), route });
    Ok(())
}

#[cfg_attr(target_os = "linux", expect(dead_code, reason = "several go in one call there"))]
pub(super) fn send_udp(socket: &UdpSocket, messages: &[Bytes], route: Option<&Route>) -> io::Result<usize> {
    match route.map(|route| &route.peer) {
        Some(Address::Tcp(peer)) => socket.try_send_to(&messages[0], *peer)?,
        _ => socket.try_send(&messages[0])?,
    };
    Ok(1)
}

pub(super) fn receive_unix(socket: &UnixDatagram, received: &mut Vec<Received>) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(next_length(socket)?);
    let (_, peer) = socket.try_recv_buf_from(&mut buffer)?;
    let route = Route { peer: unix::address(Ok(peer)), asked: None };
    received.push(Received { data: buffer.freeze(), route });
    Ok(())
}

pub(super) fn send_unix(socket: &UnixDatagram, message: &[u8], route: Option<&Route>) -> io::Result<()> {
    match route.map(|route| &route.peer) {
        Some(Address::Unix(Some(path))) => {
            // The standard library takes no abstract name here.
            SockRef::from(socket).send_to(message, &SockAddr::unix(unix::named(path))?)?
        }
        // It has sent from a socket without a name.
        Some(_) => return Err(io::ErrorKind::AddrNotAvailable.into()),
        None => socket.try_send(message)?,
    };
    Ok(())
}

/// How long the next message is: those of Unix sockets have no limit but the buffer of their sender.
#[cfg(target_os = "linux")]
fn next_length(socket: &UnixDatagram) -> io::Result<usize> {
    let (_, length) = rustix::net::recv(socket, &mut [0; 1], RecvFlags::PEEK | RecvFlags::TRUNC)?;
    Ok(length.max(1))
}

#[cfg(not(target_os = "linux"))]
fn next_length(_: &UnixDatagram) -> io::Result<usize> {
    Ok(4 * LONGEST)
}
