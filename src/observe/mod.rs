//! What can be known about the bytes of a connection.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How many bytes went each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Bytes handed to the kernel for the peer.
    pub sent: u64,
    /// Bytes received from the peer and delivered.
    pub received: u64,
    /// Whether all that was received is a fatal alert of TLS: the peer speaks TLS, and what it was sent is no
    /// handshake to it.
    pub is_tls_alert: bool,
    /// What came after our own end, if the peer's end did.
    pub after_end: Option<AfterEnd>,
}

/// What a peer has said to our end: everything that it sent between our end and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterEnd {
    /// Bytes received.
    pub received: u64,
    /// How long it took to its end.
    pub time: Duration,
}

/// Notes when the two ends of a connection came.
#[derive(Debug, Default)]
pub(crate) struct EndTimes {
    /// When ours was sent, and how much had been received by then.
    ours: OnceLock<(Instant, u64)>,
    peers: OnceLock<Instant>,
}

impl EndTimes {
    pub(crate) fn ours(&self, received: u64) {
        let _ = self.ours.set((Instant::now(), received));
    }

    pub(crate) fn peers(&self) {
        let _ = self.peers.set(Instant::now());
    }

    /// None unless the peer's end came after ours.
    pub(crate) fn after_end(&self, received: u64) -> Option<AfterEnd> {
        let (&(ours, before), peers) = (self.ours.get()?, self.peers.get()?);
        let time = peers.checked_duration_since(ours)?;
        Some(AfterEnd { received: received.saturating_sub(before), time })
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes sent, {} bytes received", self.sent, self.received)
    }
}
