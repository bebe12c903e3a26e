//! `astream listen`: a server with a handler, its ready line, and the signals that end it.

mod current;
mod one;
mod paste;
mod shown;
mod stdin;

use std::sync::Arc;

use astream::handlers::{
    BrokerStdio, Discard, Echo, Exchange, Forward, Handler, Outcome, SharedStdio, Stdio, stdin_is_null,
};
use astream::{Error, Listener, Server, ServerOptions, StreamReader, StreamWriter, TlsServer};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::Instrument;

use crate::cli::{self, Command, Listen, NotRun, Place};
use crate::datagrams;
use crate::descriptors;
use crate::observe;
use crate::report::{self, Ending, Event};
use crate::service::{self, ReadyFd};
use crate::signals::{LAST_WAIT, Signals};
use crate::threads::Threads;
use current::Current;
use shown::Shown;

pub async fn run(args: &Listen) -> anyhow::Result<Ending> {
    if args.is_udp()? {
        return datagrams::listen(args).await;
    }
    let command = args.command.command()?;
    let own = Shown::read(args)?;
    let forward = args.forwarding(own.to_targets.as_ref(), observe::connecting)?.map(Current::new);
    let (place, tls) = (args.address.place()?, args.tls.server(own.to_clients.as_ref())?);
    let setup = Setup { args, place, tls, own, forward: forward.clone() };
    if args.serve.echo {
        return setup.serve(Echo).await;
    }
    if args.serve.discard {
        return setup.serve(Discard).await;
    }
    if let Some(forward) = forward {
        return setup.serve(forward).await;
    }
    if let Some(command) = command {
        return setup.serve(command).await;
    }
    if let Place::Stdin = setup.place {
        let reason = "stdin is the connection itself, so a handler is needed: --echo, --forward or a command";
        return Err(Error::invalid("-", reason).into());
    }
    if args.serve.broker {
        setup.serve_all(BrokerStdio::new(exchange(args))).await
    } else if args.serve.keep_open {
        setup.serve_all(SharedStdio::new(exchange(args))?).await
    } else {
        setup.serve_one(Stdio::new(exchange(args))).await
    }
}

/// A listener with nothing to send ends after the peer: some peers discard their upload when they see an
/// early end.
fn exchange(args: &Listen) -> Exchange {
    args.exchange.exchange(!stdin_is_null())
}

/// What to listen on, and how.
struct Setup<'a> {
    args: &'a Listen,
    place: Place,
    tls: Option<TlsServer>,
    own: Shown,
    /// The handler, if it reads files.
    forward: Option<Current<Forward>>,
}

impl Setup<'_> {
    /// Serves all, or one if that was asked for.
    async fn serve(&self, handler: impl Handler + Send + Sync + 'static) -> anyhow::Result<Ending> {
        match self.place {
            Place::Stdin => self.serve_stdin(handler).await,
            _ if self.args.serve.once => self.serve_one(handler).await,
            _ => self.serve_all(handler).await,
        }
    }

    /// Serves every connection until a signal comes, or until stdin or stdout fails.
    async fn serve_all(&self, handler: impl Handler + Send + Sync + 'static) -> anyhow::Result<Ending> {
        if self.args.serve.first_client().is_some() {
            let reason = "it is for a listener that serves one connection: --once, and no -k";
            return Err(Error::invalid("--first-client", reason).into());
        }
        // Accepts as many connections as the system allows.
        descriptors::raise_limit();
        let threads = Threads::start(self.args.threads(!descriptors::are_enough_for_threads()))?;
        let mut signals = Signals::new()?;
        let (fatal, mut failed) = mpsc::channel(1);
        // Each handler holds a sender until it has ended.
        let of_handlers = fatal.downgrade();
        let handler = Arc::new(handler);
        let expects_no_tls = self.tls.is_none() && !self.args.has_handler();
        let serve = move |reader: StreamReader, writer: StreamWriter| {
            let (handler, fatal) = (Arc::clone(&handler), of_handlers.upgrade());
            async move {
                // Not in a function that `listen -` could share: its future would keep room for both streams again.
                let mut client = report::Connection::accepted(&reader);
                let Outcome { result, target, .. } =
                    handler.handle(reader, writer).instrument(client.span()).await;
                // Nothing else closes a connection from outside than the end of its server.
                let result = result.map_err(|error| match error {
                    Error::Closed => report::interrupted(),
                    error => error,
                });
                let totals = client.closed(target.as_ref(), result.as_ref().err());
                if totals.is_tls_handshake && expects_no_tls {
                    report::began_tls(client.peer());
                }
                match result {
                    // An error of our own stdin or stdout, not of the connection.
                    Err(error @ Error::Local { .. }) => {
                        let _ = fatal.map(|fatal| fatal.try_send(error));
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
        let server = listener.serve_in(threads.runtimes(), serve);
        tokio::select! {
            _ = signals.stop(|| self.reload(&server)) => {}
            Some(error) = failed.recv() => return Err(error.into()),
        }
        service::stopping();
        server.close();
        let grace = self.args.serve.grace;
        let ended = async {
            if timeout(grace, server.wait_closed()).await.is_err() {
                server.abort_clients();
                server.wait_closed().await;
            }
            // A handler may outlive its connection: a command that is asked to end, and is killed if it does not.
            drop(fatal);
            while failed.recv().await.is_some() {}
        };
        Ok(signals.grace(ended, grace.saturating_add(LAST_WAIT)).await)
    }

    /// Listens, and reports that.
    async fn listen(&self) -> Result<Listener, Error> {
        let args = self.args;
        let ready_fd = args.serve.ready_fd.map(ReadyFd::open).transpose()?;
        let options = self.options()?;
        let listener = match &self.place {
            Place::Endpoint(endpoint) => Listener::bind(endpoint, &options).await?,
            Place::Given(name) => Listener::from_std(service::socket(name)?, &options)?,
            Place::Stdin => return Err(Error::Closed),
        };
        report::report(&Event::Listening { addresses: listener.local_addrs() });
        if let Some(tls) = self.tls.as_ref().filter(|_| args.tls.is_pinned()) {
            let command = &paste::command(listener.local_addrs(), &args.tls, tls.pin());
            report::report(&Event::OwnKey { pin: tls.pin(), kept_in: args.tls.kept_key(), command });
        }
        self.own.warn();
        let is_mixed_up = args.tls.is_pinned() && args.tls.asks_clients() && args.forward.cacert().is_empty();
        if is_mixed_up && args.forward.is_asked_for() {
            report::warn(
                "--cacert is for the certificates of clients, which must show one; that of the target is for --forward-tls --forward-cacert FILE",
            );
        }
        if args.forward.forward_insecure {
            args.forward.targets().iter().for_each(report::unverified_target);
        }
        service::ready(ready_fd, listener.local_addrs())?;
        Ok(listener)
    }

    /// Reads all files anew. Open connections go on as they are.
    fn reload(&self, server: &Server) {
        service::reloading();
        match self.read_anew(server) {
            Ok(own) => {
                report::report(&Event::Reloaded { not_after: own.not_after() });
                own.warn();
            }
            Err(error) => report::warn(&format!("SIGHUP: {error}; what was read before stays in use")),
        }
        service::reloaded();
    }

    /// Applies the same command line, with what its files hold now: all of it, or nothing.
    fn read_anew(&self, server: &Server) -> Result<Shown, Error> {
        let args = match cli::parse() {
            Ok(Command::Listen(args)) => args,
            Err(NotRun::Usage(wrong)) => return Err(Error::other(wrong.message)),
            // It was that of a listener before.
            Ok(Command::Connect(_)) | Err(NotRun::Help(_) | NotRun::Empty(_)) => return Err(Error::Closed),
        };
        if let Some(file) = args.tls.kept_key().filter(|file| !file.exists()) {
            // Another key would be made, which clients do not know.
            return Err(Error::other(format_args!("{}: the key is not there any more", file.display())));
        }
        let own = Shown::read(&args)?;
        let tls =
            if args.tls.has_files() { args.tls.server(own.to_clients.as_ref())? } else { self.tls.clone() };
        let anew = args.forwarding(own.to_targets.as_ref(), observe::connecting)?;
        let setup = Setup { args: &args, place: args.address.place()?, tls, own, forward: None };
        server.set_options(&setup.options()?)?;
        if let (Some(current), Some(anew)) = (&self.forward, anew) {
            current.replace(anew);
        }
        Ok(setup.own)
    }

    fn options(&self) -> Result<ServerOptions, Error> {
        let args = self.args;
        let options = ServerOptions::new()
            .family(args.address.family())
            .numeric(args.reach.numeric)
            .multipath(args.reach.mptcp)
            .handshake_timeout(args.reach.timeout())
            .idle_timeout(args.exchange.idle_timeout())
            .max_time(args.exchange.max_time())
            .limit_rate(args.exchange.limit_rate())
            .by_streams(cli::by_streams());
        let options = args.serve.listening(self.place.endpoint(), args.serve.limits(options))?;
        let options = observe::serving(options);
        Ok(self.tls.iter().cloned().fold(options, ServerOptions::tls))
    }
}
