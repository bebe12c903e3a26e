//! What sees the bytes of connections as they move: a dump, a capture, a digest.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::endpoint::Address;
use crate::error::Error;
use crate::transport::tls::TlsInfo;

/// Which way bytes move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the peer.
    Sent,
    /// From the peer.
    Received,
}

impl Direction {
    /// Both, in the order of their declaration.
    pub const BOTH: [Self; 2] = [Self::Sent, Self::Received];
}

/// `sent` or `received`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "sent",
            Self::Received => "received",
        })
    }
}

/// A connection, or a session of datagrams, that has just been set up.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Opened<'a> {
    /// The number of the client, counted from 1 in the order in which this process has accepted them. A connection that
    /// is opened for a client (`handlers::Forward`) has the number of the client; any other has none.
    pub number: Option<u64>,
    /// Whether the peer has opened the connection.
    pub is_accepted: bool,
    /// Whether it moves messages and not a stream.
    pub is_datagrams: bool,
    /// The address of the peer.
    pub peer: &'a Address,
    /// The address of this end.
    pub local: &'a Address,
    /// The proxy that has introduced the client, by a header of the PROXY protocol.
    pub proxy: Option<&'a Address>,
    /// The result of the TLS handshake, if the connection is under TLS.
    pub tls: Option<&'a TlsInfo>,
}

/// Sees the bytes of connections: [`ConnectOptions::observer`](crate::ConnectOptions::observer),
/// [`ServerOptions::observer`](crate::ServerOptions::observer).
///
/// ```
/// use astream::{Direction, Error, Observer, Opened, Tap};
///
/// /// Prints how long each piece is that moves.
/// struct Lengths;
///
/// struct Length(String);
///
/// impl Observer for Lengths {
///     fn open(&self, connection: &Opened<'_>) -> Box<dyn Tap> {
///         Box::new(Length(connection.peer.to_string()))
///     }
/// }
///
/// impl Tap for Length {
///     fn moved(&self, direction: Direction, bytes: &[u8]) {
///         println!("{}: {direction:?} {} bytes", self.0, bytes.len());
///     }
///
///     fn ended(&self, direction: Direction) {
///         println!("{}: {direction:?} ended", self.0);
///     }
///
///     fn closed(&self, failure: Option<&Error>) {
///         println!("{}: closed, {failure:?}", self.0);
///     }
/// }
///
/// let options = astream::ConnectOptions::new().observer(Lengths);
/// ```
pub trait Observer: Send + Sync {
    /// A connection was set up, TLS included: what is returned sees its bytes.
    fn open(&self, connection: &Opened<'_>) -> Box<dyn Tap>;
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn open(&self, connection: &Opened<'_>) -> Box<dyn Tap> {
        (**self).open(connection)
    }
}

/// Sees the bytes of one connection: plain, also under TLS. It is called while bytes move, so what it does slows the
/// connection, and if it waits, so do all connections of the thread. The two directions may be called from two threads.
pub trait Tap: Send + Sync {
    /// These bytes have moved. Of datagrams it is one message, which may be empty.
    fn moved(&self, direction: Direction, bytes: &[u8]);

    /// This direction has ended cleanly: the end was sent or received. Datagrams have no ends.
    fn ended(&self, direction: Direction);

    /// Nothing moves any more. A direction that has not ended was cut; `failure` is the error that the connection has
    /// met, if it was one. Called once, and last.
    fn closed(&self, failure: Option<&Error>);
}

/// How many clients this process has accepted.
static CLIENTS: AtomicU64 = AtomicU64::new(0);

/// The number of one more client.
pub(crate) fn next_client() -> u64 {
    CLIENTS.fetch_add(1, Ordering::Relaxed) + 1
}

/// All that wants to see the bytes of connections.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer + 'static) {
        self.0.push(Arc::new(observer));
    }

    pub(crate) fn open(&self, connection: &Opened<'_>) -> Taps {
        if self.0.is_empty() {
            return Taps::default();
        }
        let all = self.0.iter().map(|observer| observer.open(connection)).collect();
        Taps(Some(Box::new(Tapped { all, ended: Default::default() })))
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}

/// All that sees the bytes of one connection.
#[derive(Default)]
pub(crate) struct Taps(Option<Box<Tapped>>);

/// Boxed, because few connections have it.
struct Tapped {
    all: Vec<Box<dyn Tap>>,
    /// Which directions have ended: the end of one may be met again.
    ended: [AtomicBool; 2],
}

impl Taps {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn each(&self, see: impl FnMut(&Box<dyn Tap>)) {
        self.0.iter().flat_map(|taps| &taps.all).for_each(see);
    }

    pub(crate) fn moved(&self, direction: Direction, bytes: &[u8]) {
        self.each(|tap| tap.moved(direction, bytes));
    }

    pub(crate) fn ended(&self, direction: Direction) {
        let is_new = |taps: &Tapped| !taps.ended[direction as usize].swap(true, Ordering::Relaxed);
        if self.0.as_deref().is_some_and(is_new) {
            self.each(|tap| tap.ended(direction));
        }
    }

    pub(crate) fn closed(&self, failure: Option<&Error>) {
        self.each(|tap| tap.closed(failure));
    }
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taps", self.0.as_ref().map_or(0, |taps| taps.all.len()))
    }
}
