//! What to do with a connection: each handler takes a reader and a writer to their end.

mod echo;
mod forward;
mod shared_stdio;
mod stdio;

use std::future::Future;

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
}

/// How a connection went.
#[derive(Debug)]
pub struct Outcome {
    /// What went each way, also before an error.
    pub totals: Totals,
    /// Whether everything was handed over and the peer's stream ended cleanly.
    pub result: Result<(), Error>,
}
