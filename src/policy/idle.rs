//! The idle clock: runs while the network is waited for, stands while our own side is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

/// How long everybody has to look at what has arrived before the time is up.
const MOMENT: Duration = Duration::from_millis(20);

/// Notices that nothing has moved either way for a time. Without a limit it is nothing at all.
pub(crate) struct IdleClock(Option<Box<Clock>>);

struct Clock {
    limit: Duration,
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
        Self(limit.map(|limit| Box::new(Clock::new(limit))))
    }

    pub(crate) fn has_limit(&self) -> bool {
        self.0.is_some()
    }

    /// Something moved.
    pub(crate) fn touch(&self) {
        if let Some(clock) = &self.0 {
            clock.touch();
        }
    }

    /// Our own output is stuck (the clock stands) or no longer (it starts anew).
    pub(crate) fn stop(&self, stuck: bool) {
        if let Some(clock) = &self.0 {
            clock.stand(&clock.stopped, stuck);
        }
    }

    /// Our own input is all that is waited for (the clock stands) or no longer (it starts anew).
    pub(crate) fn rest(&self, resting: bool) {
        if let Some(clock) = &self.0 {
            clock.stand(&clock.resting, resting);
        }
    }

    /// Returns the limit when nothing has moved for it; never if there is none.
    pub(crate) async fn expired(&self) -> Duration {
        match &self.0 {
            Some(clock) => clock.expired().await,
            None => std::future::pending().await,
        }
    }
}

impl Clock {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            start: Instant::now(),
            moved: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            resting: AtomicBool::new(false),
        }
    }

    fn touch(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    fn stand(&self, why: &AtomicBool, stands: bool) {
        if why.swap(stands, Ordering::Relaxed) && !stands {
            self.touch();
        }
    }

    async fn expired(&self) -> Duration {
        loop {
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let left = self.limit.saturating_sub(self.start.elapsed().saturating_sub(moved));
            if self.stands() {
                sleep(self.limit).await;
            } else if !left.is_zero() {
                sleep(left).await;
            } else if self.is_still().await {
                return self.limit;
            }
        }
    }

    fn stands(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.resting.load(Ordering::Relaxed)
    }

    /// Whether nothing moves for a moment in which the process runs. If it was stopped (by ^Z, say), the limit
    /// may have passed while bytes arrived that nobody could look at.
    async fn is_still(&self) -> bool {
        let (moved, end) = (self.moved.load(Ordering::Relaxed), Instant::now() + MOMENT);
        sleep_until(end).await;
        let was_stopped = end.elapsed() > MOMENT;
        !was_stopped && !self.stands() && moved == self.moved.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_limit_never_ends() {
        let clock = IdleClock::new(Some(Duration::MAX));
        clock.touch();
        let year = Duration::from_secs(365 * 24 * 3600);
        assert!(tokio::time::timeout(year, clock.expired()).await.is_err());
    }
}
