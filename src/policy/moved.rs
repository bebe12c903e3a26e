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

    /// Something moves at this time, or at a later one that is known already.
    pub(crate) fn touch(&self, at: u64) {
        self.at.fetch_max(at, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.time_of(Instant::now())
    }

    pub(crate) fn time_of(&self, instant: Instant) -> u64 {
        let after = instant.saturating_duration_since(self.start);
        u64::try_from(after.as_millis()).unwrap_or(u64::MAX)
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
