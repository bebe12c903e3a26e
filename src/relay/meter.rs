//! What a relay has moved, and how long nothing has.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::Way;
use crate::observe::{Answering, Totals};
use crate::policy::IdleClock;
use crate::stream::StreamWriter;
use crate::transport::tls::{ALERT_LENGTH, is_alert};

/// What a relay has moved, and how long it has waited.
pub(crate) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    idle: IdleClock,
    /// Whether something is still expected from the peer.
    receiving: AtomicBool,
    /// Whether what goes up comes from our own side, whose slowness is none of the network's.
    from_stdin: AtomicBool,
    /// Whether what comes down goes to our own side.
    to_stdout: bool,
    /// Set while our own side does not take what has come.
    is_stuck: AtomicBool,
    /// Whether what came first from the peer begins as an alert of TLS.
    begins_with_alert: AtomicBool,
    answering: Answering,
}

impl Meter {
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        Self {
            to_stdout: true,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            idle: IdleClock::new(idle),
            receiving: AtomicBool::new(true),
            from_stdin: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            begins_with_alert: AtomicBool::new(false),
            answering: Answering::new(),
        }
    }

    /// The meter of stdin and stdout, or of stdin alone.
    pub(crate) fn of_stdio(idle: Option<Duration>, receives: bool) -> Self {
        let meter = Self::new(idle);
        meter.receiving.store(receives, Ordering::Relaxed);
        meter.from_stdin.store(true, Ordering::Relaxed);
        meter
    }

    /// The meter of two peers, whose slowness is the network's on both sides.
    pub(crate) fn between_peers(idle: Option<Duration>) -> Self {
        Self { to_stdout: false, ..Self::new(idle) }
    }

    /// Bytes are about to be sent.
    pub(crate) fn sending(&self) {
        self.answering.sending(self.received());
    }

    /// Our end is about to be sent.
    pub(crate) fn our_end(&self) {
        self.answering.our_end();
    }

    /// Whether our end was sent, or is being sent.
    pub(crate) fn is_our_end_sent(&self) -> bool {
        self.answering.has_our_end()
    }

    /// Nothing more comes from the peer.
    pub(crate) fn peer_ended(&self) {
        self.answering.peers_end();
        self.receiving.store(false, Ordering::Relaxed);
    }

    /// Nothing more comes from stdin: the network is what is waited for.
    pub(crate) fn input_ended(&self) {
        self.from_stdin.store(false, Ordering::Relaxed);
        self.idle.rest(false);
        self.idle.touch();
    }

    /// Whether stdin is all that can still move something.
    pub(crate) fn waits_for_stdin_only(&self) -> bool {
        self.from_stdin.load(Ordering::Relaxed) && !self.receiving.load(Ordering::Relaxed)
    }

    /// What goes up is waited for, or has come.
    pub(crate) fn input_waits(&self, waits: bool) {
        self.idle.rest(waits && self.waits_for_stdin_only());
    }

    /// Counts what has gone this way.
    pub(crate) fn moved(&self, way: Way, bytes: usize) {
        let counter = if way == Way::Up { &self.sent } else { &self.received };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        self.idle.touch();
    }

    /// Whether a time without movement ends the relay.
    pub(crate) fn has_limit(&self) -> bool {
        self.idle.has_limit()
    }

    /// Makes sure that what this connection moves is seen in time.
    pub(crate) fn watch(&self, writer: &StreamWriter) {
        if self.has_limit() {
            writer.watch_progress();
        }
    }

    /// The clock starts anew.
    pub(crate) fn touch(&self) {
        self.idle.touch();
    }

    /// Our own output does not take what the peer sent, or does again.
    pub(crate) fn output_stuck(&self, stuck: bool) {
        if self.to_stdout {
            self.is_stuck.store(stuck, Ordering::Relaxed);
            self.idle.stop(stuck);
        }
    }

    pub(crate) fn is_output_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// The limit, once nothing has moved for it.
    pub(crate) async fn idle(&self) -> Duration {
        if !self.idle.has_limit() {
            return std::future::pending().await;
        }
        Box::pin(self.idle.expired()).await
    }

    /// Looks at what came first from the peer; at nothing that comes later.
    pub(crate) fn first_received(&self, bytes: &[u8]) {
        if self.received.load(Ordering::Relaxed) == 0 {
            self.begins_with_alert.store(is_alert(bytes), Ordering::Relaxed);
        }
    }

    /// How much has come from the peer.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn totals(&self) -> Totals {
        let received = self.received();
        let begins_with_alert = self.begins_with_alert.load(Ordering::Relaxed);
        let is_tls_alert = begins_with_alert && received == ALERT_LENGTH as u64;
        let answer = self.answering.answer(received);
        Totals { sent: self.sent.load(Ordering::Relaxed), received, is_tls_alert, answer }
    }
}
