//! `open_connection`: name, address, connection, STARTTLS, TLS, streams, all within one limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::link::Link;
use super::retry::Retry;
use super::{Limits, SETUP_TIMEOUT, StreamReader, StreamWriter, streams};
use crate::endpoint::{Address, Endpoint, Family};
use crate::error::{Error, Step};
use crate::policy::Deadline;
use crate::transport::proxy::{Proxy, Reached, reach};
use crate::transport::starttls::{Request, StartTls};
use crate::transport::tls::{Connector, TlsClient};
use crate::transport::{Dial, Known, Transport, is_target};

/// How to open a connection.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    family: Family,
    numeric: bool,
    known: Option<Arc<Known>>,
    proxies: Vec<Proxy>,
    timeout: Option<Duration>,
    retry: Option<Retry>,
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
            proxies: Vec::new(),
            timeout: Some(SETUP_TIMEOUT),
            retry: None,
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

    /// Reaches the target through this proxy; given repeatedly, through a chain of them, the first of which is
    /// connected to from here. [`family`](Self::family) is then about that connection; with
    /// [`numeric`](Self::numeric) the target too must be an IP address. TLS is with the target all the same, and
    /// verified for its name.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxies.push(proxy);
        self
    }

    /// The proxies on the way to a target, in their order.
    pub fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The limit of the whole set-up: name, connection, STARTTLS and TLS handshake; 30 s by default. `None`
    /// is no limit: then only the system limits connecting, and a server that sends nothing is waited for
    /// without end.
    #[must_use]
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// Tries again for this long, by default never, what fails for a reason that may pass: a name that does not
    /// resolve yet, a port that refuses, a handshake that is cut short. Verification that fails, and what this
    /// side has to change, does not pass. The pauses grow from 50 ms to 1 s. [`timeout`](Self::timeout) is the
    /// limit of each try, and this the limit of all together, after which the error is that of the last one. What
    /// is waited for is logged as a warning, once for each reason.
    #[must_use]
    pub fn retry_for(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.retry = limit.into().map(Retry::For);
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks the server in its own protocol to start TLS, and then speaks TLS, with the options of `tls` or
    /// else the defaults. The greeting before the handshake is not passed on: a mail client greets the server
    /// anew.
    #[must_use]
    pub fn starttls(mut self, protocol: StartTls) -> Self {
        self.starttls = Some(protocol);
        self.tls.get_or_insert_default();
        self
    }

    /// The most bytes of a line, or before a separator.
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

    /// The idle timeout: a connection on which nothing has moved in either direction for this long fails with
    /// [`Error::Idle`], as do the calls that wait for it. There is none by default. The clock runs only while
    /// a call waits for the network.
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.idle = limit.into();
        self
    }

    /// Moves all bytes through the streams even if the kernel could move them by itself, to find out which of
    /// the two is at fault.
    #[must_use]
    pub fn by_streams(mut self, yes: bool) -> Self {
        self.limits.by_streams = yes;
        self
    }
}

impl ConnectOptions {
    /// Looks the host of `endpoint` up, or that of the first proxy, for all connections to that host that are
    /// made with these options. Otherwise each of them asks anew, which is right for a program that runs for long. A
    /// Unix socket has no host. With [`retry_for`](Self::retry_for), the time of all these connections begins now.
    /// May be cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`]; [`Error::Timeout`] after [`timeout`](Self::timeout); [`Error::Invalid`] for
    /// an address to listen on.
    pub async fn resolved(mut self, endpoint: &Endpoint) -> Result<Self, Error> {
        self.retry = self.retry.map(|retry| Retry::Until(retry.end()));
        let options = &self;
        let first = options.proxies.first().map_or(endpoint, Proxy::endpoint);
        let look_up = |deadline| async move { options.dial(deadline).look_up(first).await };
        self.known = self.retrying(look_up).await?;
        Ok(self)
    }

    /// Makes a connection, or what leads to one, in as many tries as there may be; each has a deadline.
    async fn retrying<T, F>(&self, attempt: impl Fn(Deadline) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        match self.retry {
            Some(retry) => retry.run(self.timeout, attempt).await,
            None => attempt(Deadline::after(self.timeout)).await,
        }
    }

    /// How to connect.
    fn dial(&self, deadline: Deadline) -> Dial {
        Dial { known: self.known.clone(), family: self.family, numeric: self.numeric, deadline }
    }

    /// How to reach a target without streams; None if TLS or a proxy is in between, which need streams.
    pub(crate) fn dial_plain(&self) -> Option<Dial> {
        let is_plain = self.tls.is_none() && self.proxies.is_empty();
        is_plain.then(|| self.dial(Deadline::after(self.timeout)))
    }

    /// Checks before any connection whether one could be made: the address must be one to connect to, and the
    /// files of TLS must be usable.
    pub(crate) fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        is_target(endpoint)?;
        self.connector(endpoint.host())?;
        self.check_proxies(endpoint)
    }

    /// Each proxy is asked for the next one, and the last for the target.
    fn check_proxies(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let targets = self.proxies.iter().skip(1).map(Proxy::endpoint).chain([endpoint]);
        self.proxies.iter().zip(targets).try_for_each(|(proxy, target)| proxy.check(target))
    }

    /// The target in messages, with what it was reached at.
    fn name(&self, endpoint: &Endpoint, peer: &Address) -> String {
        let (given, reached) = (endpoint.to_string(), peer.to_string());
        match self.proxies.last() {
            Some(proxy) => format!("{given} (through {proxy})"),
            None if given == reached => given,
            None => format!("{given} ({reached})"),
        }
    }

    fn connector(&self, host: Option<&str>) -> Result<Option<Connector>, Error> {
        self.tls.as_ref().map(|tls| tls.connector(host)).transpose()
    }
}

/// Connects to the first address of `endpoint` that answers; a new one is tried every 250 ms (RFC 8305).
/// asyncio's `open_connection` and `open_unix_connection`. May be cancelled.
///
/// # Errors
/// [`Error::Resolve`], [`Error::Connect`] with every address that was tried, [`Error::Timeout`],
/// [`Error::Tls`], also for a server that declines STARTTLS, with its words, [`Error::Proxy`], [`Error::File`];
/// [`Error::Invalid`] for an address to listen on.
///
/// # Panics
/// Outside of a tokio runtime with IO and time enabled.
pub async fn open_connection(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<(StreamReader, StreamWriter), Error> {
    options.retrying(|deadline| open_once(endpoint, options, deadline)).await
}

async fn open_once(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    deadline: Deadline,
) -> Result<(StreamReader, StreamWriter), Error> {
    // Files are read and checked before any connection is made.
    let connector = options.connector(endpoint.host())?;
    options.check_proxies(endpoint)?;
    let reached = reach(endpoint, &options.dial(deadline), &options.proxies).await?;
    tracing::info!("connected to {} from {}", reached.peer, reached.local);
    let name = options.name(endpoint, &reached.peer);
    set_up(reached, connector, options, &name, deadline).await
}

/// The streams of a connection that is there already: a [`TcpStream`](tokio::net::TcpStream), a
/// [`UnixStream`](tokio::net::UnixStream), or any other stream, with STARTTLS and TLS as `options` say, within
/// their time limit; what they say about names and addresses counts for nothing. asyncio's
/// `open_connection(sock=…)`. A cancelled call has closed the connection, and so has one that fails.
///
/// A server speaks TLS over it by [`start_tls`](crate::start_tls). The name that a client verifies is
/// [`TlsClient::server_name`].
///
/// A TCP socket gets the same settings as every other: no delay (`TCP_NODELAY`), keep-alive, and a reset where
/// it is dropped before its end was sent. Of a stream that is no socket this is expected:
/// - [`write_eof`](StreamWriter::write_eof) and closing call its `poll_shutdown`, after which the peer sees an
///   end. One that cannot end its directions apart ends with the first.
/// - [`wait_closed`](StreamWriter::wait_closed) then reads to the peer's end, for as long as
///   [`close_timeout`](ConnectOptions::close_timeout) says.
/// - [`abort`](StreamWriter::abort) drops it, without a shutdown. What its peer makes of that is its own
///   business: a pipe ends.
/// - Both directions share one lock, held for one poll. The addresses are [`Address::Unknown`].
///
/// ```
/// use astream::{ConnectOptions, open_connection_over};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let (one, other) = tokio::net::UnixStream::pair()?;
/// let options = ConnectOptions::new().limit(1024);
/// let (_reader, writer) = open_connection_over(one, &options).await?;
/// let (mut reader, _writer) = open_connection_over(other, &options).await?;
/// writer.write(b"hello\n");
/// assert_eq!(reader.readline().await?.unwrap(), "hello\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Timeout`], [`Error::Tls`], [`Error::File`].
///
/// # Panics
/// With TLS, outside of a tokio runtime with time enabled.
///
/// [`Address::Unknown`]: crate::Address::Unknown
pub async fn open_connection_over(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    options: &ConnectOptions,
) -> Result<(StreamReader, StreamWriter), Error> {
    let connector = options.connector(None)?;
    let reached = Reached::from(Transport::over(io));
    let name = reached.peer.to_string();
    set_up(reached, connector, options, &name, Deadline::after(options.timeout)).await
}

/// What follows once there is a connection; `name` is the server for messages.
async fn set_up(
    Reached { mut connection, peer, local }: Reached,
    connector: Option<Connector>,
    options: &ConnectOptions,
    name: &str,
    deadline: Deadline,
) -> Result<(StreamReader, StreamWriter), Error> {
    let link = |peer, local| Link::new(peer, local, options.limits.clone().into());
    let Some(connector) = connector else { return Ok(streams(connection, link(peer, local))) };
    if let Some(protocol) = options.starttls {
        let server = &connector.server_name();
        let request = Request { protocol, server, local: &local, peer: name, deadline };
        connection = request.send(connection).await?.into();
    }
    // Boxed: its state is large, and freed when it is done.
    let shaking_hands = Box::pin(connector.connect(connection, name));
    let (secured, info) =
        deadline.bound(Step::Handshake, shaking_hands, || format!("TLS handshake with {name}")).await??;
    Ok(streams(Transport::secured(secured, info), link(peer, local)))
}
