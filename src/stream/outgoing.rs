//! What is on its way out: sent at once where the socket takes it, queued where it does not, and
//! ended without losing anything.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, ready};

use bytes::{Buf, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::coop::{consume_budget, poll_proceed};
use tokio::time::timeout;

use super::link::Link;
use super::sending::{End, Sending, WakeAll};
use crate::error::Error;
use crate::transport::WriteHalf;

/// The sending side of one connection.
pub(super) struct Outgoing {
    half: WriteHalf,
    pub(super) link: Arc<Link>,
    /// Held by the one who closes; others wait for it.
    closing: AsyncMutex<()>,
    /// Sends what is queued when the writer is dropped, on whatever thread.
    runtime: Option<Handle>,
}

/// The socket of a connection that was aborted goes without an end, with a reset.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.link.is_aborted() {
            std::mem::replace(&mut self.half, WriteHalf::Gone).abort();
        }
    }
}

impl Outgoing {
    pub(super) fn new(half: WriteHalf, link: Arc<Link>) -> Self {
        Self { half, link, closing: AsyncMutex::default(), runtime: Handle::try_current().ok() }
    }

    pub(super) fn queued(&self) -> usize {
        self.link.sending().queue.len()
    }

    /// Whether nothing is queued, nothing has failed, and nothing was ended.
    pub(super) fn is_bare(&self) -> bool {
        let state = self.link.sending();
        state.queue.is_empty() && state.end == End::Open && state.error.is_none()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        let state = self.link.sending();
        state.closed || state.error.is_some() || self.link.is_aborted() || self.link.failure().is_some()
    }

    /// The half, if nothing is queued; what is left of this is done.
    pub(super) fn take_half(&mut self) -> Option<WriteHalf> {
        let mut state = self.link.sending();
        if !state.queue.is_empty() || state.end != End::Open {
            return None;
        }
        state.closed = true;
        drop(state);
        Some(std::mem::replace(&mut self.half, WriteHalf::Gone))
    }

    pub(super) fn write(&self, parts: &[&[u8]]) {
        let mut state = self.link.sending();
        let state = &mut *state;
        if state.end != End::Open {
            state.written_late |= !self.link.is_closing();
            return;
        }
        if state.error.is_some() {
            return;
        }
        match parts {
            [data] if state.queue.is_empty() => {
                let mut data = *data;
                let sent = state.with_waker(|_, cx| self.send(&mut data, cx));
                state.note(sent);
                state.queue.extend_from_slice(data);
            }
            _ => {
                for part in parts {
                    state.queue.extend_from_slice(part);
                }
                let sent = state.with_waker(|state, cx| self.send(&mut state.queue, cx));
                state.note(sent);
            }
        }
    }

    pub(super) fn write_eof(&self) {
        let mut state = self.link.sending();
        if state.end == End::Open {
            state.end = End::Asked;
            let sent = state.with_waker(|state, cx| self.poll_send(state, cx));
            state.note(sent);
        }
    }

    /// Gives the socket all of `data` that it takes.
    fn send(&self, data: &mut impl Buf, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while data.has_remaining() {
            let sent = ready!(self.half.poll_write(cx, data.chunk()))?;
            data.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the queue, flushes, and ends the direction if that was asked for.
    fn poll_send(&self, state: &mut Sending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = &state.error {
            return Poll::Ready(Err((**error).clone()));
        }
        ready!(self.send(&mut state.queue, cx))?;
        // The queue is empty: what it held goes back, an idle connection holds nothing.
        state.queue = BytesMut::new();
        match state.end {
            End::Open => self.half.poll_flush(cx),
            End::Asked => {
                ready!(self.half.poll_end(cx))?;
                state.end = End::Sent;
                Poll::Ready(Ok(()))
            }
            End::Sent => Poll::Ready(Ok(())),
        }
    }

    /// Sends everything for one of perhaps several who wait.
    pub(super) fn poll_all(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // A socket that always takes more would keep its task from ever giving way.
        let budget = ready!(poll_proceed(cx));
        let mut state = self.link.sending();
        // Asked under the lock: a reader that fails later finds this one waiting.
        let sent = match self.link.failure() {
            Some(error) => Poll::Ready(Err(error)),
            None => state.poll_as_waiter(cx, |state, cx| self.poll_send(state, cx)),
        };
        if sent.is_ready() {
            budget.made_progress();
            state.note(sent.clone());
            // Whoever else waits is done as well.
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(WakeAll::wake);
        }
        sent
    }

    /// Another descriptor for the socket beneath, if there is one.
    pub(super) fn duplicate(&self) -> Option<OwnedFd> {
        self.half.duplicate()
    }

    pub(super) fn watch_progress(&self) {
        self.half.watch_progress();
    }

    pub(super) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.half.poll_sent(cx)
    }

    fn still_open(&self) -> Result<(), Error> {
        if !self.link.is_closing() {
            return Ok(());
        }
        let met = self.link.failure().or_else(|| self.link.sending().error.as_deref().cloned());
        Err(met.unwrap_or(Error::Closed))
    }

    fn nothing_dropped(&self) -> Result<(), Error> {
        if self.link.sending().written_late { Err(Error::WriteAfterEof) } else { Ok(()) }
    }

    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.still_open()?;
        ready!(self.poll_all(cx))?;
        Poll::Ready(self.nothing_dropped())
    }

    /// Closes once, whoever asks; what came of it stays.
    pub(super) async fn finish(&self) -> Result<(), Error> {
        let _one = self.closing.lock().await;
        if !self.link.sending().closed {
            let ended = self.end().await;
            let mut state = self.link.sending();
            state.closed = ended.is_ok();
            state.note(Poll::Ready(ended.clone()));
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(WakeAll::wake);
            ended?;
        }
        self.nothing_dropped()
    }

    /// Sends what is left, tells the end, and reads to the peer's end.
    async fn end(&self) -> Result<(), Error> {
        let after = self.link.limits.close;
        let late = |_| Error::Timeout { doing: format!("sending the rest to {}", self.link.peer), after };
        timeout(after, poll_fn(|cx| self.poll_all(cx))).await.map_err(late)??;
        // A peer that does not end its side has had its time.
        timeout(after, self.discard()).await.unwrap_or(Ok(()))
    }

    /// Closes in a task of the runtime, if there is one.
    pub(super) fn close_unattended(self: &Arc<Self>) {
        if let Some(runtime) = self.runtime.clone().or_else(|| Handle::try_current().ok()) {
            runtime.spawn(Arc::clone(self).finish_unattended());
        }
    }

    /// Closing, where nobody waits for it: the reader goes on, and the rest comes after it.
    async fn finish_unattended(self: Arc<Self>) {
        let sent = timeout(self.link.limits.close, poll_fn(|cx| self.poll_all(cx))).await;
        if matches!(sent, Ok(Ok(()))) {
            let nobody_reads = |cx: &mut Context<'_>| self.link.writer_waits(cx);
            poll_fn(|cx| if nobody_reads(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
            let _ = timeout(self.link.limits.close, self.discard()).await;
        }
    }

    /// Unlike [`write`](Self::write) it queues nothing: first what is queued, then what the socket
    /// takes.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        if self.queued() > 0 || self.link.is_closing() {
            ready!(self.poll_drain(cx))?;
        }
        let budget = ready!(poll_proceed(cx));
        let mut state = self.link.sending();
        if state.end != End::Open {
            return Poll::Ready(Err(Error::WriteAfterEof));
        }
        if let Some(error) = self.link.failure().or_else(|| state.error.as_deref().cloned()) {
            return Poll::Ready(Err(error));
        }
        let sent = ready!(state.poll_as_waiter(cx, |_, cx| self.half.poll_write(cx, data)));
        budget.made_progress();
        state.note(Poll::Ready(sent.clone().map(drop)));
        Poll::Ready(sent)
    }

    async fn discard(&self) -> Result<(), Error> {
        let discard = |cx: &mut Context<'_>| {
            // A reader that was about to wait wakes this one again: the socket remembers one only.
            self.link.writer_waits(cx);
            self.half.poll_discard(cx, &mut [0; 4096])
        };
        loop {
            match poll_fn(discard).await {
                // What ends a stream that nobody reads does not matter.
                Ok(0) | Err(Error::Truncated) => return Ok(()),
                // A peer that always has more would keep this task from ever giving way.
                Ok(_) => consume_budget().await,
                Err(error) => return Err(error),
            }
        }
    }
}
