//! Closing: everything is sent, then the end, and then the peer's end is waited for. A peer that takes
//! nothing for too long is given up on, and sees no clean end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use bytes::Buf;
use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use super::Direction;
use super::link::Sender;
use super::outgoing::Outgoing;
use crate::error::{Error, Step};
use crate::policy::{Wait, within};

/// How often within the limit to check whether the peer has taken something.
const CHECKS: u32 = 4;

impl Sender for Outgoing {
    fn reset(&self) {
        self.half.abort();
    }

    fn close_unattended(self: Arc<Self>, runtime: &Handle) {
        self.close();
        runtime.spawn(async move {
            // The streams, if they are used again, report the result.
            let _ = self.finish().await;
            self.link.leave_server();
        });
    }
}

impl Outgoing {
    /// Starts to close both directions.
    pub(super) fn close(&self) {
        self.link.close();
        self.write_eof();
    }

    /// Closes once, however many tasks ask for it, and keeps the result. A connection that cannot be closed
    /// is aborted.
    pub(super) async fn finish(&self) -> Result<(), Error> {
        let _one = self.closing.lock().await;
        if !self.link.sending().closed {
            let ended = self.end().await;
            let mut state = self.link.sending();
            state.closed = ended.is_ok();
            state.note(Poll::Ready(ended.clone()));
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(Wake::wake);
            ended.inspect_err(|_| self.link.abort())?;
        }
        self.nothing_dropped()
    }

    /// Sends what is left and the end, and reads to the peer's end. It is not an error if the peer does not
    /// end its side within the limit.
    async fn end(&self) -> Result<(), Error> {
        self.send_rest().await?;
        within(self.link.limits.close, self.discard()).await.unwrap_or(Ok(()))
    }

    /// Sends everything, as long as the peer takes any of it within the limit.
    async fn send_rest(&self) -> Result<(), Error> {
        let all_sent = || poll_fn(|cx| self.poll_all(cx));
        let Some(limit) = self.link.limits.close else { return all_sent().await };
        let mut idle_checks = 0;
        while idle_checks < CHECKS {
            let queued = self.queued();
            match timeout(limit / CHECKS, all_sent()).await {
                Ok(sent) => return sent,
                Err(_) if self.push() || self.queued() != queued => idle_checks = 0,
                Err(_) => idle_checks += 1,
            }
        }
        let doing = format!("sending the rest to {}", self.link.peer);
        Err(Error::Timeout { step: Step::Close, doing, after: limit })
    }

    /// Sends what there is room for; false if there is none, or a rate is to be kept.
    fn push(&self) -> bool {
        if self.link.pace.is_limited() {
            return false;
        }
        let queue = &mut self.link.sending().queue;
        let Some(sent) = self.half.push(queue) else { return false };
        self.link.sent(&queue[..sent]);
        queue.advance(sent);
        true
    }

    /// Ends this direction; a task of the runtime, if there is one, sends what is left.
    pub(super) fn end_unattended(self: &Arc<Self>) {
        self.write_eof();
        if let Some(runtime) = self.runtime.clone().or_else(|| Handle::try_current().ok()) {
            runtime.spawn(Arc::clone(self).finish_unattended());
        }
    }

    /// Closes while the reader may still be used: what arrives is dropped only when the reader is gone.
    async fn finish_unattended(self: Arc<Self>) {
        if self.send_rest().await.is_err() {
            self.link.abort();
            return;
        }
        let reader_is_gone = |cx: &mut Context<'_>| self.link.writer_waits(cx);
        poll_fn(|cx| if reader_is_gone(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        let _ = within(self.link.limits.close, self.discard()).await;
    }

    /// Reads and drops data up to the peer's end.
    async fn discard(&self) -> Result<(), Error> {
        let discard = |cx: &mut Context<'_>| {
            // A reader that was about to wait wakes this task again: the socket remembers one waker only.
            self.link.writer_waits(cx);
            if self.link.is_aborted() {
                return Poll::Ready(Err(Error::Closed));
            }
            if let Some(error) = self.link.failure() {
                return Poll::Ready(Err(error));
            }
            let discarded = self.half.poll_discard(cx, &mut [0; 4096]);
            self.link.traffic.wait(Wait::ToReceive, discarded.is_pending());
            discarded
        };
        loop {
            match poll_fn(discard).await {
                // How a stream ends that is not read does not matter.
                Ok(0) => {
                    self.link.taps.ended(Direction::Received);
                    return Ok(());
                }
                Err(Error::Truncated) => return Ok(()),
                // A peer that always has more would keep this task from ever giving way.
                Ok(_) => consume_budget().await,
                Err(error) => return Err(error),
            }
        }
    }
}
