//! One server, one handler, the ready line, signals.

mod one;
mod paste;

use std::sync::Arc;
use std::time::{Duration, Instant};

use astream::handlers::{
    BrokerStdio, Discard, Echo, Exchange, Forward, Handler, Outcome, SharedStdio, Stdio, stdin_is_null,
};
use astream::{Address, Endpoint, Error, Listener, ServerOptions, StreamReader, StreamWriter, TlsServer};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::cli::{self, Listen};
use crate::datagrams;
use crate::descriptors;
use crate::report::{self, Ending, Event};
use crate::signals::Signals;

/// How long handlers may take after their connections were aborted: a command is killed 5 s after it was asked to end.
const LAST_WAIT: Duration = Duration::from_secs(6);

pub async fn run(args: &Listen) -> anyhow::Result<Ending> {
    if args.is_udp()? {
        return datagrams::listen(args).await;
    }
    let command = args.command.command()?;
    let setup = Setup { args, endpoint: args.address.endpoint()?, tls: args.tls.server()? };
    if args.serve.echo {
        return setup.serve(Echo).await;
    }
    if args.serve.discard {
        return setup.serve(Discard).await;
    }
    if args.serve.broker {
        return setup.serve_all(BrokerStdio::new(exchange(args))).await;
    }
    if let Some(target) = args.forward.target()? {
        return setup.serve(forward(args, target)?).await;
    }
    if let Some(command) = command {
        return setup.serve(command).await;
    }
    if args.serve.keep_open {
        setup.serve_all(SharedStdio::new(exchange(args))?).await
    } else {
        setup.serve_one(Stdio::new(exchange(args))).await
    }
}

fn forward(args: &Listen, target: &Endpoint) -> Result<Forward, Error> {
    let options = args.reach.options(target, args.forward.cacert())?;
    let mut options = options.idle_timeout(args.exchange.idle_timeout());
    if let Some(tls) = args.forward.tls(target, args.tls.ignores_unexpected_eof())? {
        options = options.tls(tls);
    }
    Forward::new(target.clone(), options)
}

/// A listener with nothing to send ends after the peer: some peers discard their upload when they see an
/// early end.
fn exchange(args: &Listen) -> Exchange {
    args.exchange.exchange(!stdin_is_null())
}

/// What to listen on, and how.
struct Setup<'a> {
    args: &'a Listen,
    endpoint: Endpoint,
    tls: Option<TlsServer>,
}

impl Setup<'_> {
    /// Serves all, or one if that was asked for.
    async fn serve(&self, handler: impl Handler + Send + Sync + 'static) -> anyhow::Result<Ending> {
        if self.args.serve.once { self.serve_one(handler).await } else { self.serve_all(handler).await }
    }

    /// Serves every connection until a signal comes, or until stdin or stdout fails.
    async fn serve_all(&self, handler: impl Handler + Send + Sync + 'static) -> anyhow::Result<Ending> {
        // Accepts as many connections as the system allows.
        descriptors::raise_limit();
        let mut signals = Signals::new()?;
        let (fatal, mut failed) = mpsc::channel(1);
        let handler = Arc::new(handler);
        let serve = move |reader: StreamReader, writer: StreamWriter| {
            let (handler, fatal) = (Arc::clone(&handler), fatal.clone());
            async move {
                match served(&*handler, reader, writer).await.result {
                    // An error of our own stdin or stdout, not of the connection.
                    Err(error @ Error::Local { .. }) => {
                        let _ = fatal.try_send(error);
                        Ok(())
                    }
                    result => result.map_err(|error| Error::other(report::Hinted(error))),
                }
            }
        };
        let listener = tokio::select! {
            listening = self.listen() => listening?,
            signal = signals.next() => return Ok(signal),
        };
        let server = listener.serve(serve);
        tokio::select! {
            _ = signals.next() => {}
            Some(error) = failed.recv() => return Err(error.into()),
        }
        server.close();
        let ended = async {
            if timeout(self.args.serve.grace, server.wait_closed()).await.is_err() {
                server.abort_clients();
                let _ = timeout(LAST_WAIT, server.wait_closed()).await;
            }
        };
        tokio::select! {
            () = ended => Ok(Ending::Status(0)),
            signal = signals.next() => Ok(signal),
        }
    }

    /// Listens, and reports that.
    async fn listen(&self) -> Result<Listener, Error> {
        let args = self.args;
        let listener = Listener::bind(&self.endpoint, &self.options()).await?;
        report::report(&Event::Listening { addresses: listener.local_addrs() });
        if let Some(tls) = self.tls.as_ref().filter(|_| args.tls.is_pinned()) {
            let command = &paste::command(listener.local_addrs(), &args.tls, tls.pin());
            report::report(&Event::OwnKey { pin: tls.pin(), kept_in: args.tls.kept_key(), command });
        }
        if let Some(target) = args.forward.target()?.filter(|_| args.forward.forward_insecure) {
            report::unverified_target(target);
        }
        Ok(listener)
    }

    fn options(&self) -> ServerOptions {
        let args = self.args;
        let options = ServerOptions::new()
            .family(args.address.family())
            .numeric(args.reach.numeric)
            .multipath(args.reach.mptcp)
            .handshake_timeout(args.reach.timeout())
            .idle_timeout(args.exchange.idle_timeout())
            .by_streams(cli::by_streams());
        let options = args.serve.limits(options);
        match &self.tls {
            Some(tls) => options.tls(tls.clone()),
            None => options,
        }
    }
}

/// Gives a connection to the handler, and reports its end.
async fn served(handler: &impl Handler, reader: StreamReader, writer: StreamWriter) -> Outcome {
    let (peer, traffic, start) = (reader.peer_addr().clone(), reader.traffic(), Instant::now());
    report::opened(&reader, true);
    let outcome = handler.handle(reader, writer).instrument(span(&peer)).await;
    report::closed(&peer, traffic.totals(), &outcome.result, start);
    outcome
}

/// Each line of the log that is written while a client is served begins with its address.
fn span(peer: &Address) -> Span {
    tracing::info_span!("client", %peer)
}
