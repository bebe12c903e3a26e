//! Remembers when bytes or messages last moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When something last moved, in milliseconds after a start.
#[derive(Debug)]
pub(crate) struct Moved {
    start: Instant,
    at: AtomicU64,
}

impl Moved {
    pub(crate) fn since(start: Instant) -> Self {
        let moved = Self { start, at: AtomicU64::new(0) };
        moved.touch(moved.now());
        moved
    }

    pub(crate) fn touch(&self, at: u64) {
        self.at.store(at, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn at(&self) -> u64 {
        self.at.load(Ordering::Relaxed)
    }

    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    /// For how long nothing has moved.
    pub(crate) fn still_for(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.at()))
    }
}
