//! The state that the reader and the writer of one connection share.

mod moves;

use std::future::poll_fn;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::pace::Pace;
use super::sending::Sending;
use super::tap::{Opened, Taps, next_client};
use super::traffic::Traffic;
use super::{Direction, Limits};
use crate::endpoint::Address;
use crate::error::Error;
use crate::policy::Deadline;
use crate::transport::Place;
use crate::transport::tls::TlsInfo;

/// The sending side of a connection, for code that ends the connection from elsewhere.
pub(super) trait Sender: Send + Sync {
    /// Resets the connection.
    fn reset(&self);

    /// Closes both directions in a task of `runtime`; the server does not wait for the connection after that.
    fn close_unattended(self: Arc<Self>, runtime: &Handle);
}

/// A server that waits for its connections.
pub(super) trait Owner: Send + Sync {
    /// The server no longer waits for this connection.
    fn release(&self, link: &Link);
}

pub(super) struct Link {
    pub(super) peer: Address,
    pub(super) local: Address,
    pub(super) limits: Arc<Limits>,
    pub(super) traffic: Traffic,
    pub(super) pace: Pace,
    pub(super) taps: Taps,
    /// The number of the client that has opened it, or for which it was opened.
    number: Option<NonZero<u64>>,
    is_accepted: bool,
    /// Set by the writer's `close`: the reader is at its end.
    closing: AtomicBool,
    /// Set by the writer's `abort`: nothing more is sent, not even an end.
    aborted: AtomicBool,
    /// Set with `failure`, so that the usual case takes no lock.
    failed: AtomicBool,
    state: Mutex<State>,
    /// The writer's; taken before `state` where both are.
    sending: Mutex<Sending>,
    /// Where its server counts it.
    place: Option<Place>,
    /// Who has said who the peer is. Boxed, because few connections have it.
    pub(super) proxy: Option<Box<Address>>,
}

#[derive(Default)]
struct State {
    /// The error that the reader has met; `drain` returns it too.
    failure: Option<Box<Error>>,
    /// Whether the reader has met the end or is gone.
    reader_done: bool,
    /// Wakes a waiting reader at `close`.
    reader: Option<Waker>,
    /// Wakes a closing writer when the reader is done.
    writer: Option<Waker>,
    /// The writer's side, unless the connection goes on without its streams.
    sender: Option<Weak<dyn Sender>>,
    /// What is sent is another peer's stream: the end of this connection is not ours to send.
    is_relayed: bool,
    /// The server that waits for this connection.
    server: Option<Arc<dyn Owner>>,
    /// The task that fails the connection when it is idle or its time is up, if there is a limit.
    watch: Option<AbortHandle>,
}

impl Link {
    pub(super) fn new(peer: Address, local: Address, limits: Arc<Limits>) -> Self {
        Self {
            peer,
            local,
            traffic: Traffic::until(limits.idle, Deadline::after(limits.whole), limits.prompt),
            pace: Pace::new(limits.rate),
            taps: Taps::default(),
            number: None,
            is_accepted: false,
            limits,
            closing: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            state: Mutex::default(),
            sending: Mutex::default(),
            place: None,
            proxy: None,
        }
    }

    /// Opened for the client with this number, if it has one.
    pub(super) fn for_client(mut self, number: Option<u64>) -> Self {
        self.number = number.and_then(NonZero::new);
        self
    }

    /// Of a connection that its server counts until this is dropped.
    pub(super) fn accepted(mut self, place: Option<Place>, proxy: Option<Box<Address>>) -> Self {
        self.is_accepted = true;
        (self.place, self.proxy) = (place, proxy);
        self.for_client(Some(next_client()))
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.number.map(NonZero::get)
    }

    /// The connection is set up: its time runs, and what wants to see its bytes is asked.
    pub(super) fn begin(mut self, tls: Option<&TlsInfo>) -> Arc<Self> {
        let (number, is_accepted, peer, local) = (self.number(), self.is_accepted, &self.peer, &self.local);
        let (is_datagrams, proxy) = (false, self.proxy.as_deref());
        let opened = Opened { number, is_accepted, is_datagrams, peer, local, proxy, tls };
        self.taps = self.limits.observers.open(&opened);
        let link = Arc::new(self);
        link.watch();
        link
    }

    fn wake_reader(&self) {
        let waker = self.state().reader.take();
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reset that a write has met, if one has.
    pub(super) fn writer_reset(&self) -> Option<Error> {
        self.sending().reset()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake_reader();
    }

    /// Ends the connection at once, and wakes all tasks that wait for it.
    pub(super) fn abort(&self) {
        if self.aborted.swap(true, Ordering::AcqRel) {
            return;
        }
        self.close();
        let (sender, closer) = {
            let mut state = self.state();
            (state.sender.as_ref().and_then(Weak::upgrade), state.writer.take())
        };
        if let Some(sender) = sender {
            sender.reset();
        }
        let waiting = self.sending().take_waiting();
        waiting.into_iter().for_each(Wake::wake);
        closer.into_iter().for_each(Waker::wake);
        self.leave_server();
    }

    /// The same, unless closing is complete.
    pub(super) fn abort_unfinished(&self) {
        if !self.sending().closed {
            self.abort();
        }
    }

    /// Makes `server` wait for this connection.
    pub(super) fn set_server(&self, server: Arc<dyn Owner>) {
        self.state().server = Some(server);
    }

    /// Makes the server no longer wait for this connection.
    pub(super) fn leave_server(&self) {
        let server = self.state().server.take();
        if let Some(server) = server {
            server.release(self);
        }
    }

    /// The connection continues with other streams, on which nothing was sent, has failed or has ended yet.
    pub(super) fn renew(&self) {
        *self.sending() = Sending::default();
        self.state().reader_done = false;
    }

    pub(super) fn set_sender(&self, sender: Weak<dyn Sender>) {
        self.state().sender = Some(sender);
    }

    pub(super) fn set_relayed(&self) {
        self.state().is_relayed = true;
    }

    /// The side that can end this connection cleanly; None if there is none here.
    pub(super) fn ending(&self) -> Option<Arc<dyn Sender>> {
        let state = self.state();
        if state.is_relayed { None } else { state.sender.as_ref()?.upgrade() }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Whether this side has closed a connection that is relayed: what its reader meets is then not the peer's end, and
    /// must not be passed on as one.
    pub(super) fn is_cut(&self) -> bool {
        self.is_closing() && self.state().is_relayed
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Called by a reader that must wait; true if the connection was closed or has failed meanwhile.
    pub(super) fn reader_waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        match &mut state.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        self.is_closing() || self.failed.load(Ordering::Acquire)
    }

    /// Waits until the connection is closed or aborted from here, or is idle, in the place of its reader.
    pub(super) async fn closed(&self) -> Error {
        poll_fn(|cx| if self.reader_waits(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        self.failure().unwrap_or(Error::Closed)
    }

    /// The reader has met an error; all that wait to send get it.
    pub(super) fn fail(&self, error: &Error) {
        self.state().failure = Some(Box::new(error.clone()));
        self.failed.store(true, Ordering::Release);
        self.reader_done();
        let waiting = self.sending().take_waiting();
        waiting.into_iter().for_each(Wake::wake);
    }

    pub(super) fn failure(&self) -> Option<Error> {
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        self.state().failure.as_deref().cloned()
    }

    /// The reader has met the end of the stream, or has been dropped.
    pub(super) fn reader_done(&self) {
        let waker = {
            let mut state = self.state();
            state.reader_done = true;
            state.writer.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Called by a closing writer that must wait; true if there is no reader any more.
    pub(super) fn writer_waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        state.writer = Some(cx.waker().clone());
        state.reader_done || self.is_closing()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop_watch();
        if !self.taps.is_empty() {
            let failure = self.failure().or_else(|| self.sending().error.as_deref().cloned());
            self.taps.closed(failure.as_ref());
        }
    }
}
