//! One server, one handler, the ready line, signals.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use astream::handlers::{Echo, Exchange, Forward, Handler, Outcome, SharedStdio, Stdio, Use, stdin_is_null};
use astream::{
    Address, ConnectOptions, Endpoint, Error, Server, ServerOptions, StreamReader, StreamWriter, TlsServer,
    Totals, start_server,
};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::cli::Listen;
use crate::connect::by_streams;
use crate::report::{self, Event};
use crate::signals::Signals;

pub async fn run(args: &Listen) -> anyhow::Result<()> {
    let endpoint = args.address.endpoint()?;
    let tls = args.tls.server()?;
    if args.serve.echo {
        let echo = Echo::new().idle_timeout(args.exchange.idle_timeout());
        return serve(args, &endpoint, tls, echo).await;
    }
    if let Some(target) = args.forward.target()? {
        return serve(args, &endpoint, tls, forward(args, target)?).await;
    }
    let exchange = exchange(args);
    if args.serve.keep_open {
        serve_all(args, &endpoint, tls, SharedStdio::new(exchange)?).await
    } else {
        serve_one(args, &endpoint, tls, Stdio::new(exchange).by_streams(by_streams())).await
    }
}

fn forward(args: &Listen, target: &Endpoint) -> Result<Forward, Error> {
    let mut options = ConnectOptions::new().numeric(args.address.numeric).timeout(args.timeout.get());
    if let Some(tls) = args.forward.tls(target, args.tls.ignores_unexpected_eof())? {
        options = options.tls(tls);
    }
    let forward = Forward::new(target.clone(), options)?;
    Ok(forward.idle_timeout(args.exchange.idle_timeout()).by_streams(by_streams()))
}

/// Serves all, or one if that was asked for.
async fn serve(
    args: &Listen,
    endpoint: &Endpoint,
    tls: Option<TlsServer>,
    handler: impl Handler + Send + Sync + 'static,
) -> anyhow::Result<()> {
    if args.serve.once {
        serve_one(args, endpoint, tls, handler).await
    } else {
        serve_all(args, endpoint, tls, handler).await
    }
}

/// A listener with nothing to send ends after the peer: some peers throw their upload away when
/// they see an early end.
fn exchange(args: &Listen) -> Exchange {
    args.exchange.exchange(!stdin_is_null())
}

/// Serves the first connection that gets through its handshake and is used.
async fn serve_one(
    args: &Listen,
    endpoint: &Endpoint,
    tls: Option<TlsServer>,
    handler: impl Handler,
) -> anyhow::Result<()> {
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
        started = start(args, endpoint, tls, take) => started?,
        // The resolver may be silent.
        signal = signals.next() => bail!(signal),
    };
    let ended = tokio::select! {
        outcome = serve_first(&server, &mut clients, handler) => Ok(outcome?.result?),
        signal = signals.next() => Err(signal.into()),
    };
    server.close();
    // Those that were accepted meanwhile get as far as the channel.
    yield_now().await;
    clients.reset();
    ended
}

/// Serves the first client that uses its connection, and resets all others.
async fn serve_first(
    server: &Server,
    clients: &mut Clients,
    handler: impl Handler,
) -> anyhow::Result<Outcome> {
    loop {
        let (reader, writer) = clients.0.recv().await.context("the server stopped by itself")?;
        let (peer, start) = (reader.peer_addr().clone(), Instant::now());
        report::opened(&reader, true);
        let client = Accepted(Some(writer));
        let service = async {
            let used = handler.in_use(&reader).await;
            if matches!(used, Ok(Use::Certain)) {
                server.close();
            }
            match used {
                Ok(_) => handler.handle(reader, client.taken()).instrument(span(&peer)).await,
                Err(error) => Outcome::new(Totals::default(), Err(error)),
            }
        };
        let outcome = tokio::select! {
            outcome = service => outcome,
            () = clients.reset_those_who_come() => pending().await,
        };
        report::closed(&peer, &outcome, start);
        if server.is_serving() && was_unused(&outcome) {
            let message = format!("{peer}: the connection was reset before it was used; listening goes on");
            report::tell(&Event::Warning { message: &message });
            continue;
        }
        return Ok(outcome);
    }
}

/// Whether a client was lost before a byte went either way.
fn was_unused(outcome: &Outcome) -> bool {
    let is_lost = match &outcome.result {
        Err(Error::Relay { side, cause, .. }) => {
            side == "the client" && matches!(**cause, Error::Lost { .. })
        }
        result => matches!(result, Err(Error::Lost { .. })),
    };
    is_lost && outcome.totals == Totals::default()
}

/// Clients whose connections are there for a handler.
struct Clients(mpsc::Receiver<(StreamReader, StreamWriter)>);

impl Clients {
    /// Resets those who are there, and whoever comes from now on.
    fn reset(&mut self) {
        self.0.close();
        while let Ok((_, writer)) = self.0.try_recv() {
            writer.abort();
        }
    }

    /// Resets whoever comes while another is served.
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

/// Serves every connection until a signal comes, or until stdin or stdout fails.
async fn serve_all(
    args: &Listen,
    endpoint: &Endpoint,
    tls: Option<TlsServer>,
    handler: impl Handler + Send + Sync + 'static,
) -> anyhow::Result<()> {
    // As many connections as the system lets it have.
    crate::descriptor_limit();
    let mut signals = Signals::new()?;
    let (fatal, mut failed) = mpsc::channel(1);
    let handler = Arc::new(handler);
    let serve = move |reader: StreamReader, writer: StreamWriter| {
        let (handler, fatal) = (Arc::clone(&handler), fatal.clone());
        async move {
            let (peer, start) = (reader.peer_addr().clone(), Instant::now());
            report::opened(&reader, true);
            let outcome = handler.handle(reader, writer).instrument(span(&peer)).await;
            report::closed(&peer, &outcome, start);
            match outcome.result {
                // Ours, not the connection's.
                Err(error @ Error::Local { .. }) => {
                    let _ = fatal.try_send(error);
                    Ok(())
                }
                result => result.map_err(report::Hinted),
            }
        }
    };
    let server = tokio::select! {
        started = start(args, endpoint, tls, serve) => started?,
        signal = signals.next() => bail!(signal),
    };
    tokio::select! {
        _ = signals.next() => {}
        Some(error) = failed.recv() => return Err(error.into()),
    }
    server.close();
    tokio::select! {
        // Those who are not done by then have had their time.
        _ = timeout(args.serve.grace, server.wait_closed()) => Ok(()),
        signal = signals.next() => bail!(signal),
    }
}

/// What the log says while a client is served begins with its address, so that parallel ones can be told
/// apart.
fn span(peer: &Address) -> Span {
    tracing::info_span!("client", %peer)
}

/// Listens, and says so.
async fn start<H, F, E>(
    args: &Listen,
    endpoint: &Endpoint,
    tls: Option<TlsServer>,
    handler: H,
) -> anyhow::Result<Server>
where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let pin = tls.as_ref().filter(|_| args.tls.has_fresh_key()).map(TlsServer::pin);
    let mut options = ServerOptions::new()
        .family(args.address.family())
        .numeric(args.address.numeric)
        .handshake_timeout(args.timeout.get());
    if let Some(tls) = tls {
        options = options.tls(tls);
    }
    let server = start_server(handler, endpoint, &options).await?;
    report::tell(&Event::Listening { addresses: server.local_addrs() });
    if let Some(pin) = pin {
        report::tell(&Event::FreshKey { pin });
    }
    if let Some(target) = args.forward.target()?.filter(|_| args.forward.forward_insecure) {
        report::unverified_target(target);
    }
    Ok(server)
}
