//! Binding: one port for all addresses of a name, also where the system chooses it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::TcpListener;

use super::listener::{Bound, Listener, Listening};
use super::resolve::{Names, resolve};
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
    pub(crate) names: Names,
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
        let names = Names::default();
        Self { names, backlog: BACKLOG, reuse_port: false, multipath: false, mode: unix::MODE }
    }
}

/// How something is bound: a socket that listens, or one for datagrams.
pub(super) trait Bind {
    type Bound;

    fn tcp(&self, address: SocketAddr) -> io::Result<Self::Bound>;

    fn unix(&self, path: &Path) -> io::Result<Self::Bound>;

    fn local(bound: &Self::Bound) -> &Address;
}

/// Binds every address of every endpoint, those without a port sharing one.
pub(super) async fn bind<B: Bind>(
    how: &B,
    names: Names,
    endpoints: &[Endpoint],
) -> Result<Vec<B::Bound>, Error> {
    let mut places = Vec::new();
    for endpoint in endpoints {
        places.push(match endpoint {
            Endpoint::Unix(path) => Place::Unix(path),
            Endpoint::Tcp { host, port } => Place::Tcp(addresses(host, *port, names).await?),
        });
    }
    let mut tries = PORT_TRIES;
    loop {
        match bind_all(how, &places) {
            Err(failed) if failed.was_chosen && tries > 0 => tries -= 1,
            done => return done.map_err(|failed| Error::bind(&failed.target, failed.cause)),
        }
    }
}

async fn addresses(host: &str, port: u16, names: Names) -> Result<Vec<SocketAddr>, Error> {
    let (v4, v6) = ((Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into());
    match (host, names.family) {
        ("*", Family::Any) => Ok(vec![v4, v6]),
        ("*", Family::V4) => Ok(vec![v4]),
        ("*", Family::V6) => Ok(vec![v6]),
        _ => resolve(host, port, names).await,
    }
}

fn bind_all<B: Bind>(how: &B, places: &[Place<'_>]) -> Result<Vec<B::Bound>, Failed> {
    let (mut bound, mut port) = (Vec::new(), None);
    for place in places {
        match place {
            Place::Unix(path) => {
                let target = Address::Unix(Some(path.to_path_buf()));
                bound.push(how.unix(path).map_err(|cause| Failed { target, cause, was_chosen: false })?);
            }
            Place::Tcp(addresses) => bind_addresses(how, addresses, &mut port, &mut bound)?,
        }
    }
    Ok(bound)
}

/// Binds the addresses of one name. An address that this machine does not have, as `::1` where IPv6 is off, is
/// left out if there is another one. `port` is what the system has chosen for the addresses without a port.
fn bind_addresses<B: Bind>(
    how: &B,
    addresses: &[SocketAddr],
    port: &mut Option<u16>,
    bound: &mut Vec<B::Bound>,
) -> Result<(), Failed> {
    let (known, mut absent) = (bound.len(), None);
    for address in addresses {
        let chosen = port.filter(|_| address.port() == 0);
        let mut wanted = *address;
        wanted.set_port(chosen.unwrap_or(address.port()));
        let target = Address::Tcp(wanted);
        if bound.iter().any(|bound| *B::local(bound) == target) {
            continue;
        }
        match how.tcp(wanted) {
            Ok(socket) => {
                if let (0, Address::Tcp(local)) = (address.port(), B::local(&socket)) {
                    *port = Some(local.port());
                }
                bound.push(socket);
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

impl Bind for Listen {
    type Bound = Bound;

    fn tcp(&self, address: SocketAddr) -> io::Result<Bound> {
        Ok(Bound::new(Listener::Tcp(self.listen(address)?)))
    }

    fn unix(&self, path: &Path) -> io::Result<Bound> {
        let (listener, owned) = unix::bind(path, self.mode, self.backlog())?;
        Ok(Bound::new(Listener::Unix(listener, owned)))
    }

    fn local(bound: &Bound) -> &Address {
        &bound.local
    }
}

impl Listen {
    /// Listens on every address of every endpoint.
    pub(crate) async fn bind(&self, endpoints: &[Endpoint]) -> Result<Listening, Error> {
        bind(self, self.names, endpoints).await.map(Listening::new)
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

fn is_absent(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].map(Some).contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind_names(places: &[&[&str]]) -> Result<Vec<Bound>, Failed> {
        let addresses = |place: &&[&str]| place.iter().map(|text| text.parse().unwrap()).collect();
        let places: Vec<_> = places.iter().map(addresses).map(Place::Tcp).collect();
        bind_all(&Listen::default(), &places)
    }

    #[tokio::test]
    async fn an_address_that_this_machine_does_not_have_is_left_out_among_those_of_one_name() {
        let (foreign, own) = ("192.0.2.1:0", "127.0.0.1:0");
        let bound = bind_names(&[&[foreign, own]]).ok().unwrap();
        let [Bound { local: Address::Tcp(address), .. }] = &bound[..] else { panic!("{bound:?}") };
        assert_eq!(address.ip().to_string(), "127.0.0.1");
        for places in [&[&[foreign][..]][..], &[&[own], &[foreign]]] {
            let failed = bind_names(places).err().unwrap();
            assert_eq!(failed.cause.kind(), ErrorKind::AddrNotAvailable);
            assert!(failed.target.to_string().starts_with("192.0.2.1:"), "{}", failed.target);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_named_twice_is_bound_once() {
        assert_eq!(bind_names(&[&["127.0.0.1:0"], &["127.0.0.1:0", "127.0.0.2:0"]]).ok().unwrap().len(), 2);
    }
}
