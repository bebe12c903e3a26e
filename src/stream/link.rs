//! What the reader and the writer of one connection know of each other.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::Limits;
use super::clients::Clients;
use super::outgoing::Outgoing;
use super::sending::Sending;
use crate::endpoint::Address;
use crate::error::Error;

pub(super) struct Link {
    pub(super) peer: Address,
    pub(super) local: Address,
    pub(super) limits: Limits,
    /// Set by the writer's `close`: the reader is at its end.
    closing: AtomicBool,
    /// Set by the writer's `abort`: nothing more is sent, and no end is told.
    aborted: AtomicBool,
    /// Set with `failure`, so that the usual case takes no lock.
    failed: AtomicBool,
    state: Mutex<State>,
    /// The writer's; taken before `state` where both are.
    sending: Mutex<Sending>,
}

#[derive(Default)]
struct State {
    /// What the reader has met; `drain` raises it too.
    failure: Option<Box<Error>>,
    /// Whether the reader has met the end or is gone.
    reader_done: bool,
    /// Wakes a waiting reader at `close`.
    reader: Option<Waker>,
    /// Wakes a closing writer when the reader is done.
    writer: Option<Waker>,
    /// The writer's side, unless the connection goes on without its streams.
    outgoing: Weak<Outgoing>,
    /// What is sent is another peer's stream: the end of this connection is not ours to send.
    is_relayed: bool,
    /// The server that waits for this connection.
    server: Option<Arc<Clients>>,
}

impl Link {
    pub(super) fn new(peer: Address, local: Address, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            peer,
            local,
            limits,
            closing: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            state: Mutex::default(),
            sending: Mutex::default(),
        })
    }

    pub(super) fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reset that the writer has met, if that is what it was.
    pub(super) fn writer_reset(&self) -> Option<Error> {
        self.sending().reset()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let waker = self.state().reader.take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the connection at once. Everybody who waits for it is woken and finds that out.
    pub(super) fn abort(&self) {
        if self.aborted.swap(true, Ordering::AcqRel) {
            return;
        }
        self.close();
        let (outgoing, closer) = {
            let mut state = self.state();
            (state.outgoing.upgrade(), state.writer.take())
        };
        if let Some(outgoing) = outgoing {
            outgoing.abort();
        }
        let waiting = self.sending().take_waiting();
        waiting.into_iter().for_each(Wake::wake);
        closer.into_iter().for_each(Waker::wake);
        self.leave_server();
    }

    /// The same, unless closing came to its end.
    pub(super) fn abort_unfinished(&self) {
        if !self.sending().closed {
            self.abort();
        }
    }

    /// From now on `server` waits for this connection.
    pub(super) fn join_server(self: &Arc<Self>, server: &Arc<Clients>) {
        self.state().server = Some(Arc::clone(server));
        server.add(self);
    }

    /// Its server does not wait for this connection any more.
    pub(super) fn leave_server(&self) {
        let server = self.state().server.take();
        if let Some(server) = server {
            server.remove(self);
        }
    }

    /// The connection goes on with other streams: nothing of them is sent, failed or ended yet.
    pub(super) fn renew(&self) {
        *self.sending() = Sending::default();
        self.state().reader_done = false;
    }

    pub(super) fn set_outgoing(&self, outgoing: &Arc<Outgoing>) {
        self.state().outgoing = Arc::downgrade(outgoing);
    }

    pub(super) fn set_relayed(&self) {
        self.state().is_relayed = true;
    }

    /// The side that can end this connection cleanly, unless nobody here can.
    pub(super) fn ending(&self) -> Option<Arc<Outgoing>> {
        let state = self.state();
        if state.is_relayed { None } else { state.outgoing.upgrade() }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Called by a reader that has to wait; true if the writer was closed meanwhile.
    pub(super) fn reader_waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        match &mut state.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        self.is_closing()
    }

    /// Waits until the connection is closed or aborted from here, in the place of its reader.
    pub(super) async fn closed(&self) {
        poll_fn(|cx| if self.reader_waits(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// The reader has met an error; whoever waits to send is told.
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

    /// Called by a closing writer that has to wait; true if nobody reads any more.
    pub(super) fn writer_waits(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        state.writer = Some(cx.waker().clone());
        state.reader_done || self.is_closing()
    }
}
