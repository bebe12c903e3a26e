//! One server, one handler, the ready line, signals.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use astream::handlers::{Echo, Exchange, Forward, Handler, SharedStdio, Stdio, stdin_is_null};
use astream::{
    Address, ConnectOptions, Endpoint, Error, Server, ServerOptions, StreamReader, StreamWriter, TlsServer,
    start_server,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::cli::Listen;
use crate::connect::{FOREVER, by_streams};
use crate::report::{self, Event, Killed};

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
    let mut options =
        ConnectOptions::new().numeric(args.address.numeric).timeout(args.timeout.get().unwrap_or(FOREVER));
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

/// Serves the first connection that gets through its handshake.
async fn serve_one(
    args: &Listen,
    endpoint: &Endpoint,
    tls: Option<TlsServer>,
    handler: impl Handler,
) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (sender, mut first) = mpsc::channel::<(StreamReader, StreamWriter)>(1);
    let take = move |reader, writer| {
        if let Err(refused) = sender.try_send((reader, writer)) {
            // Whoever comes second is not heard, and shall know it.
            let (_, writer) = refused.into_inner();
            writer.abort();
        }
        async { Ok::<_, Error>(()) }
    };
    let server = start(args, endpoint, tls, take).await?;
    let (reader, writer) = tokio::select! {
        streams = first.recv() => streams.context("the server stopped by itself")?,
        signal = signals.next() => bail!(signal),
    };
    server.close();
    let (peer, start) = (reader.peer_addr().clone(), Instant::now());
    report::opened(&reader, true);
    let outcome = tokio::select! {
        outcome = handler.handle(reader, writer).instrument(client(&peer)) => outcome,
        signal = signals.next() => bail!(signal),
    };
    report::closed(&peer, &outcome, start);
    Ok(outcome.result?)
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
            let outcome = handler.handle(reader, writer).instrument(client(&peer)).await;
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
    let server = start(args, endpoint, tls, serve).await?;
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
fn client(peer: &Address) -> Span {
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
        .handshake_timeout(args.timeout.get().unwrap_or(FOREVER));
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

/// The signals that ask a program to end, but for those that whoever started us has shut off, as
/// nohup does. tokio's own are told of each signal there is, and every start would pay for that.
struct Signals {
    /// A byte for each signal that has come.
    heard: UnixStream,
    /// The one that came last.
    last: Arc<AtomicUsize>,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let (heard, tell) = UnixStream::pair()?;
        let tell = tell.into_std()?;
        let last = Arc::default();
        let ignored = ignored_signals();
        for signal in
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0)
        {
            // In this order: whoever reads the byte finds the number.
            flag::register_usize(signal, Arc::clone(&last), usize::try_from(signal)?)?;
            pipe::register(signal, tell.try_clone()?)?;
        }
        Ok(Self { heard, last })
    }

    /// Waits for the next one; cancelled, it has taken none.
    async fn next(&mut self) -> Killed {
        match self.heard.read_u8().await {
            Ok(_) => Killed(i32::try_from(self.last.load(Ordering::SeqCst)).unwrap_or(SIGTERM)),
            // None is heard, so none comes.
            Err(_) => pending().await,
        }
    }
}

/// A bit for each signal that was ignored when the program started; Linux tells.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
