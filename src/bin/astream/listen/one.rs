//! A listener that serves one connection.

use std::future::pending;
use std::time::Instant;

use anyhow::Context;
use astream::handlers::{Handler, Outcome, Use};
use astream::{Error, Server, StreamReader, StreamWriter, Totals};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tracing::Instrument;

use super::{Listener, span};
use crate::report::{self, Ending, Event};
use crate::signals::Signals;

impl Listener<'_> {
    /// Serves the first connection that gets through its handshake and is used.
    pub(super) async fn serve_one(&self, handler: impl Handler) -> anyhow::Result<Ending> {
        let mut signals = Signals::new()?;
        let (sender, clients) = mpsc::channel::<(StreamReader, StreamWriter)>(1);
        let mut clients = Clients(clients);
        let take = move |reader, writer| {
            if let Err(refused) = sender.try_send((reader, writer)) {
                // A second client is reset, so that it notices.
                let (_, writer) = refused.into_inner();
                writer.abort();
            }
            async { Ok::<_, Error>(()) }
        };
        let server = tokio::select! {
            started = self.start(take) => started?,
            // The resolver may be silent.
            signal = signals.next() => return Ok(signal),
        };
        let ended = tokio::select! {
            outcome = serve_first(&server, &mut clients, handler) => outcome.and_then(status),
            signal = signals.next() => Ok(signal),
        };
        server.close();
        // Those that were accepted meanwhile get as far as the channel.
        yield_now().await;
        clients.reset();
        ended
    }
}

fn status(outcome: Outcome) -> anyhow::Result<Ending> {
    outcome.result?;
    Ok(Ending::Status(outcome.status))
}

/// Serves the first client that uses its connection, and resets all others.
async fn serve_first(
    server: &Server,
    clients: &mut Clients,
    handler: impl Handler,
) -> anyhow::Result<Outcome> {
    loop {
        let (reader, writer) = clients.0.recv().await.context("the server stopped by itself")?;
        let (peer, traffic, start) = (reader.peer_addr().clone(), reader.traffic(), Instant::now());
        report::opened(&reader, true);
        let client = Accepted(Some(writer));
        let service = async {
            let used = handler.in_use(&reader).await;
            if matches!(used, Ok(Use::Certain)) {
                server.close();
            }
            match used {
                Ok(_) => handler.handle(reader, client.taken()).instrument(span(&peer)).await,
                Err(error) => Err(error).into(),
            }
        };
        let outcome = tokio::select! {
            outcome = service => outcome,
            () = clients.reset_those_who_come() => pending().await,
        };
        let totals = traffic.totals();
        report::closed(&peer, totals, &outcome.result, start);
        if server.is_serving() && was_unused(totals, &outcome.result) {
            let message = format!("{peer}: the connection was reset before it was used; listening goes on");
            report::tell(&Event::Warning { message: &message });
            continue;
        }
        return Ok(outcome);
    }
}

/// Whether a client was lost before a byte went either way.
fn was_unused(totals: Totals, result: &Result<(), Error>) -> bool {
    let is_lost = match result {
        Err(Error::Relay { side, cause, .. }) => {
            side == "the client" && matches!(**cause, Error::Lost { .. })
        }
        result => matches!(result, Err(Error::Lost { .. })),
    };
    is_lost && totals == Totals::default()
}

/// Clients whose connections are there for a handler.
struct Clients(mpsc::Receiver<(StreamReader, StreamWriter)>);

impl Clients {
    /// Resets those that are there, and all that come from now on.
    fn reset(&mut self) {
        self.0.close();
        while let Ok((_, writer)) = self.0.try_recv() {
            writer.abort();
        }
    }

    /// Resets all that come while another is served.
    async fn reset_those_who_come(&mut self) {
        while let Some((_, writer)) = self.0.recv().await {
            writer.abort();
        }
        pending::<()>().await;
    }
}

/// A client that no handler has taken yet. It is reset if none ever does.
struct Accepted(Option<StreamWriter>);

impl Accepted {
    fn taken(mut self) -> StreamWriter {
        self.0.take().expect("it is taken once")
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if let Some(writer) = &self.0 {
            writer.abort();
        }
    }
}
