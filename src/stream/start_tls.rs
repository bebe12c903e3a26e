//! `start_tls`: an open connection continues under TLS, on either side.

use bytes::Bytes;

use super::{SETUP_TIMEOUT, StreamReader, StreamWriter, streams_of};
use crate::endpoint::Address;
use crate::error::{Error, Step};
use crate::policy::Deadline;
use crate::transport::starttls::UNASKED;
use crate::transport::tls::{TlsClient, TlsServer};
use crate::transport::{Prefixed, Transport};

/// Which side of a handshake this end takes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TlsSide<'a> {
    /// The client's. The name to verify is [`TlsClient::server_name`].
    Client(&'a TlsClient),
    /// The server's.
    Server(&'a TlsServer),
}

impl<'a> From<&'a TlsClient> for TlsSide<'a> {
    fn from(client: &'a TlsClient) -> Self {
        Self::Client(client)
    }
}

impl<'a> From<&'a TlsServer> for TlsSide<'a> {
    fn from(server: &'a TlsServer) -> Self {
        Self::Server(server)
    }
}

/// Continues an open connection under TLS, once the writer is drained; both streams are replaced. A call that
/// is cancelled or fails has closed the connection. asyncio's `writer.start_tls`.
///
/// ```
/// # #[cfg(feature = "generate")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// use astream::{Identity, TlsClient, TlsServer, start_tls};
///
/// let ((reader, writer), (peer_reader, peer_writer)) = astream::pair(1024);
/// let identity = Identity::generate()?;
/// let (client, server) = (TlsClient::new().pin(identity.pin()), TlsServer::new(identity));
/// let (one, other) =
///     tokio::join!(start_tls(reader, writer, &client), start_tls(peer_reader, peer_writer, &server));
/// let ((_reader, writer), (mut peer_reader, _peer_writer)) = (one?, other?);
/// writer.write(b"secret\n");
/// assert_eq!(peer_reader.readline().await?.unwrap(), "secret\n");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "generate"))]
/// # fn main() {}
/// ```
///
/// # Errors
/// [`Error::Tls`] if the handshake fails, or if the peer sent bytes before it that were not read: anyone on
/// the network path could have inserted them (CVE-2011-0411). [`Error::Timeout`] if the handshake takes
/// longer than 30 s; draining may take any time.
///
/// # Panics
/// Outside of a tokio runtime with time enabled.
pub async fn start_tls<'a>(
    reader: StreamReader,
    writer: StreamWriter,
    side: impl Into<TlsSide<'a>>,
) -> Result<(StreamReader, StreamWriter), Error> {
    writer.drain().await?;
    if !reader.buffer().is_empty() {
        return Err(refused(reader.peer_addr(), UNASKED));
    }
    shake_hands(reader, writer, side.into()).await
}

/// As [`start_tls`], but what the reader has buffered is the beginning of the handshake: for a peer that does
/// not wait for an answer before it, for example behind a header of the PROXY protocol, with which the
/// `ClientHello` may arrive in one segment. A call that is cancelled or fails has closed the connection.
///
/// Do not use it after a dialogue in plain text such as STARTTLS: the peer waits for the answer before it
/// begins, so anyone on the network path could have inserted what came earlier (CVE-2011-0411).
///
/// # Errors
/// As [`start_tls`], except that buffered bytes are not an error.
///
/// # Panics
/// As [`start_tls`].
pub async fn start_tls_buffered<'a>(
    reader: StreamReader,
    writer: StreamWriter,
    side: impl Into<TlsSide<'a>>,
) -> Result<(StreamReader, StreamWriter), Error> {
    writer.drain().await?;
    shake_hands(reader, writer, side.into()).await
}

async fn shake_hands(
    reader: StreamReader,
    writer: StreamWriter,
    side: TlsSide<'_>,
) -> Result<(StreamReader, StreamWriter), Error> {
    let (link, ahead) = (reader.link(), Bytes::copy_from_slice(reader.buffer()));
    let write = writer.into_half().ok_or_else(|| refused(&link.peer, "the writer has ended"))?;
    let io = reader.into_half().reunite(write);
    let io = io.ok_or_else(|| refused(&link.peer, "the streams are of two connections"))?;
    // The same link, so that a guard or a server also controls the connection under TLS.
    link.renew();
    let (io, name) = (Prefixed { ahead, ..io.for_tls().into() }, link.peer.to_string());
    // Boxed: its state is large, and freed when it is done.
    let handshake = Box::pin(async {
        match side {
            TlsSide::Client(client) => client.connector(None)?.connect(io, &name).await,
            TlsSide::Server(server) => server.acceptor()?.accept(io, &name).await,
        }
    });
    let deadline = Deadline::after(Some(SETUP_TIMEOUT));
    let (secured, info) = tokio::select! {
        done = deadline.bound(Step::Handshake, handshake, || format!("TLS handshake with {name}")) => done??,
        why = link.closed() => return Err(why),
    };
    Ok(streams_of(Transport::secured(secured, info).split(), Bytes::new(), link))
}

fn refused(peer: &Address, reason: &str) -> Error {
    Error::tls(format!("starting TLS with {peer}"), reason)
}
