//! `start_tls`: an open connection goes on under TLS, on either side.

use tokio::time::timeout;

use super::link::Link;
use super::{SETUP_TIMEOUT, StreamReader, StreamWriter, streams};
use crate::error::Error;
use crate::transport::Transport;
use crate::transport::starttls::UNASKED;
use crate::transport::tls::{TlsClient, TlsServer};

/// Which side of a handshake this end takes.
#[derive(Debug, Clone, Copy)]
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
/// A cancelled call has closed the connection.
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
    let (peer, local, limits) =
        (reader.peer_addr().clone(), reader.local_addr().clone(), reader.link().limits);
    let refused = |reason: &str| Error::tls(format!("starting TLS with {peer}"), reason);
    if !reader.buffer().is_empty() {
        return Err(refused(UNASKED));
    }
    let write = writer.into_half().ok_or_else(|| refused("the writer has ended"))?;
    let transport =
        reader.into_half().reunite(write).ok_or_else(|| refused("the streams are of two connections"))?;
    let (io, name) = (transport, peer.to_string());
    let handshake = async {
        match side.into() {
            TlsSide::Client(client) => client.connector(None)?.connect(io, &name).await,
            TlsSide::Server(server) => server.acceptor()?.accept(io, &name).await,
        }
    };
    let late = |_| Error::Timeout { doing: format!("TLS handshake with {name}"), after: SETUP_TIMEOUT };
    let (secured, info) = timeout(SETUP_TIMEOUT, handshake).await.map_err(late)??;
    Ok(streams(Transport::Shared(secured), Link::new(peer.clone(), local, Some(info), limits)))
}
