//! What is counted on a connection: its bytes, and whether the peer has answered.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many bytes were sent and received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Totals {
    /// Bytes passed to the kernel for the peer.
    pub sent: u64,
    /// Bytes received from the peer.
    pub received: u64,
    /// Whether a fatal alert of TLS is all that was received: the peer speaks TLS, and what it was sent is
    /// not a handshake.
    pub is_tls_alert: bool,
    /// Whether what was received begins as a client's handshake of TLS does: the peer speaks TLS, and was not answered in
    /// it.
    pub is_tls_handshake: bool,
    /// What the peer sent after our last bytes. None unless its end came after ours, and None if the system
    /// moved the bytes by itself.
    pub answer: Option<Answer>,
    /// Whether nothing was counted, because another process had the socket (`handlers::Command`).
    pub is_uncounted: bool,
}

/// What a peer sent after the last bytes that it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// How many bytes it sent after them.
    pub received: u64,
    /// How long the peer's end came after ours.
    pub end: Duration,
}

/// Records what is needed to know whether a peer has answered.
#[derive(Debug)]
pub(crate) struct Answering {
    /// How much had been received when something was last sent.
    before: AtomicU64,
    our_end: Moment,
    peers_end: Moment,
}

/// Nothing was sent yet.
const NEVER: u64 = u64::MAX;

impl Answering {
    pub(crate) fn new() -> Self {
        Self { before: AtomicU64::new(NEVER), our_end: Moment::default(), peers_end: Moment::default() }
    }

    /// Bytes are about to be sent, after this many were received.
    pub(crate) fn sending(&self, received: u64) {
        self.before.store(received, Ordering::Relaxed);
    }

    /// Our end is about to be sent.
    pub(crate) fn our_end(&self) {
        self.our_end.comes(Instant::now());
    }

    pub(crate) fn has_our_end(&self) -> bool {
        self.our_end.get().is_some()
    }

    /// The peer's end was received.
    pub(crate) fn peers_end(&self) {
        self.peers_end.comes(Instant::now());
    }

    pub(crate) fn has_peers_end(&self) -> bool {
        self.peers_end.get().is_some()
    }

    /// The answer, of all that was received.
    pub(crate) fn answer(&self, received: u64) -> Option<Answer> {
        let before = Some(self.before.load(Ordering::Relaxed)).filter(|before| *before != NEVER)?;
        let end = self.peers_end.get()?.checked_sub(self.our_end.get()?)?;
        Some(Answer { received: received.saturating_sub(before), end: Duration::from_nanos(end) })
    }
}

/// When something happened first, in nanoseconds after a time that all share. Each connection has two of these, and
/// they take a third of the memory of an `Instant` in a cell.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Moment {
    fn comes(&self, now: Instant) {
        let since = now.saturating_duration_since(*START).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX).max(1);
        // Only the first time counts.
        let _ = self.0.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|since| *since != 0)
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_uncounted {
            return f.write_str("bytes not counted, because the command had the socket,");
        }
        write!(f, "{} bytes sent, {} bytes received", self.sent, self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_came_after_the_last_bytes_and_ended_after_us() {
        let answering = Answering::new();
        answering.our_end();
        answering.peers_end();
        assert_eq!(answering.answer(5), None, "nothing was sent");
        answering.sending(0);
        answering.sending(3);
        assert_eq!(answering.answer(5).unwrap().received, 2);
        let answering = Answering::new();
        answering.sending(0);
        answering.peers_end();
        assert_eq!(answering.answer(5), None, "our end was not sent");
        answering.our_end.comes(Instant::now() + Duration::from_secs(1));
        assert_eq!(answering.answer(5), None, "the peer's end came first");
    }
}
