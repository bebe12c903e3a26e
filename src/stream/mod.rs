//! asyncio's streams: a reader and a writer for each connection.

mod abort_guard;
mod async_read;
mod buffer;
mod clients;
mod closing;
mod connect;
mod connect_options;
mod delimited;
mod detach;
mod facts;
#[cfg(test)]
mod feed;
mod first;
mod handled;
mod handler_result;
mod incoming;
mod limits;
mod lines;
mod link;
mod listener;
#[cfg(test)]
mod model;
mod outgoing;
mod pace;
mod pair;
mod probe;
mod reader;
mod retry;
mod sending;
mod separator;
mod series;
mod serve;
mod server;
mod server_options;
mod socket;
mod start_tls;
mod tap;
mod traffic;
#[cfg(test)]
mod vectors;
mod workers;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use abort_guard::AbortGuard;
pub(crate) use async_read::read_buffered;
pub(crate) use connect::ForClient;
pub use connect::{open_connection, open_connection_over};
pub use connect_options::ConnectOptions;
pub(crate) use detach::{can_block, detach, into_blocking, is_bare};
pub(crate) use first::open_first;
pub use handler_result::HandlerResult;
pub use lines::Lines;
pub use listener::{Listener, accept_over};
pub use pair::pair;
pub use probe::{Found, Probed, probe};
pub use reader::StreamReader;
pub use series::{ProbeSeries, Spread};
pub(crate) use serve::log_of;
pub use server::{Server, start_server};
pub use server_options::ServerOptions;
pub use socket::{ConnectedSocket, open_socket};
pub use start_tls::{TlsSide, start_tls, start_tls_buffered};
pub use tap::{Direction, Observer, Opened, Tap};
pub(crate) use tap::{Observers, Taps, next_client};
pub use traffic::Traffic;
pub use writer::StreamWriter;

use bytes::Bytes;

use crate::transport::{Prefixed, ReadHalf, WriteHalf};
use limits::Limits;
use link::Link;

/// How many bytes a line, or what comes before a separator, may have: 64 KiB, as in asyncio.
pub const DEFAULT_LIMIT: usize = 64 * 1024;

/// How long setting up a connection may take: 30 s.
pub(crate) const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// How long closing waits for a peer that takes nothing of what is left, and then for its end: 30 s.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A reader and a writer for a connection that was set up; what was read ahead is in the reader's buffer.
fn streams(connection: impl Into<Prefixed>, link: Link) -> (StreamReader, StreamWriter) {
    let Prefixed { ahead, io, .. } = connection.into();
    let halves = io.split();
    let link = link.begin(halves.0.beneath().tls());
    link.received(&ahead);
    streams_of(halves, ahead, link)
}

/// The same for a connection that has had other streams before.
fn streams_of(
    (read, write): (ReadHalf, WriteHalf),
    ahead: Bytes,
    link: Arc<Link>,
) -> (StreamReader, StreamWriter) {
    if link.traffic.has_limit() {
        write.watch_progress();
    }
    (StreamReader::new(read, ahead, Arc::clone(&link)), StreamWriter::new(write, link))
}
