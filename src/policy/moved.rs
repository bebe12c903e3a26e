//! When something last moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When something last moved, in milliseconds after a start.
#[derive(Debug)]
pub(super) struct Moved {
    start: Instant,
    at: AtomicU64,
}

impl Moved {
    pub(super) fn since(start: Instant) -> Self {
        Self { start, at: AtomicU64::new(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)) }
    }

    pub(super) fn touch(&self, at: u64) {
        self.at.store(at, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn at(&self) -> u64 {
        self.at.load(Ordering::Relaxed)
    }

    pub(super) fn start(&self) -> Instant {
        self.start
    }

    /// For how long nothing has moved.
    pub(super) fn still_for(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.at()))
    }
}
