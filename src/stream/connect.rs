//! `open_connection`: name, address, connection, STARTTLS, TLS, streams, all within one limit.

use std::sync::Arc;
use std::time::Duration;

use super::link::Link;
use super::{Limits, SETUP_TIMEOUT, StreamReader, StreamWriter, fresh, streams};
use crate::endpoint::{Endpoint, Family};
use crate::error::{Error, Step};
use crate::policy::Deadline;
use crate::transport::starttls::{Request, StartTls};
use crate::transport::tls::TlsClient;
use crate::transport::{Dial, Known, Transport, dial, is_target};

/// How to open a connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    family: Family,
    numeric: bool,
    known: Option<Arc<Known>>,
    timeout: Option<Duration>,
    tls: Option<TlsClient>,
    starttls: Option<StartTls>,
    limits: Limits,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            family: Family::Any,
            numeric: false,
            known: None,
            timeout: Some(SETUP_TIMEOUT),
            tls: None,
            starttls: None,
            limits: Limits::default(),
        }
    }
}

impl ConnectOptions {
    /// The defaults: both families, names looked up, 30 s, no TLS, lines of up to 64 KiB.
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

    /// The limit of the whole set-up: name, connection, STARTTLS and TLS handshake; 30 s by default. `None`
    /// is no limit: then the system alone decides how long connecting may take, and a server that says
    /// nothing is waited for without end.
    #[must_use]
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks the server for TLS in its own protocol first, and speaks TLS then, as `tls` says or else by
    /// its defaults. What was said before the handshake is not told again: a mail server's user greets
    /// it anew.
    #[must_use]
    pub fn starttls(mut self, protocol: StartTls) -> Self {
        self.starttls = Some(protocol);
        self.tls.get_or_insert_default();
        self
    }

    /// How many bytes a line, or what comes before a separator, may have.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limits.line = bytes;
        self
    }

    /// How long [`wait_closed`](StreamWriter::wait_closed), or a writer that was dropped, waits for a peer
    /// that takes nothing, and then for its end; 30 s by default. `None` is no limit.
    #[must_use]
    pub fn close_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.close = limit.into();
        self
    }

    /// Fails a connection on which nothing has moved either way for this long, by default never: what waits for it
    /// gets [`Error::Idle`]. The clock runs only while a call waits for the network.
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = limit.into();
        self
    }

    /// Moves all bytes through the streams, also where the kernel could move them by itself: to find out which of
    /// the two a fault is in.
    #[must_use]
    pub fn by_streams(mut self, yes: bool) -> Self {
        self.limits.by_streams = yes;
        self
    }
}

impl ConnectOptions {
    /// Looks the host of `endpoint` up, for all connections to that host that are made with these
    /// options. Otherwise each of them asks anew, which is right for a program that runs for long. A
    /// Unix socket has no host. May be cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Invalid`] for
    /// an address to listen on.
    pub async fn resolved(mut self, endpoint: &Endpoint) -> Result<Self, Error> {
        self.known = self.dial().look_up(endpoint).await?;
        Ok(self)
    }

    /// How to connect, from now on.
    fn dial(&self) -> Dial {
        Dial {
            known: self.known.clone(),
            family: self.family,
            numeric: self.numeric,
            deadline: Deadline::after(self.timeout),
        }
    }

    /// Finds out before any connection whether one could be made: the address must be one to connect
    /// to, and the files of TLS must be usable.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        is_target(endpoint)?;
        self.tls.as_ref().map(|tls| tls.connector(endpoint.host())).transpose().map(drop)
    }
}

/// Connects to `endpoint`: to the first of its addresses that answers, a new one being tried every
/// 250 ms (RFC 8305). asyncio's `open_connection` and `open_unix_connection`. May be cancelled.
///
/// # Errors
/// [`Error::Resolve`], [`Error::Connect`] with every address that was tried, [`Error::Timeout`],
/// [`Error::Tls`], also for a server that declines STARTTLS, with its words, [`Error::File`];
/// [`Error::Invalid`] for an address to listen on.
pub async fn open_connection(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<(StreamReader, StreamWriter), Error> {
    // Files are read, and found wanting, before anybody is bothered.
    let connector = options.tls.as_ref().map(|tls| tls.connector(endpoint.host())).transpose()?;
    let how = options.dial();
    let deadline = how.deadline;
    let transport = dial(endpoint, &how).await?;
    let (peer, local) = transport.addresses();
    tracing::info!("connected to {peer} from {local}");
    let Some(connector) = connector else {
        return Ok(fresh(transport, options.limits.clone().into()));
    };
    let name = match endpoint.to_string() {
        same if same == peer.to_string() => same,
        given => format!("{given} ({peer})"),
    };
    let mut io = transport;
    if let Some(protocol) = options.starttls {
        let server = &connector.server_name();
        let request = Request { protocol, server, local: &local, peer: &name, deadline };
        io = request.send(io.into()).await?;
    }
    // Its state is large, and goes when it is done.
    let shaking_hands = Box::pin(connector.connect(io.into(), &name));
    let (secured, info) =
        deadline.bound(Step::Handshake, shaking_hands, || format!("TLS handshake with {name}")).await??;
    Ok(streams(Transport::secured(secured, info), Link::new(peer, local, options.limits.clone().into())))
}
