//! Sockets that listen. Accepting goes on after any error.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use super::door::{Door, NOT_ALLOWED, Place, Rules};
use super::ending::reset_on_close;
use super::unix::{self, OwnedPath};
use super::{Transport, multipath, tcp_address, with_manners};
use crate::endpoint::Address;
use crate::error::{Error, reason};

/// How long accepting pauses when the system cannot accept: descriptors have run out, say.
const REST: Duration = Duration::from_millis(100);

/// How often that is logged.
const REPORT_EACH: Duration = Duration::from_secs(1);

/// A socket that accepts connections.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    /// The path is removed with the listener.
    Unix(UnixListener, #[expect(dead_code, reason = "removed when dropped")] Option<OwnedPath>),
}

/// An accepted connection, and its two addresses.
pub(crate) struct Accepted {
    pub(crate) transport: Transport,
    pub(crate) peer: Address,
    pub(crate) local: Address,
    /// Where connections are counted.
    pub(crate) place: Option<Place>,
    /// Who has said who the peer is.
    pub(crate) proxy: Option<Box<Address>>,
}

impl Accepted {
    /// The connection, if these rules allow its peer; otherwise it is reset.
    ///
    /// # Errors
    /// They do not.
    pub(crate) fn allowed_by(self, rules: &Rules) -> Result<Self, Error> {
        if rules.allow(&self.peer) {
            return Ok(self);
        }
        refuse(&self, NOT_ALLOWED);
        Err(Error::other(format_args!("{}: refused: {NOT_ALLOWED}", self.peer)))
    }

    /// The same connection, registered with the runtime in which this is called.
    ///
    /// # Errors
    /// The system refuses that.
    pub(crate) fn moved_here(self) -> Result<Self, Error> {
        let failed = |cause| Error::from_io("serving", cause);
        Ok(Self { transport: self.transport.moved_here().map_err(failed)?, ..self })
    }
}

impl From<Transport> for Accepted {
    fn from(transport: Transport) -> Self {
        let (peer, local) = transport.addresses();
        Self { transport, peer, local, place: None, proxy: None }
    }
}

impl Listener {
    /// `local` is the address that is listened on.
    fn poll_accept(&self, cx: &mut Context<'_>, local: &Address) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                log_multipath(listener, &stream, peer);
                if !cfg!(target_os = "linux") {
                    // On Linux it inherits them from the listener.
                    with_manners(&SockRef::from(&stream));
                }
                let local = match local {
                    Address::Tcp(address) if !address.ip().is_unspecified() => local.clone(),
                    _ => tcp_address(stream.local_addr()),
                };
                let peer = Address::Tcp(peer);
                Accepted { transport: Transport::Tcp(stream), peer, local, place: None, proxy: None }
            }),
            Self::Unix(listener, _) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                let (peer, local) = (unix::address(Ok(peer)), local.clone());
                Accepted { transport: Transport::Unix(stream), peer, local, place: None, proxy: None }
            }),
        }
    }
}

/// Whether a client has multipath TCP, if it is asked for.
fn log_multipath(listener: &TcpListener, client: &TcpStream, peer: SocketAddr) {
    if tracing::enabled!(tracing::Level::INFO) && multipath::is_asked_for(listener) {
        tracing::info!("{peer}: {}", multipath::outcome(client));
    }
}

/// A listener and the address that it listens on.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) local: Address,
    listener: Listener,
}

impl Bound {
    pub(super) fn new(listener: Listener) -> Self {
        let local = match &listener {
            Listener::Tcp(listener) => tcp_address(listener.local_addr()),
            Listener::Unix(listener, _) => unix::address(listener.local_addr()),
        };
        Self { local, listener }
    }
}

/// Listeners that can be taken away from the one who waits for their connections.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    local: Arc<[Address]>,
    bound: Arc<Mutex<Vec<Bound>>>,
    door: Arc<Door>,
    /// Which one is asked first, so that each has its turn.
    turn: usize,
    /// When it was last reported that no connection can be accepted.
    reported: Option<Instant>,
}

impl Listening {
    pub(super) fn new(bound: Vec<Bound>) -> Self {
        let local = bound.iter().map(|bound| bound.local.clone()).collect();
        Self { local, bound: Arc::new(Mutex::new(bound)), door: Arc::default(), turn: 0, reported: None }
    }

    /// The same, with rules for who may come in.
    pub(crate) fn with_rules(self, rules: Rules) -> Self {
        Self { door: Door::new(rules), ..self }
    }

    /// Lets clients in by these rules from now on.
    pub(crate) fn set_rules(&self, rules: Rules) {
        self.door.set_rules(rules);
    }

    /// On a socket that is listening already.
    pub(crate) fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        if socket.r#type()? != Type::STREAM || !is_listening(&socket)? {
            return Err(io::Error::other("it is not a stream socket that listens"));
        }
        socket.set_nonblocking(true)?;
        let listener = if socket.local_addr()?.is_unix() {
            Listener::Unix(UnixListener::from_std(socket.into())?, None)
        } else {
            with_manners(&SockRef::from(&socket));
            Listener::Tcp(TcpListener::from_std(socket.into())?)
        };
        Ok(Self::new(vec![Bound::new(listener)]))
    }

    /// What is listened on.
    pub(crate) fn local_addrs(&self) -> &[Address] {
        &self.local
    }

    /// Stops listening at once: the ports and the paths are free on return.
    pub(crate) fn stop(&self) {
        lock(&self.bound).clear();
    }

    /// The next connection that may come in; None once it was stopped. Others are reset, and while there is no room,
    /// all wait in the backlog. An error of one connection is skipped. After any other,
    /// when descriptors or memory have run out say, it logs that and tries again after a pause. May be cancelled.
    pub(crate) async fn accept(&mut self) -> Option<Accepted> {
        loop {
            self.door.room().await;
            match poll_fn(|cx| self.poll_accept(cx)).await? {
                Ok(accepted) => match self.door.enter(&accepted.peer) {
                    Ok(place) => return Some(Accepted { place, ..accepted }),
                    Err(why) => refuse(&accepted, &why),
                },
                Err(error) if is_of_connection(&error) => {
                    tracing::debug!("a connection ended before it was accepted: {}", reason(&error));
                }
                Err(error) => {
                    if self.reported.is_none_or(|at| at.elapsed() >= REPORT_EACH) {
                        let local = self.local.first().map_or_else(String::new, ToString::to_string);
                        tracing::warn!("cannot accept a connection on {local}: {}", reason(&error));
                        self.reported = Some(Instant::now());
                    }
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted>>> {
        let bound = lock(&self.bound);
        if bound.is_empty() {
            return Poll::Ready(None);
        }
        for turn in self.turn..self.turn + bound.len() {
            let Bound { local, listener } = &bound[turn % bound.len()];
            if let Poll::Ready(accepted) = listener.poll_accept(cx, local) {
                self.turn = (turn + 1) % bound.len();
                return Poll::Ready(Some(accepted));
            }
        }
        Poll::Pending
    }
}

/// Resets a connection before a byte has gone.
fn refuse(accepted: &Accepted, why: &str) {
    tracing::info!("{}: refused: {why}", accepted.peer);
    if let Transport::Tcp(stream) = &accepted.transport {
        reset_on_close(stream);
    }
}

fn lock(bound: &Mutex<Vec<Bound>>) -> MutexGuard<'_, Vec<Bound>> {
    bound.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the system cannot say, the first accept does.
fn is_listening(socket: &Socket) -> io::Result<bool> {
    #[cfg(not(target_vendor = "apple"))]
    return Ok(rustix::net::sockopt::socket_acceptconn(socket)?);
    #[cfg(target_vendor = "apple")]
    Ok(socket.local_addr().is_ok())
}

/// Whether an error is that of the connection that was to be accepted (accept(2)).
fn is_of_connection(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::INTR,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
        Errno::PERM,
        Errno::PROTO,
        Errno::TIMEDOUT,
    ]
    .map(Some)
    .contains(&errno)
}
