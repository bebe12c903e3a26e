//! The sending direction: data is sent at once if the socket takes it, and otherwise queued.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, ready};

use bytes::{Buf, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::coop::poll_proceed;

use super::Direction;
use super::link::{Link, Sender};
use super::sending::{EndState, Sending, WakeAll};
use crate::error::Error;
use crate::policy::Wait;
use crate::transport::WriteHalf;

/// The sending side of one connection.
pub(super) struct Outgoing {
    pub(super) half: WriteHalf,
    pub(super) link: Arc<Link>,
    /// Held by the task that closes; others wait for it.
    pub(super) closing: AsyncMutex<()>,
    /// Runs the task that sends what is queued when the writer is dropped, on whatever thread that is.
    pub(super) runtime: Option<Handle>,
}

/// A direction that was not ended by now must not seem to end: there was more to send.
impl Drop for Outgoing {
    fn drop(&mut self) {
        std::mem::replace(&mut self.half, WriteHalf::Gone).forget();
    }
}

impl Outgoing {
    pub(super) fn new(half: WriteHalf, link: Arc<Link>) -> Arc<Self> {
        let runtime = Handle::try_current().ok();
        let outgoing = Arc::new(Self { half, link, closing: AsyncMutex::default(), runtime });
        outgoing.link.set_sender(Arc::downgrade(&outgoing) as Weak<dyn Sender>);
        outgoing
    }

    pub(super) fn queued(&self) -> usize {
        self.link.sending().queue.len()
    }

    /// Whether nothing is queued, nothing has failed, and nothing was ended.
    pub(super) fn is_bare(&self) -> bool {
        let state = self.link.sending();
        state.queue.is_empty() && state.end == EndState::Open && state.error.is_none()
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        let state = self.link.sending();
        state.closed || state.error.is_some() || self.link.is_aborted() || self.link.failure().is_some()
    }

    /// Leaves nothing to do for this, if nothing is queued: the connection continues in another form.
    pub(super) fn detach(&self) -> bool {
        let mut state = self.link.sending();
        state.closed = state.queue.is_empty() && state.end == EndState::Open;
        state.closed
    }

    /// The half of what was detached.
    pub(super) fn into_half(mut self) -> WriteHalf {
        std::mem::replace(&mut self.half, WriteHalf::Gone)
    }

    pub(super) fn write(&self, parts: &[&[u8]]) {
        let mut state = self.link.sending();
        let state = &mut *state;
        if state.end != EndState::Open {
            state.written_late |= !self.link.is_closing();
            return;
        }
        if state.error.is_some() || self.link.is_aborted() {
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
        if state.end == EndState::Open && !self.link.is_aborted() {
            state.end = EndState::Requested;
            let sent = state.with_waker(|state, cx| self.poll_send(state, cx));
            state.note(sent);
        }
    }

    /// Sends all of `data` that the socket takes.
    fn send(&self, data: &mut impl Buf, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while data.has_remaining() {
            let sent = ready!(self.poll_write_once(cx, data.chunk()))?;
            data.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_once(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        let (pace, traffic) = (&self.link.pace, &self.link.traffic);
        let Poll::Ready(most) = pace.poll(Direction::Sent, cx, data.len()) else {
            traffic.wait(Wait::ToSend, false);
            traffic.waits_until(pace.end_of_wait(Direction::Sent));
            return Poll::Pending;
        };
        traffic.sending();
        let written = self.half.poll_write(cx, &data[..data.len().min(most)]);
        traffic.wait(Wait::ToSend, written.is_pending());
        if let Poll::Ready(Ok(n)) = written {
            self.link.sent(&data[..n]);
            pace.moved(Direction::Sent, n);
        }
        written
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let flushed = self.half.poll_flush(cx);
        self.link.traffic.wait(Wait::ToSend, flushed.is_pending());
        flushed
    }

    /// Sends the queue, flushes, and sends the end if that was requested.
    fn poll_send(&self, state: &mut Sending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = &state.error {
            return Poll::Ready(Err((**error).clone()));
        }
        if self.link.is_aborted() {
            return Poll::Ready(Err(Error::Closed));
        }
        ready!(self.send(&mut state.queue, cx))?;
        // The queue is empty. Its memory is freed, because an idle connection must hold none.
        state.queue = BytesMut::new();
        match state.end {
            EndState::Open => self.poll_flush(cx),
            EndState::Requested => {
                self.link.traffic.our_end();
                let ended = self.half.poll_end(cx);
                self.link.traffic.wait(Wait::ToSend, ended.is_pending());
                ready!(ended)?;
                state.end = EndState::Sent;
                self.link.taps.ended(Direction::Sent);
                Poll::Ready(Ok(()))
            }
            EndState::Sent => Poll::Ready(Ok(())),
        }
    }

    /// Sends everything, for one of perhaps several waiting tasks.
    pub(super) fn poll_all(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // A socket that always takes more would keep its task from ever giving way.
        let budget = ready!(poll_proceed(cx));
        let mut state = self.link.sending();
        // Checked under the lock: a reader that fails later finds this task waiting.
        let sent = match self.link.failure() {
            Some(error) => Poll::Ready(Err(error)),
            None => state.poll_as_waiter(cx, |state, cx| self.poll_send(state, cx)),
        };
        if sent.is_ready() {
            budget.made_progress();
            state.note(sent.clone());
            // The other waiting tasks are done as well.
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(WakeAll::wake);
        }
        sent
    }

    fn still_open(&self) -> Result<(), Error> {
        if !self.link.is_closing() {
            return Ok(());
        }
        let met = self.link.failure().or_else(|| self.link.sending().error.as_deref().cloned());
        Err(met.unwrap_or(Error::Closed))
    }

    pub(super) fn nothing_dropped(&self) -> Result<(), Error> {
        if self.link.sending().written_late { Err(Error::WriteAfterEof) } else { Ok(()) }
    }

    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.still_open()?;
        ready!(self.poll_all(cx))?;
        Poll::Ready(self.nothing_dropped())
    }

    pub(super) fn poll_drain_to(&self, cx: &mut Context<'_>, most: usize) -> Poll<Result<(), Error>> {
        let drained = self.poll_drain(cx);
        let is_enough = drained.is_pending() && most > 0 && self.queued() <= most;
        if is_enough { Poll::Ready(Ok(())) } else { drained }
    }

    /// Unlike [`write`](Self::write) it queues nothing: first what is queued, then what the socket
    /// takes.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        if self.queued() > 0 || self.link.is_closing() {
            ready!(self.poll_drain(cx))?;
        }
        let budget = ready!(poll_proceed(cx));
        let mut state = self.link.sending();
        if state.end != EndState::Open {
            return Poll::Ready(Err(Error::WriteAfterEof));
        }
        if let Some(error) = self.link.failure().or_else(|| state.error.as_deref().cloned()) {
            return Poll::Ready(Err(error));
        }
        let sent = ready!(state.poll_as_waiter(cx, |_, cx| self.poll_write_once(cx, data)));
        budget.made_progress();
        state.note(Poll::Ready(sent.clone().map(drop)));
        Poll::Ready(sent)
    }
}
