//! stdin and stdout take part in a broker.

use std::future::Future;
use std::sync::{Arc, Once};

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::yield_now;

use super::{Exchange, Input, Output, local};
use crate::datagram::Datagrams;
use crate::error::Error;
use crate::handlers::hub::{Feed, Hub};
use crate::handlers::{Broker, DatagramHandler, Handler, Outcome};
use crate::stream::{StreamReader, StreamWriter};

/// A [`Broker`] in which stdin and stdout take part as one client does: what stdin says goes to all clients, and what
/// they say goes to stdout. stdout sets no pace either, but is not dropped: while it is 1 MiB behind, it misses what is
/// said, which is logged.
///
/// stdin is not read before the first client has come, and its end ends nothing.
pub struct BrokerStdio {
    broker: Broker,
    exchange: Exchange,
    starting: Once,
    /// Why stdin could not be read, or stdout not be written.
    failed: Arc<watch::Sender<Option<Error>>>,
}

impl BrokerStdio {
    /// stdin and stdout take part as `exchange` says.
    pub fn new(exchange: Exchange) -> Self {
        Self { broker: Broker::new(), exchange, starting: Once::new(), failed: Arc::default() }
    }

    /// Serves a client unless stdin or stdout fails.
    async fn serve(&self, input: fn(bool) -> Input, client: impl Future<Output = Outcome>) -> Outcome {
        self.starting.call_once(|| self.start(input(self.exchange.crlf)));
        let mut failed = self.failed.subscribe();
        tokio::select! {
            outcome = client => outcome,
            failed = failed.wait_for(Option::is_some) => Err(match failed {
                Ok(failed) => failed.clone().unwrap_or(Error::Closed),
                Err(_) => Error::Closed,
            }).into(),
        }
    }

    fn start(&self, input: Input) {
        let hub = &self.broker.hub;
        let feed = self.exchange.receive.then(|| hub.join_to_miss("stdout"));
        if self.exchange.send {
            let number = feed.as_ref().map(Feed::number);
            self.spawn(say(input, Arc::clone(hub), number));
        }
        if let Some(feed) = feed {
            self.spawn(print(feed, self.exchange.output()));
        }
    }

    fn spawn(&self, part: impl Future<Output = Result<(), Error>> + Send + 'static) {
        let failed = Arc::clone(&self.failed);
        tokio::spawn(async move {
            if let Err(error) = part.await {
                failed.send_replace(Some(error));
            }
        });
    }
}

impl Handler for BrokerStdio {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        // Boxed: each client has one.
        self.serve(Input::stdin, Box::pin(self.broker.handle(reader, writer))).await
    }
}

impl DatagramHandler for BrokerStdio {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        self.serve(Input::messages, self.broker.handle_datagrams(session)).await
    }
}

/// Says what is read, up to its end.
async fn say(mut input: Input, hub: Arc<Hub>, number: Option<u64>) -> Result<(), Error> {
    loop {
        let data = input.fill_buf().await.map_err(|cause| local("read stdin", cause))?;
        if data.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::copy_from_slice(data);
        input.consume(chunk.len());
        hub.say(number, &chunk);
        // So that the clients run between two chunks.
        yield_now().await;
    }
}

/// Writes what is said to stdout.
async fn print(mut feed: Feed, mut output: Output) -> Result<(), Error> {
    let write_error = |cause| local("write to stdout", cause);
    while let Some(chunk) = feed.next().await {
        output.write_all(&chunk).await.map_err(write_error)?;
        if feed.is_consumed() {
            output.flush().await.map_err(write_error)?;
        }
    }
    Ok(())
}
