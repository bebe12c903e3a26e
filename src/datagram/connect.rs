//! `open_datagrams`: a socket of its own for messages to one address.

use std::sync::Arc;
use std::time::Duration;

use super::session::Datagrams;
use crate::endpoint::{Endpoint, Family, Source};
use crate::error::Error;
use crate::policy::Deadline;
use crate::stream::{ConnectOptions, SETUP_TIMEOUT};
use crate::transport::{DatagramDial, Dial, Eyeballs, Known, ThisEnd, connect_datagrams};

/// How to open a session of datagrams.
#[derive(Debug, Clone)]
pub struct DatagramOptions {
    family: Family,
    numeric: bool,
    known: Option<Arc<Known>>,
    timeout: Option<Duration>,
    idle: Option<Duration>,
    source: Source,
    broadcast: bool,
}

impl Default for DatagramOptions {
    fn default() -> Self {
        Self {
            family: Family::Any,
            numeric: false,
            known: None,
            timeout: Some(SETUP_TIMEOUT),
            idle: None,
            source: Source::default(),
            broadcast: false,
        }
    }
}

impl DatagramOptions {
    /// The defaults: both families, names looked up within 30 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses addresses of one family only.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Looks no names up.
    #[must_use]
    pub fn numeric(mut self, yes: bool) -> Self {
        self.numeric = yes;
        self
    }

    /// How long looking the name up may take; 30 s by default. `None` is no limit.
    #[must_use]
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// Ends a session in which nothing has moved either way for this long, by default never: who receives gets
    /// [`Error::Idle`]. The clock runs only while a call waits to receive.
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = limit.into();
        self
    }

    /// Sends from this address, port or interface; the system chooses them by default. asyncio's `local_addr`.
    #[must_use]
    pub fn local_addr(mut self, source: impl Into<Source>) -> Self {
        self.source = source.into();
        self
    }

    /// Sends by this network interface, `eth0` say, also to a multicast group.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.source = self.source.interface(name);
        self
    }

    /// Allows the address to stand for all machines of a network, and receives from all of them. asyncio's
    /// `allow_broadcast`.
    #[must_use]
    pub fn broadcast(mut self, yes: bool) -> Self {
        self.broadcast = yes;
        self
    }

    /// Looks the host of `endpoint` up, for all sessions with that host that are opened with these options. May be
    /// cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Invalid`] for an address to
    /// listen on.
    pub async fn resolved(mut self, endpoint: &Endpoint) -> Result<Self, Error> {
        self.known = self.dial().look_up(endpoint).await?;
        Ok(self)
    }

    #[cfg(test)]
    pub(super) fn known(mut self, known: Arc<Known>) -> Self {
        self.known = Some(known);
        self
    }

    fn dial(&self) -> Dial {
        let source = Some(&self.source).filter(|source| **source != Source::default());
        let source = source.map(|source| Arc::new(source.clone()));
        Dial {
            known: self.known.clone(),
            family: self.family,
            numeric: self.numeric,
            eyeballs: Eyeballs::default(),
            this_end: ThisEnd { source, multipath: false },
            deadline: Deadline::after(self.timeout),
        }
    }
}

/// Opens a session with `endpoint`: a UDP socket, or a Unix socket for datagrams, that sends to the first of its
/// addresses that there is a route to. Nothing is sent, so it is not known yet whether anything receives there. A message
/// from any other address is not received, unless the address is a multicast group or
/// [that of all machines](DatagramOptions::broadcast). asyncio's `create_datagram_endpoint(remote_addr=…)`. May be
/// cancelled.
///
/// Where a name has several addresses, one that refuses before anything has come is followed by the next, to which all
/// that was sent is sent again, in its order. Once more than 256 KiB were sent, the address stays.
///
/// ```
/// use astream::{DatagramOptions, DatagramServerOptions, Datagrams, Error, open_datagrams, serve_datagrams};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let echo = |peer: Datagrams| async move {
///     while let Ok(message) = peer.receive().await {
///         peer.send(&message).await?;
///     }
///     Ok::<_, Error>(())
/// };
/// let server = serve_datagrams(echo, &"127.0.0.1:0".parse()?, &DatagramServerOptions::new()).await?;
///
/// let address = server.local_addrs()[0].clone().try_into()?;
/// let session = open_datagrams(&address, &DatagramOptions::new()).await?;
/// session.send(b"hello").await?;
/// assert_eq!(session.receive().await?, "hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Resolve`]; [`Error::Timeout`] of looking the name up; [`Error::Connect`] with every address that there
/// is no route to; [`Error::Invalid`] for an address to listen on.
pub async fn open_datagrams(endpoint: &Endpoint, options: &DatagramOptions) -> Result<Datagrams, Error> {
    let dial = DatagramDial { dial: options.dial(), broadcast: options.broadcast };
    open(endpoint, dial, options.idle).await
}

/// The same as a stream is opened, if there is neither TLS nor a proxy: what was to be protected must not leave without.
pub(crate) async fn open_datagrams_as(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<Datagrams, Error> {
    let Some(dial) = options.dial_plain() else {
        return Err(Error::invalid(endpoint, "datagrams go neither over TLS nor through a proxy"));
    };
    let dial = DatagramDial { dial, broadcast: false };
    open(endpoint, dial, None).await
}

async fn open(endpoint: &Endpoint, dial: DatagramDial, idle: Option<Duration>) -> Result<Datagrams, Error> {
    let (connected, untried) = connect_datagrams(endpoint, dial).await?;
    let session = Datagrams::connected(connected, untried, idle);
    tracing::info!("sending datagrams to {} from {}", session.peer_addr(), session.local_addr());
    Ok(session)
}
