//! A session: the messages to and from one peer.

mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limits;
use super::inbox::{Inbox, Put};
use super::ways::{Way, Ways};
use crate::endpoint::Address;
use crate::error::Error;
use crate::policy::{Moved, Wait};
use crate::stream::{Direction, Opened, Taps, Traffic, next_client};
use crate::transport::{Connected, DatagramSocket, Route, Untried};

/// How often a message is sent again because the system reports the refusal of an earlier one in its place.
const REFUSALS: usize = 3;

/// Messages to and from one peer: what [`open_datagrams`](crate::open_datagrams) gives, and what a server gives its
/// handler for each peer. A clone is the same session.
///
/// A message arrives whole or not at all, perhaps later than one sent after it, and perhaps twice: that is all
/// that UDP promises. An empty message is a message. There is no end: a session is over when both sides stop
/// using it, or when nothing has moved for a time that its options set.
#[derive(Debug, Clone)]
pub struct Datagrams(Arc<Session>);

#[derive(Debug)]
struct Session {
    /// Of the client, or of the one for which it was opened.
    number: Option<u64>,
    taps: Taps,
    ways: Ways,
    /// A server puts messages into it if it is bounded; they come from our own socket otherwise.
    inbox: Inbox,
    traffic: Traffic,
    /// When something last moved, beside that of the whole server.
    moved: Moved,
    of_all: Arc<Moved>,
    /// The system has said that a message was refused, and not yet the one who receives.
    refused: Notify,
    /// A newer session has taken the place of this one.
    replaced: Notify,
    /// The one who receives knows that the session is over.
    is_over: AtomicBool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.taps.closed(self.inbox.ended().as_ref());
    }
}

impl Datagrams {
    /// Over a socket of its own.
    pub(super) fn connected(
        connected: Connected,
        untried: Untried,
        number: Option<u64>,
        limits: &Limits,
    ) -> Self {
        let of_all = Arc::new(Moved::since(Instant::now()));
        Self::new(Ways::first(connected, untried), Inbox::default(), of_all, (number, false), limits)
    }

    /// Over a server's socket.
    pub(super) fn served(
        socket: Arc<DatagramSocket>,
        route: Route,
        inbox: Inbox,
        of_all: Arc<Moved>,
        limits: &Limits,
    ) -> Self {
        let local = match (socket.local_addr(), route.asked) {
            (Address::Tcp(bound), Some(asked)) => Address::Tcp((asked, bound.port()).into()),
            (bound, _) => bound.clone(),
        };
        let way = Way::new(socket, route.peer.clone(), local, Some(route));
        Self::new(Ways::one(way), inbox, of_all, (Some(next_client()), true), limits)
    }

    fn new(
        ways: Ways,
        inbox: Inbox,
        of_all: Arc<Moved>,
        (number, is_accepted): (Option<u64>, bool),
        limits: &Limits,
    ) -> Self {
        let taps = {
            let Way { peer, local, .. } = &*ways.now();
            let (is_datagrams, proxy, tls) = (true, None, None);
            limits.observers.open(&Opened { number, is_accepted, is_datagrams, peer, local, proxy, tls })
        };
        Self(Arc::new(Session {
            number,
            taps,
            ways,
            inbox,
            traffic: Traffic::new(limits.idle),
            moved: Moved::since(of_all.start()),
            of_all,
            refused: Notify::new(),
            replaced: Notify::new(),
            is_over: AtomicBool::new(false),
        }))
    }

    /// The address of the peer; that of a multicast group, or of all machines, if messages go there. Where a name has
    /// several addresses it may change until something has come.
    pub fn peer_addr(&self) -> Address {
        self.0.ways.now().peer.clone()
    }

    /// This end's address: the one that the peer has sent to, where that is known.
    pub fn local_addr(&self) -> Address {
        self.0.ways.now().local.clone()
    }

    /// Whether a refusal may still lead to another address of the peer's name.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "for stdio"))]
    pub(crate) fn may_go_on(&self) -> bool {
        self.0.ways.are_open()
    }

    /// The counters of the session.
    pub fn traffic(&self) -> Traffic {
        self.0.traffic.clone()
    }

    /// The number of the client, counted from 1 in the order in which this process has accepted them; None for a session
    /// of ours, unless it was opened for a client (`handlers::Forward`).
    pub fn number(&self) -> Option<u64> {
        self.0.number
    }

    /// Why nothing more is received, once that is so. What came before can still be received.
    pub fn ended(&self) -> Option<Error> {
        self.0.inbox.ended()
    }

    /// Sends one message, which may be empty. On return the system has it; whether it arrives is not reported. asyncio's
    /// `DatagramTransport.sendto`. May be cancelled: the message is not sent then.
    ///
    /// A message that the system keeps back to report the refusal of an earlier one is sent again, and
    /// [`receive`](Self::receive) reports the refusal.
    ///
    /// # Errors
    /// [`Error::MessageTooLong`]; [`Error::Refused`] by a Unix socket; [`Error::Datagram`] for what else the system
    /// refuses. The session goes on after any of them.
    pub async fn send(&self, message: &[u8]) -> Result<(), Error> {
        self.send_batch(&[Bytes::copy_from_slice(message)]).await
    }

    /// The same for several messages in their order, in fewer calls of the system where it can. A cancelled call has
    /// sent some of the first ones.
    ///
    /// # Errors
    /// Those of [`send`](Self::send), for the first message that cannot be sent; those after it are not.
    pub async fn send_batch(&self, messages: &[Bytes]) -> Result<(), Error> {
        let Session { ways, traffic, .. } = &*self.0;
        let (mut rest, mut refusals) = (messages, 0);
        while let Some(first) = rest.first() {
            traffic.sending();
            match ways.send(rest).await {
                Ok(sent) => {
                    traffic.sent(rest[..sent].iter().map(Bytes::len).sum());
                    rest[..sent].iter().for_each(|message| self.0.taps.moved(Direction::Sent, message));
                    self.touch();
                    (rest, refusals) = (&rest[sent..], 0);
                }
                Err(error) if self.is_of_an_earlier_one(&error) && refusals < REFUSALS => {
                    refusals += 1;
                    self.0.refused.notify_one();
                }
                Err(error) => return Err(self.send_error(first.len(), error)),
            }
        }
        Ok(())
    }

    /// The next message; it may be empty. asyncio's `DatagramProtocol.datagram_received`. May be cancelled without
    /// losing a message.
    ///
    /// # Errors
    /// [`Error::Refused`] where the system of the peer, at each address of its name, says that no program receives
    /// there, after which the session goes on (asyncio's `error_received`); [`Error::Idle`] when nothing has moved for
    /// the time that the options set;
    /// [`Error::Closed`] when the server was closed, and [`Error::Replaced`] when a newer session has taken the
    /// place of this one; [`Error::Datagram`] for an error of the socket.
    pub async fn receive(&self) -> Result<Bytes, Error> {
        loop {
            if let Some(message) = self.0.inbox.take().map_err(|why| self.over(why))? {
                return Ok(message);
            }
            self.arrival().await?;
        }
    }

    /// All messages that are there, and at least one. May be cancelled without losing a message.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive).
    pub async fn receive_batch(&self) -> Result<Vec<Bytes>, Error> {
        loop {
            let messages = self.0.inbox.take_all().map_err(|why| self.over(why))?;
            if !messages.is_empty() {
                return Ok(messages);
            }
            self.arrival().await?;
        }
    }

    /// Waits until something is in the inbox.
    async fn arrival(&self) -> Result<(), Error> {
        let traffic = &self.0.traffic;
        traffic.wait(Wait::ToReceive, true);
        let arrived = tokio::select! {
            biased;
            arrived = self.fetch() => arrived,
            () = self.0.refused.notified() => Err(self.refused()),
            why = traffic.over() => Err(self.over(why)),
        };
        traffic.wait(Wait::ToReceive, false);
        arrived
    }

    async fn fetch(&self) -> Result<(), Error> {
        if self.0.inbox.is_bounded() {
            self.0.inbox.changed().await;
            return Ok(());
        }
        let mut received = Vec::new();
        self.0.ways.receive(&mut received).await.map_err(|error| self.receive_error(error))?;
        for message in received {
            self.put(message.data);
        }
        Ok(())
    }

    /// Puts a message that has come into the inbox.
    pub(super) fn put(&self, message: Bytes) -> Put {
        let (length, seen) = (message.len(), (!self.0.taps.is_empty()).then(|| message.clone()));
        let put = self.0.inbox.put(message);
        if put == Put::Taken {
            self.0.traffic.received_unseen(length);
            if let Some(message) = seen {
                self.0.taps.moved(Direction::Received, &message);
            }
            self.touch();
        }
        put
    }

    fn touch(&self) {
        let now = self.0.moved.now();
        self.0.moved.touch(now);
        self.0.of_all.touch(now);
    }

    /// When something last moved, for the server to compare.
    pub(super) fn moved(&self) -> u64 {
        self.0.moved.at()
    }

    /// Nothing more is received, after what is there. A server has a new session for what comes then.
    pub(crate) fn end(&self, why: Error) {
        self.0.inbox.end(why);
    }

    /// A newer session has taken the place of this one.
    pub(super) fn replace(&self) {
        self.end(Error::Replaced);
        self.0.replaced.notify_one();
    }

    /// Waits until that is so. May be cancelled.
    pub(super) async fn replaced(&self) {
        self.0.replaced.notified().await;
    }

    /// Whether the one who receives knows that the session is over: that is then no fault of the handler.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    fn over(&self, why: Error) -> Error {
        self.0.is_over.store(true, Ordering::Relaxed);
        why
    }
}
