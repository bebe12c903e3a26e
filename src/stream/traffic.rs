//! Counts the bytes of one connection, and measures for how long none has moved.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Step};
use crate::observe::{Answering, Totals};
use crate::policy::{Deadline, IdleClock, Wait};
use crate::transport::tls::{ALERT_LENGTH, is_alert, is_client_hello};

/// The counters of one connection. They can be read at any time and from any thread, also while a handler has
/// the streams and after the streams are dropped. A clone counts the same connection.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let ((mut reader, _), (_, writer)) = astream::pair(64);
/// let traffic = reader.traffic();
/// writer.write(b"hello");
/// reader.readexactly(5).await?;
/// assert_eq!(traffic.totals().received, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Traffic(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    /// Whether the peer's stream begins as an alert of TLS does.
    begins_with_alert: AtomicBool,
    /// Whether it begins as a handshake of TLS does.
    begins_with_hello: AtomicBool,
    answering: Answering,
    /// Whether our own output does not take what was received.
    is_output_stuck: AtomicBool,
    is_uncounted: AtomicBool,
    idle: IdleClock,
    /// Of the whole connection.
    end: Deadline,
    is_prompt: bool,
}

impl Traffic {
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        Self::until(idle, Deadline::after(None), false)
    }

    /// Of a connection that is over at `end`, counted as soon as bytes move if it is to be prompt.
    pub(crate) fn until(idle: Option<Duration>, end: Deadline, is_prompt: bool) -> Self {
        Self(Arc::new(Counters {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            begins_with_alert: AtomicBool::new(false),
            begins_with_hello: AtomicBool::new(false),
            answering: Answering::new(),
            is_output_stuck: AtomicBool::new(false),
            is_uncounted: AtomicBool::new(false),
            idle: IdleClock::new(idle),
            end,
            is_prompt,
        }))
    }

    /// What was sent and received so far.
    pub fn totals(&self) -> Totals {
        let received = self.received_so_far();
        let begins_with_alert = self.0.begins_with_alert.load(Ordering::Relaxed);
        Totals {
            sent: self.0.sent.load(Ordering::Relaxed),
            received,
            is_tls_alert: begins_with_alert && received == ALERT_LENGTH as u64,
            is_tls_handshake: self.0.begins_with_hello.load(Ordering::Relaxed),
            answer: self.0.answering.answer(received),
            is_uncounted: self.0.is_uncounted.load(Ordering::Relaxed),
        }
    }

    /// Whether the peer's stream has ended, and ours has not.
    pub fn is_peer_done(&self) -> bool {
        self.0.answering.has_peers_end() && !self.is_our_end_sent()
    }

    /// Another process has the socket from now on.
    pub(crate) fn set_uncounted(&self) {
        self.0.is_uncounted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn received_so_far(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Bytes are about to be sent.
    pub(crate) fn sending(&self) {
        self.0.answering.sending(self.received_so_far());
    }

    /// This many bytes were sent.
    pub(crate) fn sent(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.idle.touch();
    }

    /// Our end is about to be sent.
    pub(crate) fn our_end(&self) {
        self.0.answering.our_end();
    }

    /// Whether our end was sent, or is being sent.
    pub(crate) fn is_our_end_sent(&self) -> bool {
        self.0.answering.has_our_end()
    }

    /// This was received from the peer.
    pub(crate) fn received(&self, data: &[u8]) {
        self.begins_with(data);
        self.received_unseen(data.len());
    }

    /// Notes how the peer's stream begins, if nothing was received so far.
    pub(crate) fn begins_with(&self, data: &[u8]) {
        if self.received_so_far() == 0 {
            self.0.begins_with_alert.store(is_alert(data), Ordering::Relaxed);
            self.0.begins_with_hello.store(is_client_hello(data), Ordering::Relaxed);
        }
    }

    /// This many bytes were received, which only the kernel has seen.
    pub(crate) fn received_unseen(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.idle.touch();
    }

    /// The peer's end was received.
    pub(crate) fn peers_end(&self) {
        self.0.answering.peers_end();
    }

    /// Whether no call may move much before it is counted.
    pub(crate) fn is_prompt(&self) -> bool {
        self.0.is_prompt || self.has_limit()
    }

    /// Whether there is an idle timeout.
    pub(crate) fn has_limit(&self) -> bool {
        self.0.idle.has_limit()
    }

    /// Whether the whole connection has a limit.
    pub(crate) fn has_end(&self) -> bool {
        self.0.end.limit().is_some()
    }

    /// Something has moved that will be counted later.
    pub(crate) fn touch(&self) {
        self.0.idle.touch();
    }

    /// This end waits until then, and not for the network.
    pub(crate) fn waits_until(&self, end: Option<Instant>) {
        if let Some(end) = end {
            self.0.idle.waits_until(end);
        }
    }

    /// A wait for this begins, or ends.
    pub(crate) fn wait(&self, wait: Wait, begins: bool) {
        self.0.idle.wait(wait, begins);
    }

    /// Runs a call that waits for this.
    pub(crate) fn during<T>(&self, wait: Wait, run: impl FnOnce() -> T) -> T {
        self.wait(wait, true);
        let done = run();
        self.wait(wait, false);
        done
    }

    /// Our own output does not take what was received, or does again.
    pub(crate) fn output_stuck(&self, is_stuck: bool) {
        self.0.is_output_stuck.store(is_stuck, Ordering::Relaxed);
        self.wait(Wait::ForOutput, is_stuck);
    }

    pub(crate) fn is_output_stuck(&self) -> bool {
        self.0.is_output_stuck.load(Ordering::Relaxed)
    }

    /// Why the connection is over: nothing has moved for its idle limit, or its time is up; never without limits. May be
    /// cancelled.
    pub(crate) async fn over(&self) -> Error {
        if !self.has_limit() && !self.has_end() {
            return pending().await;
        }
        match Box::pin(self.until_its_end(self.0.idle.expired())).await {
            Ok(after) => Error::Idle { after },
            Err(time_is_up) => time_is_up,
        }
    }

    /// Returns when its time is up. May be cancelled.
    pub(crate) async fn time_is_up(&self) -> Error {
        match self.until_its_end(pending::<Error>()).await {
            Ok(time_is_up) | Err(time_is_up) => time_is_up,
        }
    }

    async fn until_its_end<T>(&self, run: impl Future<Output = T>) -> Result<T, Error> {
        self.0.end.bound(Step::Connection, run, || "the connection".to_owned()).await
    }
}
