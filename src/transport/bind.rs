//! Binding: one port for all addresses of a name, also where the system chooses it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;

use super::listener::{Bound, Listener, Listening};
use super::resolve::resolve;
use super::{multipath, unix, with_manners};
use crate::endpoint::{Address, Endpoint, Family};
use crate::error::{Error, reason};

/// How many connections may wait to be accepted, if the system allows that many.
const BACKLOG: u32 = 4096;

/// How often to try again when the port that the system chose for one family is taken in the other.
const PORT_TRIES: usize = 20;

/// How to listen.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    pub(crate) family: Family,
    pub(crate) numeric: bool,
    /// How many connections wait to be accepted, where the system allows that many.
    pub(crate) backlog: u32,
    /// Whether others may listen on the same port, who then share its connections.
    pub(crate) reuse_port: bool,
    /// Whether multipath TCP is used with clients that have it.
    pub(crate) multipath: bool,
    /// The permissions of the path of a Unix socket.
    pub(crate) mode: u32,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            family: Family::Any,
            numeric: false,
            backlog: BACKLOG,
            reuse_port: false,
            multipath: false,
            mode: unix::MODE,
        }
    }
}

impl Listen {
    /// Listens on every address of every endpoint, those without a port sharing one.
    pub(crate) async fn bind(&self, endpoints: &[Endpoint]) -> Result<Listening, Error> {
        let mut places = Vec::new();
        for endpoint in endpoints {
            places.push(match endpoint {
                Endpoint::Unix(path) => Place::Unix(path),
                Endpoint::Tcp { host, port } => Place::Tcp(self.addresses(host, *port).await?),
            });
        }
        let mut tries = PORT_TRIES;
        loop {
            match self.bind_all(&places) {
                Err(failed) if failed.was_chosen && tries > 0 => tries -= 1,
                done => {
                    return done
                        .map(Listening::new)
                        .map_err(|failed| Error::bind(&failed.target, failed.cause));
                }
            }
        }
    }

    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        let (v4, v6) = ((Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into());
        match (host, self.family) {
            ("*", Family::Any) => Ok(vec![v4, v6]),
            ("*", Family::V4) => Ok(vec![v4]),
            ("*", Family::V6) => Ok(vec![v6]),
            _ => resolve(host, port, self.family, self.numeric).await,
        }
    }

    fn bind_all(&self, places: &[Place<'_>]) -> Result<Vec<Bound>, Failed> {
        let (mut bound, mut port) = (Vec::new(), None);
        for place in places {
            match place {
                Place::Unix(path) => bound.push(self.bind_path(path)?),
                Place::Tcp(addresses) => self.bind_addresses(addresses, &mut port, &mut bound)?,
            }
        }
        Ok(bound)
    }

    fn bind_path(&self, path: &Path) -> Result<Bound, Failed> {
        let failed =
            |cause| Failed { target: Address::Unix(Some(path.to_owned())), cause, was_chosen: false };
        let (listener, owned) = unix::bind(path, self.mode, self.backlog()).map_err(failed)?;
        Ok(Bound::new(Listener::Unix(listener, owned)))
    }

    /// Binds the addresses of one name, of which those are left out that this machine does not have: `::1`
    /// where IPv6 is off. `port` is what the system has chosen for those that have none.
    fn bind_addresses(
        &self,
        addresses: &[SocketAddr],
        port: &mut Option<u16>,
        bound: &mut Vec<Bound>,
    ) -> Result<(), Failed> {
        let (known, mut absent) = (bound.len(), None);
        for address in addresses {
            let chosen = port.filter(|_| address.port() == 0);
            let mut wanted = *address;
            wanted.set_port(chosen.unwrap_or(address.port()));
            let target = Address::Tcp(wanted);
            if bound.iter().any(|bound| bound.local == target) {
                continue;
            }
            match self.listen(wanted) {
                Ok(listener) => {
                    if address.port() == 0 {
                        *port = listener.local_addr().ok().map(|local| local.port());
                    }
                    bound.push(Bound::new(Listener::Tcp(listener)));
                }
                Err(cause) if is_absent(&cause) => {
                    tracing::info!("not listening on {wanted}: {}", reason(&cause));
                    absent = Some(Failed { target, cause, was_chosen: false });
                }
                Err(cause) => {
                    let was_chosen = chosen.is_some() && cause.kind() == ErrorKind::AddrInUse;
                    return Err(Failed { target, cause, was_chosen });
                }
            }
        }
        absent.filter(|_| bound.len() == known).map_or(Ok(()), Err)
    }

    fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let protocol = if self.multipath { Some(multipath::protocol()?) } else { None };
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, protocol)?;
        socket.set_reuse_address(true)?;
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // On Linux those who are accepted have them too.
        with_manners(&SockRef::from(&socket));
        socket.bind(&address.into())?;
        socket.listen(self.backlog())?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    }

    fn backlog(&self) -> i32 {
        i32::try_from(self.backlog).unwrap_or(i32::MAX)
    }
}

/// What one endpoint stands for.
enum Place<'a> {
    Unix(&'a Path),
    Tcp(Vec<SocketAddr>),
}

/// What could not be bound.
struct Failed {
    target: Address,
    cause: io::Error,
    /// The system chose this port for another address, where it was free.
    was_chosen: bool,
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(Some).contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(places: &[&[&str]]) -> Result<Vec<Bound>, Failed> {
        let addresses = |place: &&[&str]| place.iter().map(|text| text.parse().unwrap()).collect();
        let places: Vec<_> = places.iter().map(addresses).map(Place::Tcp).collect();
        Listen::default().bind_all(&places)
    }

    #[tokio::test]
    async fn an_address_that_this_machine_does_not_have_is_left_out_among_those_of_one_name() {
        let (foreign, own) = ("192.0.2.1:0", "127.0.0.1:0");
        let bound = bind(&[&[foreign, own]]).ok().unwrap();
        let [Bound { local: Address::Tcp(address), .. }] = &bound[..] else { panic!("{bound:?}") };
        assert_eq!(address.ip().to_string(), "127.0.0.1");
        for places in [&[&[foreign][..]][..], &[&[own], &[foreign]]] {
            let failed = bind(places).err().unwrap();
            assert_eq!(failed.cause.kind(), ErrorKind::AddrNotAvailable);
            assert!(failed.target.to_string().starts_with("192.0.2.1:"), "{}", failed.target);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_named_twice_is_bound_once() {
        assert_eq!(bind(&[&["127.0.0.1:0"], &["127.0.0.1:0", "127.0.0.2:0"]]).ok().unwrap().len(), 2);
    }
}
