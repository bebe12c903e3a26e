//! The PROXY protocol, versions 1 and 2, as haproxy's `proxy-protocol.txt` specifies it: what a proxy says of its client
//! before the stream begins.
//!
//! A header is judged by a plain function of all bytes received so far, which also says how many are certain to follow.
//! So it may arrive in any pieces, and no byte after it is read: what follows stays in the socket, which can then be
//! given to code that has no place for what was read ahead.

#[cfg(test)]
mod splits;
mod v1;
mod v2;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use tokio::io::AsyncReadExt;

use super::{Transport, ending, quoted};
use crate::endpoint::Address;
use crate::error::{Error, reason};

/// The version of a PROXY header that is sent to a target, with the addresses of the client.
///
/// Parsed from `v1` and `v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// A client's connection with the proxy that speaks for it: the client's address, and the one that it has connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) peer: Address,
    pub(crate) local: Address,
}

/// What the bytes received so far are.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    /// The beginning of a header, which has at least so many bytes more.
    More(usize),
    /// A whole header of so many bytes. It names no client where the proxy speaks for itself, or does not know the
    /// client's address.
    Done(usize, Option<Ends>),
    /// Anything else, and why.
    No(String),
}

fn read(received: &[u8]) -> Header {
    let may_be = |start: &[u8]| received.starts_with(start) || start.starts_with(received);
    if may_be(v1::START) {
        v1::read(received)
    } else if may_be(v2::START) {
        v2::read(received)
    } else {
        Header::No(format!("it began with {}", quoted(received)))
    }
}

/// Receives the header and no byte after it. From now on the connection is reset when it is closed.
///
/// # Errors
/// Why what has come is no header.
pub(crate) async fn receive(mut io: Transport) -> Result<(Transport, Option<Ends>), String> {
    if let Transport::Tcp(stream) = &io {
        ending::reset_on_close(stream);
    }
    let mut received = Vec::new();
    loop {
        let more = match read(&received) {
            Header::More(more) => more,
            Header::Done(_, client) => return Ok((io, client)),
            Header::No(reason) => return Err(reason),
        };
        let mut piece = (&mut io).take(more.try_into().unwrap_or(u64::MAX));
        match piece.read_buf(&mut received).await {
            Ok(1..) => {}
            Ok(0) if received.is_empty() => return Err("the connection was closed".to_owned()),
            Ok(0) => return Err(format!("the connection was closed after {}", quoted(&received))),
            Err(error) => return Err(reason(&error)),
        }
    }
}

impl ProxyProtocol {
    /// The header for a client at `peer`, which has connected to `local`.
    pub(crate) fn header(self, peer: &Address, local: &Address) -> Vec<u8> {
        let ends = of_one_family(peer, local);
        match self {
            Self::V1 => v1::write(ends).into_bytes(),
            Self::V2 => v2::write(ends),
        }
    }
}

/// The addresses in the form that a header has: both of IPv4, or both of IPv6.
fn of_one_family(peer: &Address, local: &Address) -> Option<(SocketAddr, SocketAddr)> {
    let (Address::Tcp(peer), Address::Tcp(local)) = (peer, local) else { return None };
    let ips = [peer, local].map(|address| address.ip().to_canonical());
    let is_mixed = ips[0].is_ipv4() != ips[1].is_ipv4();
    let [source, destination] = ips.map(|ip| match ip {
        IpAddr::V4(v4) if is_mixed => v4.to_ipv6_mapped().into(),
        ip => ip,
    });
    Some((SocketAddr::new(source, peer.port()), SocketAddr::new(destination, local.port())))
}

impl FromStr for ProxyProtocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            _ => Err(Error::invalid(text, "the versions of the PROXY protocol are v1 and v2")),
        }
    }
}

impl fmt::Display for ProxyProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}
