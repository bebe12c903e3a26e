//! A listener that serves one connection.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use astream::handlers::{Handler, Outcome, Use};
use astream::{Error, Listener, Step, Totals, accept_over};
use tokio::time::sleep;
use tracing::Instrument;

use super::{Setup, stdin};
use crate::report::{self, Connection, Ending};
use crate::signals::Signals;

impl Setup<'_> {
    /// Serves the first connection that gets through its handshake and is used.
    pub(super) async fn serve_one(&self, handler: impl Handler) -> anyhow::Result<Ending> {
        if self.args.serve.max_conns.is_some() {
            let reason = "it is for a listener that serves many connections: -k, or a handler such as --echo";
            return Err(Error::invalid("--max-conns", reason).into());
        }
        let mut signals = Signals::new()?;
        let serving = async {
            let limit = self.args.serve.first_client();
            let stdio = (!self.args.has_handler()).then(|| self.args.reads_stdin());
            let Outcome { result, status, .. } =
                serve_first(self.listen().await?, handler, limit, stdio).await?;
            Ending::of(result, status)
        };
        tokio::select! {
            ended = serving => ended,
            signal = signals.next() => Ok(signal),
        }
    }
}

impl Setup<'_> {
    /// Serves the connection that is stdin, as inetd and systemd's `Accept=yes` give it.
    pub(super) async fn serve_stdin(&self, handler: impl Handler) -> anyhow::Result<Ending> {
        let connection = stdin::connection()?;
        let mut signals = Signals::new()?;
        let options = self.options()?;
        let serving = async {
            let (reader, writer) = match connection {
                stdin::Connection::Tcp(stream) => accept_over(stream, &options).await?,
                stdin::Connection::Unix(stream) => accept_over(stream, &options).await?,
            };
            let mut client = Connection::accepted(&reader);
            let outcome = handler.handle(reader, writer).instrument(client.span()).await;
            client.closed(outcome.target.as_ref(), outcome.result.as_ref().err());
            Ending::of(outcome.result, outcome.status)
        };
        tokio::select! {
            ended = serving => ended,
            signal = signals.next() => Ok(signal),
        }
    }
}

/// Serves the first client that uses its connection, and resets all others. It must have come within `limit`. Without
/// another handler it is served by stdin and stdout, and `stdio` is whether stdin is read.
async fn serve_first(
    listener: Listener,
    handler: impl Handler,
    limit: Option<Duration>,
    stdio: Option<bool>,
) -> Result<Outcome, Error> {
    let reads_stdin = stdio == Some(true);
    let mut listener = Some(listener);
    let mut too_late = pin!(too_late(limit));
    loop {
        let Some(listening) = &mut listener else { return Err(Error::Closed) };
        let (reader, writer) = tokio::select! {
            accepted = listening.accept() => accepted?,
            error = &mut too_late => return Err(error),
        };
        let (mut client, traffic, is_tls) =
            (Connection::accepted(&reader), reader.traffic(), reader.tls().is_some());
        report::greet(&format!("connection from {}", client.peer()));
        let guard = writer.abort_guard();
        let used = tokio::select! {
            used = while_others_are_reset(&mut listener, handler.in_use(&reader)) => used,
            error = &mut too_late => return Err(error),
        };
        if matches!(used, Ok(Use::Certain)) {
            listener = None;
        }
        let outcome = match used {
            Ok(_) => {
                guard.disarm();
                let handling = handler.handle(reader, writer).instrument(client.span());
                tokio::select! {
                    biased;
                    outcome = while_others_are_reset(&mut listener, handling) => outcome,
                    never = report::waiting::for_stdin(&traffic), if reads_stdin => never,
                }
            }
            Err(error) => Err(error).into(),
        };
        let totals = client.closed(outcome.target.as_ref(), outcome.result.as_ref().err());
        if totals.is_tls_handshake && !is_tls && stdio.is_some() {
            report::began_tls(client.peer());
        }
        if stdio.is_some() && outcome.result.is_ok() && totals.sent == 0 && totals.received == 0 {
            report::unused(client.peer());
        }
        if listener.is_none() || !was_unused(totals, &outcome.result) {
            if reads_stdin && outcome.result.is_ok() {
                report::greet("the peer has closed the connection");
            }
            return Ok(outcome);
        }
        let peer = client.peer();
        report::warn(&format!("{peer}: the connection was reset before it was used; listening goes on"));
    }
}

/// Returns when no client has come for too long.
async fn too_late(limit: Option<Duration>) -> Error {
    let Some(limit) = limit else { return pending().await };
    sleep(limit).await;
    Error::timeout(Step::Client, "waiting for a client", limit)
}

/// Runs `serving`, and resets all clients that come meanwhile, so that they notice.
async fn while_others_are_reset<T>(listener: &mut Option<Listener>, serving: impl Future<Output = T>) -> T {
    let reset_others = async {
        while let Some(listener) = listener
            && let Ok((_, writer)) = listener.accept().await
        {
            writer.abort();
        }
        pending().await
    };
    tokio::select! {
        done = serving => done,
        never = reset_others => never,
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
