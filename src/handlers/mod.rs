//! What to do with a connection: each handler takes a reader and a writer, and returns when their connection
//! has ended.

mod broker;
mod command;
mod discard;
mod echo;
mod forward;
mod hub;
#[cfg(feature = "cli")]
mod stdio;
mod targets;

use std::future::Future;

use crate::datagram::Datagrams;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::stream::{StreamReader, StreamWriter};

pub use broker::Broker;
pub use command::Command;
pub use discard::Discard;
pub use echo::Echo;
pub use forward::Forward;
#[cfg(feature = "cli")]
pub use stdio::{BrokerStdio, Exchange, LastSenderStdio, SharedStdio, Stdio, stdin_is_null};

/// What to do with a connection.
pub trait Handler {
    /// Serves the connection to its end and closes it. How many bytes it has moved can be read from the
    /// connection's [`Traffic`](crate::Traffic), also meanwhile.
    fn handle(&self, reader: StreamReader, writer: StreamWriter) -> impl Future<Output = Outcome> + Send;

    /// Waits until a connection is in use: data or an end has arrived, or there is something to send. Fails
    /// if the connection is lost before that, as that of a port scan is; no byte was taken from either side
    /// then. By default this is not known, and it returns at once. May be cancelled.
    fn in_use(&self, reader: &StreamReader) -> impl Future<Output = Result<Use, Error>> + Send {
        let _ = reader;
        async { Ok(Use::Unknown) }
    }
}

/// What to do with a session of datagrams.
pub trait DatagramHandler {
    /// Takes the session to its end, which is an error of the one who receives: a session has no other. What it
    /// has moved can be read from its [`Traffic`](crate::Traffic), also meanwhile.
    fn handle_datagrams(&self, session: Datagrams) -> impl Future<Output = Outcome> + Send;
}

/// Whether a connection is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Use {
    /// Data or an end has arrived, or there is something to send.
    Certain,
    /// It may have been lost already.
    Unknown,
}

/// The result of serving a connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether everything was handed over and the peer's stream ended cleanly.
    pub result: Result<(), Error>,
    /// The exit status of a program that has served only this connection. It is 0 unless the handler knows more than
    /// `result` says, such as the status of a command that it has run.
    pub status: u8,
    /// Whether the log has said already what the error of `result` says.
    pub is_reported: bool,
    /// Where a relay has led to.
    pub target: Option<Endpoint>,
}

impl From<Result<(), Error>> for Outcome {
    fn from(result: Result<(), Error>) -> Self {
        Self { result, status: 0, is_reported: false, target: None }
    }
}
