//! `open_connection`: name, address, connection, STARTTLS, TLS, streams, all within one limit.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::link::Link;
use super::{ConnectOptions, StreamReader, StreamWriter, streams};
use crate::endpoint::Endpoint;
use crate::error::{Error, Step};
use crate::policy::Deadline;
use crate::transport::Transport;
use crate::transport::proxy::{Reached, reach};
use crate::transport::starttls::Request;
use crate::transport::tls::Connector;

/// Connects to the first address of `endpoint` that answers; a new one is tried every 250 ms (RFC 8305).
/// asyncio's `open_connection` and `open_unix_connection`. May be cancelled.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// # use astream::{ConnectOptions, ServerOptions, open_connection, start_server};
/// # let handler = |_, writer: astream::StreamWriter| async move { writer.write(b"hello\n") };
/// # let server = start_server(handler, &"127.0.0.1:0".parse()?, &ServerOptions::new()).await?;
/// let endpoint = (&server.local_addrs()[0]).try_into()?;
/// let (mut reader, writer) = open_connection(&endpoint, &ConnectOptions::new()).await?;
/// assert_eq!(reader.readline().await?.unwrap(), "hello\n");
/// writer.wait_closed().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Resolve`], [`Error::Connect`] with every address that was tried, [`Error::Source`],
/// [`Error::Proxy`], [`Error::Timeout`], [`Error::Tls`], also for a server that declines STARTTLS, with its words,
/// [`Error::File`];
/// [`Error::Invalid`] for an address to listen on.
///
/// # Panics
/// Outside of a tokio runtime with IO and time enabled.
pub async fn open_connection(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<(StreamReader, StreamWriter), Error> {
    open_timed(endpoint, options).await.map(|(streams, _)| streams)
}

/// The same, and how long connecting took in the try that succeeded, without the handshake.
pub(super) async fn open_timed(
    endpoint: &Endpoint,
    options: &ConnectOptions,
) -> Result<((StreamReader, StreamWriter), Duration), Error> {
    options.retrying(|deadline| open_once(endpoint, options, deadline, ForClient::default())).await
}

/// The client of a server for which a connection is opened, if it is for one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ForClient<'a> {
    pub(crate) number: Option<u64>,
    /// Sent before anything else.
    pub(crate) header: Option<&'a [u8]>,
}

/// One try.
pub(super) async fn open_once(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    deadline: Deadline,
    client: ForClient<'_>,
) -> Result<((StreamReader, StreamWriter), Duration), Error> {
    // Files are read and checked before any connection is made.
    let connector = options.connector(endpoint.host())?;
    options.check_proxies(endpoint)?;
    let start = Instant::now();
    let mut reached = reach(endpoint, &options.dial(deadline), &options.proxies).await?;
    let connect = start.elapsed();
    tracing::info!("connected to {} from {}", reached.peer, reached.local);
    let name = options.name(endpoint, &reached.peer);
    if let Some(header) = client.header {
        let sending = reached.connection.io.write_all(header);
        let doing = || format!("sending the PROXY header to {name}");
        let sent = deadline.bound(Step::Connect, sending, doing).await?;
        sent.map_err(|error| Error::from_io("writing", error))?;
    }
    Ok((set_up(reached, connector, options, &name, deadline, client.number).await?, connect))
}

/// The streams of a connection that is there already: a [`TcpStream`](tokio::net::TcpStream), a
/// [`UnixStream`](tokio::net::UnixStream), or any other stream, with STARTTLS and TLS as `options` say, within
/// their time limit; what they say about names and addresses counts for nothing. asyncio's
/// `open_connection(sock=…)`. A cancelled call has closed the connection, and so has one that fails.
///
/// A server speaks TLS over it by [`start_tls`](crate::start_tls). The name that a client verifies is
/// [`TlsClient::server_name`](crate::TlsClient::server_name).
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
    set_up(reached, connector, options, &name, Deadline::after(options.timeout), None).await
}

/// What follows once there is a connection; `name` is the server for messages.
async fn set_up(
    Reached { mut connection, peer, local }: Reached,
    connector: Option<Connector>,
    options: &ConnectOptions,
    name: &str,
    deadline: Deadline,
    number: Option<u64>,
) -> Result<(StreamReader, StreamWriter), Error> {
    let link = |peer, local| Link::new(peer, local, options.limits.clone().into()).for_client(number);
    let Some(connector) = connector else { return Ok(streams(connection, link(peer, local))) };
    if let Some(protocol) = options.starttls {
        let server = &connector.server_name();
        let request = Request { protocol, server, local: &local, peer: name, deadline };
        connection = request.send(connection).await?;
    }
    // Boxed: its state is large, and freed when it is done.
    let shaking_hands = Box::pin(connector.connect(connection, name));
    let (secured, info) =
        deadline.bound(Step::Handshake, shaking_hands, || format!("TLS handshake with {name}")).await??;
    Ok(streams(Transport::secured(secured, info), link(peer, local)))
}
