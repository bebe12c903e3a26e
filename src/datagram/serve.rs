//! A task for each session: if one fails or panics, the others are not affected.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Limits;
use super::inbox::{Inbox, Put, Waiting};
use super::session::Datagrams;
use super::sessions::{Key, Sessions};
use crate::error::{Error, reason};
use crate::policy::Moved;
use crate::stream::log_of;
use crate::transport::{DatagramSocket, Received, Route};

/// How long receiving pauses after an error that is none of a message: memory has run out, say.
const REST: Duration = Duration::from_millis(100);

/// What all sessions of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) sessions: Mutex<Sessions>,
    /// Whether the server is closed; also sent when a session has ended.
    pub(super) is_closed: watch::Sender<bool>,
    pub(super) waiting: Waiting,
    pub(super) moved: Arc<Moved>,
    pub(super) limits: Limits,
}

impl Shared {
    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server is closed and has no sessions.
    pub(super) async fn is_over(&self) {
        let mut changes = self.is_closed.subscribe();
        // It fails only without a sender, which is ours.
        let _ = changes.wait_for(|is_closed| *is_closed && self.sessions().is_empty()).await;
    }
}

/// What one socket of a server does.
pub(super) struct Service<H> {
    /// Which of the server's sockets it is.
    pub(super) number: usize,
    pub(super) socket: Arc<DatagramSocket>,
    pub(super) shared: Arc<Shared>,
    pub(super) handler: Arc<H>,
}

impl<H, F, E> Service<H>
where
    H: Fn(Datagrams) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    pub(super) async fn receive_all(self) {
        let mut received = Vec::new();
        loop {
            match self.socket.receive(&mut received).await {
                Ok(()) => self.distribute(received.drain(..)),
                Err(error) => self.rest(&error).await,
            }
            give_way().await;
        }
    }

    /// An error of the socket concerns no single peer, because all of them share it.
    async fn rest(&self, error: &io::Error) {
        tracing::warn!("cannot receive on {}: {}", self.socket.local_addr(), reason(error));
        sleep(REST).await;
    }

    /// Gives each message to the session of its peer.
    fn distribute(&self, received: impl Iterator<Item = Received>) {
        // Those of one peer often come together.
        let mut last: Option<(Route, Datagrams)> = None;
        for Received { data, route } in received {
            let session = match last.take() {
                Some((of, session)) if of == route => session,
                _ => self.session(&route),
            };
            let session = match session.put(data) {
                Put::Ended(data) => self.newcomer(&route, data),
                Put::Taken => session,
                Put::Dropped => {
                    tracing::debug!("{}: a datagram was dropped: too many wait for the handler", route.peer);
                    session
                }
            };
            last = Some((route, session));
        }
    }

    /// The session of a peer; a new one if there is none.
    fn session(&self, route: &Route) -> Datagrams {
        let found = self.shared.sessions().get(&self.key(route)).cloned();
        found.unwrap_or_else(|| self.start(route))
    }

    /// A session after the one that has ended.
    fn newcomer(&self, route: &Route, first: Bytes) -> Datagrams {
        let session = self.start(route);
        session.put(first);
        session
    }

    fn key(&self, route: &Route) -> Key {
        Key { socket: self.number, route: route.clone() }
    }

    fn start(&self, route: &Route) -> Datagrams {
        let Shared { waiting, moved, limits, .. } = &*self.shared;
        let inbox = Inbox::bounded(Arc::clone(waiting));
        let session =
            Datagrams::served(Arc::clone(&self.socket), route.clone(), inbox, Arc::clone(moved), limits);
        let key = self.key(route);
        let number = self.shared.sessions().add(key.clone(), session.clone());
        if *self.shared.is_closed.borrow() {
            session.end(Error::Closed);
        }
        let member = Member { shared: Arc::clone(&self.shared), session: session.clone(), key, number };
        tokio::spawn(serve(Arc::clone(&self.handler), member));
        session
    }
}

/// A session that is counted as one of a server's until this is dropped.
struct Member {
    shared: Arc<Shared>,
    session: Datagrams,
    key: Key,
    number: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("{}: the handler panicked", self.key.route.peer);
        }
        // What comes from now on is for a new session.
        self.session.end(Error::Closed);
        self.shared.sessions().remove(&self.key, self.number);
        self.shared.is_closed.send_modify(|_| ());
    }
}

/// One session to its end.
async fn serve<H, F, E>(handler: Arc<H>, member: Member)
where
    H: Fn(Datagrams) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: fmt::Display + Send + 'static,
{
    let (session, peer) = (&member.session, &member.key.route.peer);
    let ended = tokio::select! {
        biased;
        () = session.replaced() => {
            tracing::info!("{peer}: a newer session has taken the place of this one");
            return;
        }
        ended = handler(session.clone()) => ended,
    };
    match ended {
        Err(error) if session.is_over() => tracing::debug!("{peer}: {error}"),
        Err(error) => log_of(peer, || tracing::warn!("{peer}: {error}")),
        Ok(()) => {}
    }
}

/// Lets the tasks run that were woken, and comes back at once after them.
async fn give_way() {
    let mut has_given = false;
    poll_fn(|cx| {
        if has_given {
            return Poll::Ready(());
        }
        has_given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
