//! Closing: everything is sent, then our end, and then the peer's end is waited for. A peer that takes
//! nothing for too long is dropped, without an end that would make the stream look complete.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

use tokio::runtime::Handle;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use super::link::Sender;
use super::outgoing::Outgoing;
use crate::error::{Error, Step};
use crate::policy::{Wait, within};

/// How often within the limit to check whether the peer has taken something.
const LOOKS: u32 = 4;

impl Sender for Outgoing {
    fn reset(&self) {
        self.half.abort();
    }

    fn close_unattended(self: Arc<Self>, runtime: &Handle) {
        self.close();
        runtime.spawn(async move {
            // What came of it, those that use the streams find out.
            let _ = self.finish().await;
            self.link.leave_server();
        });
    }
}

impl Outgoing {
    /// Begins to close both directions.
    pub(super) fn close(&self) {
        self.link.close();
        self.write_eof();
    }

    /// Closes once, however often it is called; the result stays. A connection that cannot be closed is aborted.
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

    /// Sends what is left and the end, and reads to the peer's end. A peer that does not end its side has had
    /// its time.
    async fn end(&self) -> Result<(), Error> {
        self.send_rest().await?;
        within(self.link.limits.close, self.discard()).await.unwrap_or(Ok(()))
    }

    /// Sends everything, for as long as the peer takes any of it.
    async fn send_rest(&self) -> Result<(), Error> {
        let all_sent = || poll_fn(|cx| self.poll_all(cx));
        let Some(limit) = self.link.limits.close else { return all_sent().await };
        let mut in_vain = 0;
        while in_vain < LOOKS {
            let queued = self.queued();
            match timeout(limit / LOOKS, all_sent()).await {
                Ok(sent) => return sent,
                Err(_) if self.push() || self.queued() != queued => in_vain = 0,
                Err(_) => in_vain += 1,
            }
        }
        let doing = format!("sending the rest to {}", self.link.peer);
        Err(Error::Timeout { step: Step::Close, doing, after: limit })
    }

    /// Sends what there is room for; false if there is none.
    fn push(&self) -> bool {
        self.half.push(&mut self.link.sending().queue)
    }

    /// Ends this direction; a task of the runtime, if there is one, sends what is left.
    pub(super) fn end_unattended(self: &Arc<Self>) {
        self.write_eof();
        if let Some(runtime) = self.runtime.clone().or_else(|| Handle::try_current().ok()) {
            runtime.spawn(Arc::clone(self).finish_unattended());
        }
    }

    /// Closing, where nobody waits for it: the reader goes on, and the rest comes after it.
    async fn finish_unattended(self: Arc<Self>) {
        if self.send_rest().await.is_err() {
            self.link.abort();
            return;
        }
        let nobody_reads = |cx: &mut Context<'_>| self.link.writer_waits(cx);
        poll_fn(|cx| if nobody_reads(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        let _ = within(self.link.limits.close, self.discard()).await;
    }

    /// Reads and drops what comes, up to the peer's end.
    async fn discard(&self) -> Result<(), Error> {
        let discard = |cx: &mut Context<'_>| {
            // A reader that was about to wait wakes this one again: the socket remembers one only.
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
                // What ends a stream that nobody reads does not matter.
                Ok(0) | Err(Error::Truncated) => return Ok(()),
                // A peer that always has more would keep this task from ever giving way.
                Ok(_) => consume_budget().await,
                Err(error) => return Err(error),
            }
        }
    }
}
