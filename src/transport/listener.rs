//! Listening: one port for all addresses of a name, and an accept that survives every error that is not its
//! own.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::resolve::resolve;
use super::unix::{self, OwnedPath};
use super::{Transport, tcp_address, with_manners};
use crate::endpoint::{Address, Endpoint, Family};
use crate::error::{Error, reason};

/// How many connections may wait to be accepted, if the system allows that many.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when descriptors or memory have run out.
const REST: Duration = Duration::from_millis(100);

/// How often that is logged.
const TELL_EACH: Duration = Duration::from_secs(1);

/// How often to try again when the port that the system chose for one family is taken in the other.
const PORT_TRIES: usize = 20;

/// A socket that accepts connections.
#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    /// The path is removed with the listener.
    Unix(UnixListener, #[expect(dead_code, reason = "removed when dropped")] Option<OwnedPath>),
}

/// An accepted connection, and its two addresses.
pub(crate) struct Accepted {
    pub(crate) transport: Transport,
    pub(crate) peer: Address,
    pub(crate) local: Address,
}

impl Listener {
    /// `local` is the address that is listened on.
    fn poll_accept(&self, cx: &mut Context<'_>, local: &Address) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                if !cfg!(target_os = "linux") {
                    // On Linux it inherits them from the listener.
                    with_manners(&SockRef::from(&stream));
                }
                let local = match local {
                    Address::Tcp(address) if !address.ip().is_unspecified() => local.clone(),
                    _ => tcp_address(stream.local_addr()),
                };
                Accepted { transport: Transport::Tcp(stream), peer: Address::Tcp(peer), local }
            }),
            Self::Unix(listener, _) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                let (peer, local) = (unix::address(Ok(peer)), local.clone());
                Accepted { transport: Transport::Unix(stream), peer, local }
            }),
        }
    }
}

/// A listener that can be stopped while another task waits for its connections.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    local: Address,
    listener: Arc<Mutex<Option<Listener>>>,
    /// When it was last logged that no connection can be accepted.
    told: Option<Instant>,
}

impl Listening {
    fn new(listener: Listener) -> Self {
        let local = match &listener {
            Listener::Tcp(listener) => tcp_address(listener.local_addr()),
            Listener::Unix(listener, _) => unix::address(listener.local_addr()),
        };
        Self { local, listener: Arc::new(Mutex::new(Some(listener))), told: None }
    }

    pub(crate) fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Stops listening at once: the port and the path are free on return.
    pub(crate) fn stop(&self) {
        self.listener().take();
    }

    /// The next connection; None once it was stopped. An error of one connection is skipped. When descriptors
    /// or memory have run out, it logs that and tries again after a pause. May be cancelled.
    pub(crate) async fn accept(&mut self) -> Option<Accepted> {
        loop {
            match poll_fn(|cx| self.poll_accept(cx)).await? {
                Ok(accepted) => return Some(accepted),
                Err(error) if is_exhausted(&error) => {
                    if self.told.is_none_or(|at| at.elapsed() >= TELL_EACH) {
                        tracing::warn!("cannot accept a connection on {}: {}", self.local, reason(&error));
                        self.told = Some(Instant::now());
                    }
                    tokio::time::sleep(REST).await;
                }
                Err(error) => {
                    tracing::debug!("a connection ended before it was accepted: {}", reason(&error));
                }
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted>>> {
        match &*self.listener() {
            Some(listener) => listener.poll_accept(cx, &self.local).map(Some),
            None => Poll::Ready(None),
        }
    }

    fn listener(&self) -> MutexGuard<'_, Option<Listener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Some).contains(&errno)
}

/// Listens on every address of `endpoint`, on one port.
pub(crate) async fn bind(
    endpoint: &Endpoint,
    family: Family,
    numeric: bool,
) -> Result<Vec<Listening>, Error> {
    match endpoint {
        Endpoint::Unix(path) => {
            let (listener, owned) =
                unix::bind(path, BACKLOG).map_err(|cause| Error::bind(endpoint, cause))?;
            Ok(vec![Listening::new(Listener::Unix(listener, owned))])
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
            bind_all(&addresses).map_err(|(address, cause)| Error::bind(&address, cause))
        }
    }
}

/// Binds all addresses on one port, which the system may choose. Of several addresses those that this machine
/// does not have are skipped: `::1` where IPv6 is off.
fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<Listening>, (SocketAddr, io::Error)> {
    let mut tries = PORT_TRIES;
    'again: loop {
        let (mut bound, mut absent): (Vec<TcpListener>, _) = (Vec::new(), None);
        for &address in addresses {
            let mut wanted = address;
            if let Some(Ok(first)) = bound.first().map(TcpListener::local_addr) {
                wanted.set_port(first.port());
            }
            match listen(wanted) {
                Ok(listener) => bound.push(listener),
                Err(error) if is_absent(&error) => {
                    tracing::info!("not listening on {wanted}: {}", reason(&error));
                    absent = Some((wanted, error));
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse && wanted != address && tries > 0 => {
                    tries -= 1;
                    continue 'again;
                }
                Err(error) => return Err((wanted, error)),
            }
        }
        return match absent {
            Some(error) if bound.is_empty() => Err(error),
            _ => Ok(bound.into_iter().map(|bound| Listening::new(Listener::Tcp(bound))).collect()),
        };
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
    // On Linux accepted connections inherit them.
    with_manners(&SockRef::from(&socket));
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_this_machine_does_not_have_is_left_out_among_several() {
        let [foreign, own] = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse().unwrap());
        let listening = bind_all(&[foreign, own]).unwrap();
        let [Address::Tcp(address)] = listening.iter().map(Listening::local_addr).collect::<Vec<_>>()[..]
        else {
            panic!("{listening:?}")
        };
        assert_eq!(address.ip(), own.ip());
        let (named, error) = bind_all(&[foreign]).unwrap_err();
        assert_eq!((named, error.kind()), (foreign, ErrorKind::AddrNotAvailable));
    }
}
