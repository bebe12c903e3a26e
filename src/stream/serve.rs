//! A task for each client: if one fails or panics, the others are not affected.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::clients::Preparing;
use super::handled::poll_handler;
use super::link::Link;
use super::workers::{Open, Workers};
use super::{HandlerResult, Limits, StreamReader, StreamWriter, streams};
use crate::endpoint::{Address, Networks};
use crate::error::{Error, Step};
use crate::policy::Deadline;
use crate::transport::proxy_protocol::{Ends, receive};
use crate::transport::tls::Acceptor;
use crate::transport::{Accepted, Listening, NOT_ALLOWED, Rules, Transport};

/// How a connection of a server becomes streams.
pub(super) struct Admission {
    pub(super) acceptor: Option<Acceptor>,
    /// Those who say who their clients are.
    pub(super) proxies: Networks,
    /// Which of their clients may come in.
    pub(super) rules: Rules,
    /// Of the header of a proxy and the TLS handshake.
    pub(super) timeout: Option<Duration>,
    pub(super) limits: Arc<Limits>,
}

impl Admission {
    pub(super) fn is_immediate(&self) -> bool {
        self.acceptor.is_none() && self.proxies.is_empty()
    }

    /// The streams of a connection, after what comes before them: the header of a proxy, and the TLS handshake. `client`
    /// becomes the one that a proxy names. May be cancelled.
    pub(super) async fn admit(
        &self,
        accepted: Accepted,
        client: &mut Address,
    ) -> Result<(StreamReader, StreamWriter), Error> {
        let deadline = Deadline::after(self.timeout);
        let mut name = accepted.peer.to_string();
        let accepted = match &accepted.peer {
            Address::Tcp(peer) if self.proxies.contains(peer.ip()) => {
                self.introduced(accepted, deadline).await?
            }
            _ => accepted,
        };
        let Some(acceptor) = &self.acceptor else { return Ok(self.plain(accepted)) };
        let Accepted { transport, peer, local, place, proxy } = accepted;
        client.clone_from(&peer);
        if let Some(proxy) = &proxy {
            name = format!("{peer} (through {proxy})");
        }
        let doing = || format!("TLS handshake with {name}");
        let shaking_hands = acceptor.accept(transport.into(), &name);
        let (secured, info) = deadline.bound(Step::Handshake, shaking_hands, doing).await??;
        let link = Link::new(peer, local, Arc::clone(&self.limits)).accepted(place, proxy);
        Ok(streams(Transport::secured(secured, info), link))
    }

    /// The same, with a failure logged.
    pub(super) async fn admit_or_log(&self, accepted: Accepted) -> Option<(StreamReader, StreamWriter)> {
        let mut peer = accepted.peer.clone();
        match self.admit(accepted, &mut peer).await {
            Ok(streams) => Some(streams),
            Err(error) => {
                // As a field, and not as text, so that a program can say what to do about it.
                let error = &error as &(dyn std::error::Error + 'static);
                log_of(&peer, || tracing::warn!(error));
                None
            }
        }
    }

    /// The connection of a proxy after its header, with the addresses of the client if it names one.
    async fn introduced(&self, accepted: Accepted, deadline: Deadline) -> Result<Accepted, Error> {
        let Accepted { transport, peer: proxy, local, place, .. } = accepted;
        let doing = || format!("{proxy}: waiting for the header of the PROXY protocol");
        let received = deadline.bound(Step::Handshake, receive(transport), doing).await?;
        let wrong = |reason| Error::other(format!("{proxy}: no header of the PROXY protocol: {reason}"));
        let (transport, client) = received.map_err(wrong)?;
        let Some(Ends { peer, local }) = client else {
            tracing::info!("{proxy}: the proxy names no client");
            return Ok(Accepted { transport: transport.for_tls(), peer: proxy, local, place, proxy: None });
        };
        if !self.rules.allow(&peer) {
            return Err(Error::other(format!("{peer} (through {proxy}): refused: {NOT_ALLOWED}")));
        }
        tracing::info!("{peer}: a client of the proxy {proxy}");
        Ok(Accepted { transport: transport.for_tls(), peer, local, place, proxy: Some(proxy.into()) })
    }

    /// The streams of a connection without a handshake.
    pub(super) fn plain(&self, accepted: Accepted) -> (StreamReader, StreamWriter) {
        let Accepted { transport, peer, local, place, proxy } = accepted;
        streams(transport, Link::new(peer, local, Arc::clone(&self.limits)).accepted(place, proxy))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

/// The admission of new connections, which a server may be given anew.
pub(super) type CurrentAdmission = Arc<Mutex<Arc<Admission>>>;

/// What every connection of a server needs.
pub(super) struct Service<H> {
    pub(super) handler: H,
    pub(super) admission: CurrentAdmission,
}

impl<H> Service<H> {
    fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection that its handler has not received yet. It is aborted when dropped.
struct Client {
    served: Served,
    reader: StreamReader,
    writer: StreamWriter,
}

impl Client {
    fn new((reader, writer): (StreamReader, StreamWriter), server: &Preparing) -> Self {
        let link = reader.link();
        server.clients.add(&link);
        Self { served: Served(Some(link)), reader, writer }
    }
}

/// A connection that its server waits for until this is dropped. It is aborted then, unless all went well.
struct Served(Option<Arc<Link>>);

impl Served {
    fn all_is_well(&mut self) {
        if let Some(link) = self.0.take() {
            link.leave_server();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.abort_unfinished();
            link.leave_server();
        }
    }
}

pub(super) async fn accept_all<H, F>(
    mut listening: Listening,
    service: Arc<Service<H>>,
    accepting: Preparing,
    workers: Workers,
) where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerResult> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            biased;
            () = accepting.clients.closed() => None,
            accepted = listening.accept() => accepted,
        };
        let Some(accepted) = accepted else { return };
        let (service, admission) = (Arc::clone(&service), service.admission());
        if admission.is_immediate() && !workers.are_elsewhere() {
            let streams = admission.plain(accepted);
            serve(&service, Client::new(streams, &accepting), Open::default());
            continue;
        }
        let (preparing, is_moved) = (accepting.clients.prepare(), workers.are_elsewhere());
        workers.spawn(|open| async move {
            let accepted = if is_moved { accepted.moved_here() } else { Ok(accepted) };
            let accepted = match accepted {
                Ok(accepted) => accepted,
                Err(error) => return tracing::warn!("{error}"),
            };
            // Its state is large, and goes when it is done.
            if let Some(client) = Box::pin(shake_hands(&admission, accepted, preparing)).await {
                // In a task of its own, because this one has room for much that is not needed any more.
                serve(&service, client, open);
            }
        });
    }
}

/// A client after its handshake; None if that failed, or its connection was ended meanwhile.
async fn shake_hands(admission: &Admission, accepted: Accepted, server: Preparing) -> Option<Client> {
    tokio::select! {
        admitted = admission.admit_or_log(accepted) => admitted.map(|streams| Client::new(streams, &server)),
        () = server.dismissed() => None,
    }
}

pin_project! {
    /// One connection to its end. Written by hand because ten thousand are held: an async block keeps room for what it has
    /// moved into the handler.
    struct Serving<F> {
        // It goes before the handler and what that holds, where this is dropped.
        served: Served,
        #[pin]
        handled: F,
        // Counted where it is served, until then.
        open: Open,
    }
}

/// Calls the handler, and serves the connection in a task of its own.
fn serve<H, F>(service: &Service<H>, client: Client, open: Open)
where
    H: Fn(StreamReader, StreamWriter) -> F,
    F: Future<Output: HandlerResult> + Send + 'static,
{
    let link = client.reader.link();
    let Client { served, reader, writer } = client;
    if let Some(handled) = held(&link, || (service.handler)(reader, writer), |_| true) {
        tokio::spawn(Serving { served, handled, open });
    }
}

impl<F: Future<Output: HandlerResult>> Future for Serving<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(link) = this.served.0.clone() else { return Poll::Ready(()) };
        let polled = held(&link, || this.handled.as_mut().poll(cx).map(HandlerResult::into_result), is_well);
        match polled {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(Ok(()))) => this.served.all_is_well(),
            Some(Poll::Ready(Err(error))) => {
                log_of(&link.peer, || tracing::warn!("{}: {error}", link.peer));
            }
            // The future is not polled again after a panic.
            None => {}
        }
        Poll::Ready(())
    }
}

/// Writes a line of the log about a client.
pub(crate) fn log_of(peer: &Address, line: impl FnOnce()) {
    tracing::warn_span!("client", %peer).in_scope(line);
}

fn is_well(polled: &Poll<Result<(), Error>>) -> bool {
    matches!(polled, Poll::Pending | Poll::Ready(Ok(())))
}

/// Runs a part of the handler; None if it panics. A writer that it drops meanwhile ends its direction only if
/// the handler does not fail.
fn held<T>(link: &Arc<Link>, part: impl FnOnce() -> T, is_well: impl FnOnce(&T) -> bool) -> Option<T> {
    let (ran, dropped) = poll_handler(link, || catch_unwind(AssertUnwindSafe(part)));
    let Ok(done) = ran else {
        log_of(&link.peer, || tracing::error!("{}: the handler panicked", link.peer));
        return None;
    };
    if let Some(writer) = dropped.filter(|_| is_well(&done)) {
        writer.end_unattended();
    }
    Some(done)
}
