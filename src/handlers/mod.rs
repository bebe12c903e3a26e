//! What to do with a connection: each handler takes a reader and a writer to their end.

mod echo;
mod forward;
mod shared_stdio;
mod stdio;

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::Error;
use crate::observe::Totals;
use crate::stream::{StreamReader, StreamWriter};

pub use echo::Echo;
pub use forward::Forward;
pub use shared_stdio::SharedStdio;
pub use stdio::{Exchange, Stdio, stdin_is_null};

/// What to do with a connection.
pub trait Handler {
    /// Takes the connection to its end and closes it.
    fn handle(&self, reader: StreamReader, writer: StreamWriter) -> impl Future<Output = Outcome> + Send;

    /// Waits until a connection is in use: something has arrived, its end included, or is there to be sent.
    /// Fails if the connection is lost before that, as that of somebody is who merely tries whether anyone
    /// listens; no byte was taken from anybody then. Where that cannot be known, which is so unless a handler
    /// knows better, it returns at once. May be cancelled.
    fn in_use(&self, reader: &StreamReader) -> impl Future<Output = Result<Use, Error>> + Send {
        let _ = reader;
        async { Ok(Use::Unknown) }
    }
}

/// Whether a connection is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// Something has arrived or is there to be sent.
    Certain,
    /// It may have been lost already.
    Unknown,
}

/// How a connection went.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What went each way, also before an error.
    pub totals: Totals,
    /// Whether everything was handed over and the peer's stream ended cleanly.
    pub result: Result<(), Error>,
}

impl Outcome {
    /// How a connection went, for handlers of your own.
    pub fn new(totals: Totals, result: Result<(), Error>) -> Self {
        Self { totals, result }
    }
}

/// Waits until a connection is used, and not longer than it may be idle.
async fn used_within(
    limit: Option<Duration>,
    used: impl Future<Output = Result<(), Error>>,
) -> Result<Use, Error> {
    match limit {
        Some(limit) => timeout(limit, used).await.unwrap_or(Err(Error::Idle { after: limit }))?,
        None => used.await?,
    }
    Ok(Use::Certain)
}
