//! How long to pause between tries: longer each time, and not in step with others.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The shortest pause, which comes first.
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest pause.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);

/// The pauses between tries. Their upper limit doubles from 50 ms to 1 s; each is between half of it and the whole,
/// so that many who wait for the same server do not come at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    limit: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { limit: SHORTEST }
    }

    /// The pause before the next try; None if too little time is left for another one. The last pause ends shortly
    /// before the time does.
    pub(crate) fn pause(&mut self, left: Duration) -> Option<Duration> {
        self.pause_with(left, random())
    }

    /// `part`, from 0 to 1, is the choice between the shortest and the longest pause that are possible now.
    fn pause_with(&mut self, left: Duration, part: f64) -> Option<Duration> {
        let left = left.checked_sub(SHORTEST).filter(|left| !left.is_zero())?;
        let lowest = (self.limit / 2).max(SHORTEST);
        let pause = lowest + self.limit.saturating_sub(lowest).mul_f64(part);
        self.limit = (self.limit * 2).min(LONGEST);
        Some(pause.min(left))
    }
}

/// A number from 0 to 1: the standard library's seed for hash tables is random, and that is enough here.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn pauses(left: Duration, part: f64) -> Vec<u128> {
        let mut backoff = Backoff::new();
        (0..8).map(|_| backoff.pause_with(left, part).unwrap().as_millis()).collect()
    }

    #[test]
    fn pauses_double_from_50_ms_to_1_s() {
        assert_eq!(pauses(HOUR, 1.0), [50, 100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(pauses(HOUR, 0.0), [50, 50, 100, 200, 400, 500, 500, 500]);
    }

    #[test]
    fn the_last_pause_leaves_time_for_a_try_and_then_there_is_none() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff { limit: LONGEST };
        assert_eq!(backoff.pause_with(ms(300), 1.0), Some(ms(250)));
        assert_eq!(backoff.pause_with(ms(50), 1.0), None);
        assert_eq!(backoff.pause_with(ms(0), 1.0), None);
    }

    #[test]
    fn the_random_part_is_a_part_and_varies() {
        let parts: Vec<_> = (0..100).map(|_| random()).collect();
        assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)));
        assert!(parts.iter().any(|part| *part > 0.5) && parts.iter().any(|part| *part < 0.5));
    }
}
