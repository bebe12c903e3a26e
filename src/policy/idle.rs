//! The idle clock: runs while the network is waited for, stands while our own side is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Notices that nothing has moved either way for a time.
pub(crate) struct IdleClock {
    limit: Option<Duration>,
    start: Instant,
    /// When something last moved, in milliseconds after `start`.
    moved: AtomicU64,
    /// Set while our own output is not taking what the peer sent.
    stopped: AtomicBool,
    /// Set while our own input is all that is waited for.
    resting: AtomicBool,
}

impl IdleClock {
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            start: Instant::now(),
            moved: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        }
    }

    pub(crate) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// Something moved.
    pub(crate) fn touch(&self) {
        if self.limit.is_some() {
            let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.moved.store(now, Ordering::Relaxed);
        }
    }

    /// Our own output is stuck (the clock stands) or no longer (it starts anew).
    pub(crate) fn stop(&self, stuck: bool) {
        if self.stopped.swap(stuck, Ordering::Relaxed) && !stuck {
            self.touch();
        }
    }

    /// Our own input is all that is waited for (the clock stands) or no longer (it starts anew).
    pub(crate) fn rest(&self, resting: bool) {
        if self.resting.swap(resting, Ordering::Relaxed) && !resting {
            self.touch();
        }
    }

    /// Returns the limit when nothing has moved for it; never if there is none.
    pub(crate) async fn expired(&self) -> Duration {
        let Some(limit) = self.limit else { return std::future::pending().await };
        loop {
            let due = self.start + Duration::from_millis(self.moved.load(Ordering::Relaxed)) + limit;
            if self.stopped.load(Ordering::Relaxed) || self.resting.load(Ordering::Relaxed) {
                sleep_until(Instant::now() + limit).await;
            } else if Instant::now() >= due {
                return limit;
            } else {
                sleep_until(due).await;
            }
        }
    }
}
