//! `open_connection`: name, address, connection, STARTTLS, TLS, streams, all within one limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::link::Link;
use super::{Limits, SETUP_TIMEOUT, StreamReader, StreamWriter, fresh, streams};
use crate::endpoint::{Endpoint, Family};
use crate::error::Error;
use crate::transport::starttls::{Dialogue, StartTls};
use crate::transport::tls::TlsClient;
use crate::transport::{Dial, Known, Transport, dial, is_target};

/// How to open a connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    family: Family,
    numeric: bool,
    known: Option<Arc<Known>>,
    timeout: Duration,
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
            timeout: SETUP_TIMEOUT,
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

    /// The limit of the whole set-up: name, connection, STARTTLS and TLS handshake.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
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

    /// How long [`wait_closed`](StreamWriter::wait_closed) waits for the peer; 30 s by default.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.limits.close = timeout;
        self
    }
}

impl ConnectOptions {
    /// Looks the host of `endpoint` up, for all connections to that host that are made with these
    /// options. Otherwise each of them asks anew, which is right for a program that runs for long. A
    /// Unix socket has no host. May be cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Address`] for
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
            timeout: self.timeout,
            deadline: Instant::now() + self.timeout,
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
/// [`Error::Address`] for an address to listen on.
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
        return Ok(fresh(transport, None, options.limits));
    };
    let name = match endpoint.to_string() {
        same if same == peer.to_string() => same,
        given => format!("{given} ({peer})"),
    };
    let mut io = transport;
    if let Some(protocol) = options.starttls {
        let (server, timeout) = (&connector.server_name(), options.timeout);
        let local = &local;
        Dialogue { protocol, server, local, peer: &name, timeout, deadline }.hold(&mut io).await?;
    }
    let (secured, info) = timeout_at(deadline, connector.connect(io, &name)).await.map_err(|_| {
        Error::Timeout { doing: format!("TLS handshake with {name}"), after: options.timeout }
    })??;
    Ok(streams(Transport::Shared(secured), Link::new(peer, local, Some(info), options.limits)))
}
