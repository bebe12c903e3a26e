//! A token bucket: how many bytes may move now, so that a rate is kept over time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The longest burst, after a time in which nothing moved: what moves in a tenth of a second.
const BURST: f64 = 0.1;

/// More than this is not waited for before some may move.
const ENOUGH: f64 = 64.0 * 1024.0;

/// More than a time is cut by where it is made of a number: there is enough after it.
const ROUNDING: Duration = Duration::from_micros(1);

/// Bytes that may move in one direction. It is full at first.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Bytes a second.
    rate: f64,
    level: f64,
    /// When `level` was right.
    at: Instant,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Bucket {
    pub(crate) fn new(rate: u64) -> Self {
        let rate = bytes(usize::try_from(rate.max(1)).unwrap_or(usize::MAX));
        Self { rate, level: burst(rate), at: Instant::now(), waiting: None }
    }

    /// How many bytes may move now: at least one, and not so few that each byte costs a call of the system unless no more
    /// than `wanted` are to move.
    pub(crate) fn poll_some(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        let enough = (burst(self.rate) / 2.0).min(ENOUGH).min(bytes(wanted)).max(1.0);
        loop {
            self.fill();
            if self.level >= enough {
                self.waiting = None;
                return Poll::Ready(whole(self.level));
            }
            let end = self.at + Duration::from_secs_f64((enough - self.level) / self.rate) + ROUNDING;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if waiting.deadline() != end {
                waiting.as_mut().reset(end);
            }
            ready!(waiting.as_mut().poll(cx));
        }
    }

    /// When some may move, if that was waited for last.
    pub(crate) fn end_of_wait(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.deadline())
    }

    /// So many have moved.
    pub(crate) fn take(&mut self, moved: usize) {
        self.level -= bytes(moved);
    }

    fn fill(&mut self) {
        let now = Instant::now();
        let more = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        (self.level, self.at) = ((self.level + more).min(burst(self.rate)), now);
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "a few bytes of 2^53 do not matter")]
fn bytes(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 1, and no more than a tenth of a usize"
)]
fn whole(level: f64) -> usize {
    level as usize
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::sleep;

    use super::*;

    /// Moves pieces of at most so many bytes for 10 s; returns when each has moved, in seconds, and its length.
    async fn moved(bucket: &mut Bucket, piece: usize) -> Vec<(f64, f64)> {
        let (start, mut moved) = (Instant::now(), Vec::new());
        while start.elapsed() < Duration::from_secs(10) {
            let some = poll_fn(|cx| bucket.poll_some(cx, usize::MAX)).await.min(piece);
            assert!(some > 0);
            bucket.take(some);
            moved.push((start.elapsed().as_secs_f64(), bytes(some)));
        }
        moved
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_over_ten_seconds_and_no_burst_is_longer_than_a_tenth_of_one() {
        for rate in [10, 1000, 1 << 20, 100 << 20_usize] {
            for piece in [rate / 25, 64 << 10] {
                let moved = moved(&mut Bucket::new(rate as u64), piece.max(1)).await;
                let rate = bytes(rate);
                let all: f64 = moved.iter().map(|(_, length)| length).sum();
                let seconds = moved.last().unwrap().0;
                let part = all / (rate * seconds);
                assert!((0.95..1.05).contains(&part), "{part} of {rate} in pieces of {piece}");
                // In any window: what has moved up to its end, less what had moved before its start.
                let (mut sum, mut least) = (0.0, f64::MAX);
                for (at, length) in &moved {
                    least = f64::min(least, sum - rate * at);
                    sum += length;
                    assert!(sum - rate * at - least <= burst(rate) + 1.0, "a burst at {at} s of {rate}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_bytes_need_not_wait_for_more() {
        let mut bucket = Bucket::new(1000);
        bucket.take(100);
        let start = Instant::now();
        assert!(poll_fn(|cx| bucket.poll_some(cx, 2)).await >= 2);
        assert!(start.elapsed() <= Duration::from_millis(4), "{:?}", start.elapsed());
        assert!(poll_fn(|cx| bucket.poll_some(cx, 1000)).await >= 50);
        assert!(start.elapsed() >= Duration::from_millis(50), "{:?}", start.elapsed());
        // What was not used adds up to a tenth of a second only.
        sleep(Duration::from_secs(5)).await;
        assert_eq!(poll_fn(|cx| bucket.poll_some(cx, 1000)).await, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_moves_each_second() {
        let mut bucket = Bucket::new(1);
        let start = Instant::now();
        for seconds in 0..3 {
            assert_eq!(poll_fn(|cx| bucket.poll_some(cx, 5)).await, 1);
            bucket.take(1);
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }
}
