//! The idle clock: it runs while the network is waited for, and stops while our own side is.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Moved;

/// How long data that arrived before the limit may still be read after it.
const GRACE: Duration = Duration::from_millis(20);

/// Notices that nothing has moved in either direction for a time. Without a limit it does nothing.
#[derive(Debug)]
pub(crate) struct IdleClock(Option<Box<Clock>>);

/// What is waited for, and so whether the clock runs.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum Wait {
    /// Bytes of the peer, or its end, are waited for.
    ToReceive = 1,
    /// The peer has to take bytes.
    ToSend = 2,
    /// Our own output does not take what the peer has sent.
    ForOutput = 4,
    /// Nothing is expected from the peer, so that its silence does not count.
    ForNothing = 8,
}

#[derive(Debug)]
struct Clock {
    limit: Duration,
    moved: Moved,
    /// The set of waits, as bits.
    waits: AtomicU8,
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

    /// This end waits until then, which does not count.
    pub(crate) fn waits_until(&self, end: Instant) {
        if let Some(clock) = &self.0 {
            clock.moved.touch(clock.moved.time_of(end));
        }
    }

    /// A wait for this begins, or ends.
    pub(crate) fn wait(&self, wait: Wait, begins: bool) {
        if let Some(clock) = &self.0 {
            clock.wait(wait as u8, begins);
        }
    }

    /// Returns the limit when nothing has moved for that long; never if there is none. May be cancelled.
    pub(crate) async fn expired(&self) -> Duration {
        match &self.0 {
            Some(clock) => clock.expired().await,
            None => std::future::pending().await,
        }
    }
}

impl Clock {
    fn new(limit: Duration) -> Self {
        Self { limit, moved: Moved::since(Instant::now()), waits: AtomicU8::new(0) }
    }

    fn touch(&self) {
        self.moved.touch(self.moved.now());
    }

    fn wait(&self, wait: u8, begins: bool) {
        let before = if begins {
            self.waits.fetch_or(wait, Ordering::Relaxed)
        } else {
            self.waits.fetch_and(!wait, Ordering::Relaxed)
        };
        let after = if begins { before | wait } else { before & !wait };
        if !runs(before) && runs(after) {
            self.touch();
        }
    }

    async fn expired(&self) -> Duration {
        loop {
            let left = self.limit.saturating_sub(self.moved.still_for());
            if !self.runs() {
                sleep(self.limit).await;
            } else if !left.is_zero() {
                sleep(left).await;
            } else if self.is_still().await {
                return self.limit;
            }
        }
    }

    fn runs(&self) -> bool {
        runs(self.waits.load(Ordering::Relaxed))
    }

    /// Whether nothing moves for a moment in which the process runs. If it was stopped (by ^Z, for example),
    /// the limit may have passed while data arrived that could not be read.
    async fn is_still(&self) -> bool {
        let (moved, end) = (self.moved.at(), Instant::now() + GRACE);
        sleep_until(end).await;
        let was_stopped = end.elapsed() > GRACE;
        !was_stopped && self.runs() && moved == self.moved.at()
    }
}

/// Whether these waits are for the network.
fn runs(waits: u8) -> bool {
    let is = |wait: Wait| waits & wait as u8 != 0;
    let on_network = is(Wait::ToSend) || (is(Wait::ToReceive) && !is(Wait::ForNothing));
    on_network && !is(Wait::ForOutput)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Whether the clock expires within `time`.
    async fn expires(clock: &IdleClock, time: Duration) -> bool {
        tokio::time::timeout(time, clock.expired()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_limit_never_ends() {
        let clock = IdleClock::new(Some(Duration::MAX));
        clock.wait(Wait::ToReceive, true);
        assert!(!expires(&clock, Duration::from_secs(365 * 24 * 3600)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_only_while_the_network_is_waited_for() {
        for (waits, runs) in [
            (&[][..], false),
            (&[Wait::ToReceive], true),
            (&[Wait::ToSend], true),
            (&[Wait::ToSend, Wait::ForOutput], false),
            (&[Wait::ToReceive, Wait::ForNothing], false),
            (&[Wait::ToReceive, Wait::ToSend, Wait::ForNothing], true),
        ] {
            let clock = IdleClock::new(Some(LIMIT));
            for wait in waits {
                clock.wait(*wait, true);
            }
            assert_eq!(expires(&clock, LIMIT * 3).await, runs, "{waits:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_begins_when_this_end_need_not_wait_any_more() {
        let clock = IdleClock::new(Some(LIMIT));
        clock.wait(Wait::ToReceive, true);
        clock.waits_until(Instant::now() + LIMIT * 5);
        // What moves meanwhile does not bring it forward.
        clock.touch();
        assert!(!expires(&clock, LIMIT * 5).await);
        assert!(expires(&clock, LIMIT * 2).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_begins_has_the_whole_limit() {
        let clock = IdleClock::new(Some(LIMIT));
        assert!(!expires(&clock, LIMIT * 3).await);
        clock.wait(Wait::ToReceive, true);
        assert!(!expires(&clock, LIMIT).await);
        // Once more, after a call that was given up: the same wait goes on.
        clock.wait(Wait::ToReceive, true);
        assert!(expires(&clock, LIMIT).await);
    }
}
