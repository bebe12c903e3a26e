//! The way to a peer: a socket and an address. A name may have several addresses, and then the first one that does not
//! refuse is it.

use std::io::{self, ErrorKind};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::sync::{Mutex, watch};

use super::inbox::OVERHEAD;
use crate::endpoint::Address;
use crate::transport::{Connected, DatagramSocket, Received, Route, Untried};

/// How many bytes are kept at most, to be sent to another address.
const KEPT: usize = 256 * 1024;

/// A socket and where it sends to.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) socket: Arc<DatagramSocket>,
    pub(super) peer: Address,
    pub(super) local: Address,
    /// Where messages go, unless the socket is connected.
    pub(super) route: Option<Route>,
    /// The addresses of the same name that have refused before.
    before: Vec<Address>,
    /// This one has refused, and nothing has come of that yet.
    refused: AtomicBool,
}

impl Way {
    pub(super) fn new(
        socket: Arc<DatagramSocket>,
        peer: Address,
        local: Address,
        route: Option<Route>,
    ) -> Self {
        Self { socket, peer, local, route, before: Vec::new(), refused: AtomicBool::new(false) }
    }

    fn connected(connected: Connected, before: Vec<Address>) -> Self {
        let Connected { socket, peer, route } = connected;
        let local = socket.local_addr().clone();
        Self { before, ..Self::new(Arc::new(socket), peer, local, route) }
    }

    /// This address and those that have refused before it.
    pub(super) fn refusers(&self) -> String {
        let all: Vec<_> = self.before.iter().chain([&self.peer]).map(ToString::to_string).collect();
        all.join(", ")
    }

    async fn send(&self, messages: &[Bytes]) -> io::Result<usize> {
        self.socket.send(messages, self.route.as_ref()).await
    }
}

/// The way to a peer, and those that may take its place: until something has come, a refusal leads to the next address,
/// and what was sent is sent there again.
#[derive(Debug)]
pub(super) struct Ways {
    now: watch::Sender<Arc<Way>>,
    /// It may still change.
    is_open: AtomicBool,
    search: Mutex<Option<Box<Search>>>,
}

#[derive(Debug)]
struct Search {
    untried: Untried,
    /// All messages that were sent, and how many of them to the present address.
    kept: Vec<Bytes>,
    sent: usize,
    /// What they take.
    size: usize,
}

impl Ways {
    /// The only one.
    pub(super) fn one(way: Way) -> Self {
        Self {
            now: watch::Sender::new(Arc::new(way)),
            is_open: AtomicBool::new(false),
            search: Mutex::new(None),
        }
    }

    /// The first one of several.
    pub(super) fn first(connected: Connected, untried: Untried) -> Self {
        let ways = Self::one(Way::connected(connected, Vec::new()));
        // Many do not refuse.
        if untried.is_empty() || ways.now().route.is_some() {
            return ways;
        }
        let search = Search { untried, kept: Vec::new(), sent: 0, size: 0 };
        Self { is_open: AtomicBool::new(true), search: Mutex::new(Some(Box::new(search))), ..ways }
    }

    pub(super) fn now(&self) -> Arc<Way> {
        Arc::clone(&self.now.borrow())
    }

    /// Whether another address may take the place of the present one.
    pub(super) fn are_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// The present one it is.
    fn settle(&self) {
        if self.is_open.swap(false, Ordering::AcqRel)
            && let Ok(mut search) = self.search.try_lock()
        {
            *search = None;
        }
    }

    /// As [`DatagramSocket::send`]. May be cancelled.
    pub(super) async fn send(&self, messages: &[Bytes]) -> io::Result<usize> {
        if !self.are_open() {
            return self.now().send(messages).await;
        }
        let mut search = self.search.lock().await;
        loop {
            self.catch_up(&mut search).await?;
            let way = self.now();
            match way.send(messages).await {
                Err(error) if is_refusal(&error) && self.are_open() => {
                    way.refused.store(true, Ordering::Relaxed);
                }
                sent => {
                    if let (Some(search), Ok(sent)) = (&mut *search, &sent) {
                        search.keep(&messages[..*sent]);
                    }
                    self.forget_if_settled(&mut search);
                    return sent;
                }
            }
        }
    }

    /// As [`DatagramSocket::receive`]. May be cancelled.
    pub(super) async fn receive(&self, received: &mut Vec<Received>) -> io::Result<()> {
        let mut now = self.now.subscribe();
        while self.are_open() {
            self.catch_up(&mut *self.search.lock().await).await?;
            let way = Arc::clone(&now.borrow_and_update());
            let result = tokio::select! {
                result = way.socket.receive(received) => result,
                Ok(()) = now.changed() => continue,
            };
            match result {
                Err(error) if is_refusal(&error) && self.are_open() => {
                    way.refused.store(true, Ordering::Relaxed);
                }
                result => {
                    if result.is_ok() {
                        self.settle();
                    }
                    return result;
                }
            }
        }
        self.now().socket.receive(received).await
    }

    /// Goes on to the next address where the present one has refused, until all that was sent is sent to one. May be
    /// cancelled, and goes on from there then.
    ///
    /// # Errors
    /// The last address has refused; or a message cannot be sent, which is skipped.
    async fn catch_up(&self, search: &mut Option<Box<Search>>) -> io::Result<()> {
        self.forget_if_settled(search);
        while let Some(searching) = search {
            let way = self.now();
            if way.refused.swap(false, Ordering::Relaxed) {
                if !self.go_on(searching, &way) {
                    return Err(Errno::CONNREFUSED.into());
                }
            } else if searching.sent < searching.kept.len() {
                match way.send(&searching.kept[searching.sent..]).await {
                    Ok(sent) => searching.sent += sent,
                    Err(error) if is_refusal(&error) => way.refused.store(true, Ordering::Relaxed),
                    Err(error) => {
                        searching.sent += 1;
                        return Err(error);
                    }
                }
            } else {
                let is_over = searching.untried.is_empty() || searching.size > KEPT;
                self.is_open.fetch_and(!is_over, Ordering::AcqRel);
                self.forget_if_settled(search);
                return Ok(());
            }
        }
        Ok(())
    }

    fn forget_if_settled(&self, search: &mut Option<Box<Search>>) {
        if !self.are_open() {
            *search = None;
        }
    }

    /// Takes the next address, if there is one.
    fn go_on(&self, search: &mut Search, from: &Way) -> bool {
        let mut failed = Vec::new();
        let next = search.untried.connect(&mut failed);
        for attempt in failed {
            tracing::info!("{}: {}", attempt.address, attempt.cause);
        }
        let next = match next {
            Ok(Some(next)) => next,
            Ok(None) => return false,
            Err(error) => {
                tracing::info!("{error}");
                return false;
            }
        };
        tracing::info!("{}: connection refused; sending to {}", from.peer, next.peer);
        let before = [&from.before[..], slice::from_ref(&from.peer)].concat();
        search.sent = 0;
        self.now.send_replace(Arc::new(Way::connected(next, before)));
        true
    }
}

impl Search {
    fn keep(&mut self, messages: &[Bytes]) {
        self.size += messages.iter().map(|message| message.len() + OVERHEAD).sum::<usize>();
        self.kept.extend_from_slice(messages);
        self.sent = self.kept.len();
    }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}
