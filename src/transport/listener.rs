//! Listening: one port for all addresses of a name, and an accept that survives what accept can say.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::resolve::resolve;
use super::unix::{self, OwnedPath};
use super::{Transport, tcp_address};
use crate::endpoint::{Address, Endpoint, Family};
use crate::error::Error;

/// How many connections wait to be accepted, where the system allows that many.
const BACKLOG: i32 = 4096;

/// How long accepting rests when descriptors or memory have run out.
const REST: Duration = Duration::from_millis(100);

/// How often two families are tried on a port that the system chose for the first.
const PORT_TRIES: usize = 20;

/// A socket that connections come from.
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// The path goes with the listener.
    Unix(UnixListener, #[expect(dead_code, reason = "removed when dropped")] Option<OwnedPath>),
}

impl Listener {
    pub(crate) fn local_addr(&self) -> Address {
        match self {
            Self::Tcp(listener) => tcp_address(listener.local_addr()),
            Self::Unix(listener, _) => unix::address(listener.local_addr()),
        }
    }

    /// The next connection. Errors of one connection are passed over; when descriptors or memory
    /// have run out, it rests and says so. May be cancelled.
    pub(crate) async fn accept(&self) -> Transport {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| Transport::tcp(stream)),
                Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Transport::Unix(stream)),
            };
            match accepted {
                Ok(transport) => return transport,
                Err(error) if is_exhausted(&error) => {
                    tracing::warn!("cannot accept a connection on {}: {error}", self.local_addr());
                    tokio::time::sleep(REST).await;
                }
                Err(error) => tracing::debug!("a connection ended before it was accepted: {error}"),
            }
        }
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Some).contains(&errno)
}

/// Listens on every address of `endpoint`, on one port.
pub(crate) async fn bind(endpoint: &Endpoint, family: Family, numeric: bool) -> Result<Vec<Listener>, Error> {
    match endpoint {
        Endpoint::Unix(path) => {
            let (listener, owned) =
                unix::bind(path, BACKLOG).map_err(|cause| Error::bind(endpoint, cause))?;
            Ok(vec![Listener::Unix(listener, owned)])
        }
        Endpoint::Tcp { host, port } => {
            let addresses = match (host.as_str(), family) {
                ("*", Family::Any) => {
                    vec![(Ipv4Addr::UNSPECIFIED, *port).into(), (Ipv6Addr::UNSPECIFIED, *port).into()]
                }
                ("*", Family::V4) => vec![(Ipv4Addr::UNSPECIFIED, *port).into()],
                ("*", Family::V6) => vec![(Ipv6Addr::UNSPECIFIED, *port).into()],
                _ => resolve(host, *port, family, numeric).await?,
            };
            let optional_v6 = host == "*" && family == Family::Any;
            bind_all(&addresses, optional_v6).map_err(|(address, cause)| Error::bind(&address, cause))
        }
    }
}

/// Binds all addresses on one port, also on one that the system chooses.
fn bind_all(addresses: &[SocketAddr], optional_v6: bool) -> Result<Vec<Listener>, (SocketAddr, io::Error)> {
    let mut tries = PORT_TRIES;
    'again: loop {
        let mut bound: Vec<TcpListener> = Vec::new();
        for &address in addresses {
            let mut wanted = address;
            if let Some(Ok(first)) = bound.first().map(TcpListener::local_addr) {
                wanted.set_port(first.port());
            }
            match listen(wanted) {
                Ok(listener) => bound.push(listener),
                // A machine without IPv6 still has all of its addresses.
                Err(error) if optional_v6 && is_absent(&error) && address.is_ipv6() => {}
                Err(error) if error.kind() == ErrorKind::AddrInUse && wanted != address && tries > 0 => {
                    tries -= 1;
                    continue 'again;
                }
                Err(error) => return Err((wanted, error)),
            }
        }
        return Ok(bound.into_iter().map(Listener::Tcp).collect());
    }
}

fn is_absent(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(Some).contains(&errno)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}
