//! What to do with a connection: each handler takes a reader and a writer to their end.

mod echo;
mod forward;
#[cfg(feature = "cli")]
mod hub;
#[cfg(feature = "cli")]
mod stdio;

use std::future::Future;

use crate::error::Error;
use crate::stream::{StreamReader, StreamWriter};

pub use echo::Echo;
pub use forward::Forward;
#[cfg(feature = "cli")]
pub use stdio::{Exchange, SharedStdio, Stdio, stdin_is_null};

/// What to do with a connection.
pub trait Handler {
    /// Takes the connection to its end and closes it. What it has moved can be read from the connection's
    /// [`Traffic`](crate::Traffic), also meanwhile.
    fn handle(&self, reader: StreamReader, writer: StreamWriter) -> impl Future<Output = Outcome> + Send;

    /// Waits until a connection is in use: something has arrived, its end included, or is there to be sent.
    /// Fails if the connection is lost before that, as that of a client that only tries whether there is a
    /// listener; no byte was taken from any side then. Where that cannot be known, which is so unless a handler
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
    /// Whether everything was handed over and the peer's stream ended cleanly.
    pub result: Result<(), Error>,
    /// The exit status for a program that has served only this connection, where `result` is `Ok`. Not 0 where
    /// a handler knows more than the connection does: the status of a command that it has run, say.
    pub status: u8,
}

impl From<Result<(), Error>> for Outcome {
    fn from(result: Result<(), Error>) -> Self {
        Self { result, status: 0 }
    }
}
