//! `start_server`: a task per client; one that fails or panics does not touch the others.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::link::Link;
use super::{Limits, SETUP_TIMEOUT, StreamReader, StreamWriter, streams};
use crate::endpoint::{Address, Endpoint, Family};
use crate::error::Error;
use crate::transport::tls::{Acceptor, TlsServer};
use crate::transport::{Accepted, Listening, Transport, bind};

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    family: Family,
    numeric: bool,
    handshake_timeout: Duration,
    tls: Option<TlsServer>,
    limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            family: Family::Any,
            numeric: false,
            handshake_timeout: SETUP_TIMEOUT,
            tls: None,
            limits: Limits::default(),
        }
    }
}

impl ServerOptions {
    /// The defaults: both families, names looked up, no TLS, a line limit of 64 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on addresses of one family only.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// Looks no names up.
    #[must_use]
    pub fn numeric(mut self, yes: bool) -> Self {
        self.numeric = yes;
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The limit of a client's TLS handshake; 30 s by default.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many bytes a line, or what comes before a separator, may have.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limits.line = bytes;
        self
    }

    /// How long [`wait_closed`](StreamWriter::wait_closed) waits for the peer; 30 s by default.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.limits.close = timeout;
        self
    }
}

/// A server that is listening. Dropping it stops the listening; open connections go on.
#[derive(Debug)]
pub struct Server {
    local: Vec<Address>,
    listening: Vec<Listening>,
    /// True once closed. Every task of the server holds a receiver.
    closed: watch::Sender<bool>,
}

impl Server {
    /// The addresses that are listened on, with their real port.
    pub fn local_addrs(&self) -> &[Address] {
        &self.local
    }

    /// Whether connections are accepted.
    pub fn is_serving(&self) -> bool {
        !*self.closed.borrow()
    }

    /// Stops listening, at once: what was listened on is free on return. Never waits; open
    /// connections go on.
    pub fn close(&self) {
        self.listening.iter().for_each(Listening::stop);
        self.closed.send_replace(true);
    }

    /// Waits until the server is closed. May be cancelled.
    ///
    /// # Errors
    /// None today; asyncio's `serve_forever` may fail, and so may this one's later.
    pub async fn serve_forever(&self) -> Result<(), Error> {
        let mut closed = self.closed.subscribe();
        // It fails only without a sender, which is ours.
        let _ = closed.wait_for(|closed| *closed).await;
        Ok(())
    }

    /// Waits until the server is closed and its last handler has returned. May be cancelled.
    pub async fn wait_closed(&self) {
        let _ = self.serve_forever().await;
        self.closed.closed().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Listens on every address of `endpoint`, on one port, and runs `handler` in a task of its own for
/// each client, after the TLS handshake if there is one. Bound on return. asyncio's `start_server`
/// and `start_unix_server`.
///
/// A handler that fails or panics is logged and its connection closed; the server goes on. So it
/// does after failed handshakes and when descriptors run out.
///
/// # Errors
/// [`Error::Resolve`], [`Error::Bind`], [`Error::File`], [`Error::Tls`].
pub async fn start_server<H, F, E>(
    handler: H,
    endpoint: &Endpoint,
    options: &ServerOptions,
) -> Result<Server, Error>
where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let acceptor = options.tls.as_ref().map(TlsServer::acceptor).transpose()?;
    let listening = bind(endpoint, options.family, options.numeric).await?;
    let local = listening.iter().map(|listening| listening.local_addr().clone()).collect();
    let (closed, receiver) = watch::channel(false);
    let service =
        Arc::new(Service { handler, acceptor, timeout: options.handshake_timeout, limits: options.limits });
    for listening in &listening {
        tokio::spawn(accept_all(listening.clone(), Arc::clone(&service), receiver.clone()));
    }
    Ok(Server { local, listening, closed })
}

/// What every connection of a server needs.
struct Service<H> {
    handler: H,
    acceptor: Option<Acceptor>,
    timeout: Duration,
    limits: Limits,
}

async fn accept_all<H, F, E>(
    mut listening: Listening,
    service: Arc<Service<H>>,
    mut closed: watch::Receiver<bool>,
) where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let open = closed.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            accepted = listening.accept() => accepted,
        };
        let Some(Accepted { transport, peer, local }) = accepted else { return };
        let (service, open) = (Arc::clone(&service), open.clone());
        if service.acceptor.is_none() {
            let (reader, writer) = streams(transport, Link::new(peer, local, None, service.limits));
            tokio::spawn(serve(service, reader, writer, open));
        } else {
            tokio::spawn(async move {
                // Its state is large, and goes when it is done.
                let streams = Box::pin(handshake(&service, transport, peer, local)).await;
                match streams {
                    Ok((reader, writer)) => serve(service, reader, writer, open).await,
                    Err(error) => tracing::warn!("{error}"),
                }
            });
        }
    }
}

/// One connection to its end; `open` tells the server that it is there.
#[expect(
    clippy::manual_async_fn,
    reason = "ten thousand are held, and an async fn keeps its arguments twice"
)]
fn serve<H, F, E>(
    service: Arc<Service<H>>,
    reader: StreamReader,
    writer: StreamWriter,
    open: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send
where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    async move {
        let link = reader.link();
        let panicked = || tracing::error!("{}: the handler panicked", link.peer);
        let mut handled = pin!(match catch_unwind(AssertUnwindSafe(|| (service.handler)(reader, writer))) {
            Ok(handled) => handled,
            Err(_) => return panicked(),
        });
        // The future is not polled again after a panic.
        let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| handled.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        });
        match caught.await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!("{}: {error}", link.peer),
            None => panicked(),
        }
        drop(open);
    }
}

async fn handshake<H>(
    service: &Service<H>,
    transport: Transport,
    peer: Address,
    local: Address,
) -> Result<(StreamReader, StreamWriter), Error> {
    let Some(acceptor) = &service.acceptor else {
        return Ok(streams(transport, Link::new(peer, local, None, service.limits)));
    };
    let name = peer.to_string();
    let late = |_| Error::Timeout { doing: format!("TLS handshake with {peer}"), after: service.timeout };
    let (secured, info) =
        timeout(service.timeout, acceptor.accept(transport, &name)).await.map_err(late)??;
    Ok(streams(Transport::Shared(secured), Link::new(peer, local, Some(info), service.limits)))
}
