//! `start_tls`: an open connection goes on under TLS, on either side.

use bytes::Bytes;

use super::{SETUP_TIMEOUT, StreamReader, StreamWriter, streams};
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

/// Goes on under TLS with an open connection, once the writer is drained; both streams are replaced.
/// A cancelled call has closed the connection, and so has one that fails. asyncio's `writer.start_tls`.
///
/// # Errors
/// [`Error::Tls`] if the handshake fails, or if the peer sent bytes before it that were not read: they
/// could have been slipped in by anybody (CVE-2011-0411). [`Error::Timeout`] if the handshake takes
/// longer than 30 s; the draining may take any time.
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

/// As [`start_tls`], with what the reader holds as the beginning of the handshake: for a peer that does not
/// wait for an answer before it, as behind a header of the PROXY protocol, with which the `ClientHello` may
/// arrive in one segment.
///
/// After a dialogue in plain text, that of STARTTLS say, it is wrong: a peer waits for the answer before it
/// begins, and what came earlier could have been slipped in by anybody (CVE-2011-0411).
///
/// # Errors
/// As [`start_tls`], but for bytes that were read ahead.
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
    // The same link, so that a guard, or a server, has a hold on the connection under TLS too.
    link.renew();
    let (io, name) = (Prefixed { ahead, io: io.for_tls() }, link.peer.to_string());
    // Its state is large, and goes when it is done.
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
    Ok(streams(Transport::secured(secured, info), link))
}

fn refused(peer: &Address, reason: &str) -> Error {
    Error::tls(format!("starting TLS with {peer}"), reason)
}
