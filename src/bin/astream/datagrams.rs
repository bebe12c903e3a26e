//! `-u`: sessions of datagrams in place of connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use astream::handlers::{BrokerStdio, DatagramHandler, Discard, Echo, LastSenderStdio, Outcome, Stdio};
use astream::{
    DatagramOptions, DatagramServer, DatagramServerOptions, Datagrams, Endpoint, Error, open_datagrams,
    serve_datagrams,
};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::cli::{Connect, Listen};
use crate::observe;
use crate::report::{self, Connection, Ending, Event};
use crate::signals::{LAST_WAIT, Signals};

/// stdin to `endpoint`, and its answers to stdout.
pub async fn connect(args: &Connect, endpoint: &Endpoint) -> anyhow::Result<Ending> {
    let command = args.command.command()?;
    let options = options(args).idle_timeout(args.exchange.idle_timeout());
    let session = open_datagrams(endpoint, &options).await?;
    let (peer, local) = (session.peer_addr(), session.local_addr());
    let mut connection = Connection::begun(peer, &local, session.traffic(), Instant::now());
    let mut signals = observe::signals(command.is_some())?;
    let handling = async {
        match command {
            Some(command) => command.handle_datagrams(session).await,
            None => Stdio::new(args.exchange.of_datagrams()).handle_datagrams(session).await,
        }
    };
    let Outcome { result, status, is_reported, .. } = tokio::select! {
        outcome = handling => outcome,
        // What is dropped here ends the command, and reports the totals.
        signal = Signals::next_of(&mut signals) => return Ok(signal),
    };
    connection.closed(None, result.as_ref().err());
    match result {
        // One line is enough for a person. A program finds the error in its own event.
        Err(error) if is_reported && !args.report.json => Ok(Ending::Status(report::status(&error))),
        result => Ending::of(result, status),
    }
}

/// How to reach a target.
pub fn options(args: &Connect) -> DatagramOptions {
    let options = args.reach.datagrams().family(args.address.family());
    observe::sending(options.broadcast(args.datagrams.broadcast))
}

/// A session for each peer, or stdin and stdout for all.
pub async fn listen(args: &Listen) -> anyhow::Result<Ending> {
    let session_timeout = args.exchange.session_timeout();
    let serving = Serving { args, session_timeout, idle: None };
    if args.serve.echo {
        return serving.serve(Echo).await;
    }
    if args.serve.discard {
        return serving.serve(Discard).await;
    }
    if args.serve.broker {
        return serving.serve(BrokerStdio::new(args.exchange.of_datagrams())).await;
    }
    if let Some(command) = args.command.command()? {
        return serving.serve(command).await;
    }
    if let Some(forward) = args.forwarding(None, observe::connecting)? {
        return serving.serve(forward).await;
    }
    let handler = LastSenderStdio::new(args.exchange.of_datagrams())?;
    Serving { args, session_timeout: None, idle: args.exchange.idle_timeout() }.serve(handler).await
}

struct Serving<'a> {
    args: &'a Listen,
    session_timeout: Option<Duration>,
    /// When nothing has moved in any session for this long, there is nothing more to wait for.
    idle: Option<Duration>,
}

impl Serving<'_> {
    /// Serves every peer until a signal comes, nothing does, or stdin or stdout fails.
    async fn serve(&self, handler: impl DatagramHandler + Send + Sync + 'static) -> anyhow::Result<Ending> {
        crate::descriptors::raise_limit();
        let mut signals = Signals::new()?;
        let (fatal, mut failed) = mpsc::channel(1);
        let (handler, options) = (Arc::new(handler), self.options()?);
        let serve = move |session: Datagrams| {
            let (handler, fatal) = (Arc::clone(&handler), fatal.clone());
            async move {
                match served(&*handler, session).await {
                    // It is an error of this program, not of the session.
                    Err(error @ Error::Local { .. }) => {
                        let _ = fatal.try_send(error);
                        Ok(())
                    }
                    result => result.map_err(report::Hinted),
                }
            }
        };
        let place = self.args.address.place()?;
        let Some(endpoint) = place.endpoint() else {
            let reason = "only a socket of connections can be handed over; without -u";
            return Err(Error::invalid(place.name(), reason).into());
        };
        let server = tokio::select! {
            server = async { serve_datagrams(serve, endpoint, &options).await } => server?,
            signal = signals.next() => return Ok(signal),
        };
        report::report(&Event::Listening { addresses: server.local_addrs() });
        tokio::select! {
            _ = signals.stop(|| ()) => {}
            ended = self.quiet(&server) => return ended,
            Some(error) = failed.recv() => return Err(error.into()),
        }
        server.close();
        let grace = self.args.serve.grace;
        let wait = if self.args.command.is_asked_for() { grace.max(LAST_WAIT) } else { grace };
        Ok(signals.grace(server.wait_closed(), wait).await)
    }

    /// Waits until nothing has moved for the limit, and stdout has all that came before. If nothing ever came, that is
    /// an error.
    async fn quiet(&self, server: &DatagramServer) -> anyhow::Result<Ending> {
        let Some(after) = self.idle else { return std::future::pending().await };
        server.quiet(after).await?;
        server.close();
        server.wait_closed().await;
        Ok(Ending::Status(0))
    }

    /// # Errors
    /// What it receives by is no interface.
    fn options(&self) -> Result<DatagramServerOptions, Error> {
        let options = DatagramServerOptions::new()
            .family(self.args.address.family())
            .numeric(self.args.reach.numeric)
            .idle_timeout(self.session_timeout)
            .max_sessions(self.args.serve.max_sessions());
        let options = observe::receiving(options);
        // Otherwise it is about the target of a relay.
        let interface =
            if self.args.forward.targets().is_empty() { self.args.reach.interface()? } else { None };
        Ok(interface.into_iter().fold(options, DatagramServerOptions::interface))
    }
}

/// Gives a session to the handler, and reports its end: to be idle is none of its faults.
async fn served(handler: &impl DatagramHandler, session: Datagrams) -> Result<(), Error> {
    let client = Connection::session(&session);
    let span = client.span();
    let mut report = Report { connection: client, session: session.clone() };
    let outcome = handler.handle_datagrams(session).instrument(span).await;
    let result = match outcome.result {
        Err(Error::Idle { .. } | Error::Closed) => Ok(()),
        result => result,
    };
    report.connection.closed(outcome.target.as_ref(), result.as_ref().err());
    result
}

/// The end of a session, reported also where its handler is dropped.
struct Report {
    connection: Connection,
    session: Datagrams,
}

impl Drop for Report {
    fn drop(&mut self) {
        self.connection.closed(None, self.session.ended().as_ref());
    }
}
