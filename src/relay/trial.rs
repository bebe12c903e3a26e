//! Which of two ways to move a file to this machine's own receiver is the faster one: each is tried.
//!
//! sendfile copies nothing, which is best if the receiver splices. A receiver that copies is faster, by up
//! to a half, with bytes that our own copying has brought into the cache. Who receives is not told, so it
//! is measured, and again from time to time.

use std::time::Instant;

/// How much is moved to try a way.
const TRY: u64 = 96 * 1024 * 1024;

/// The last of it, which counts: before that the receiver still has what came the other way.
const COUNTED: u64 = 64 * 1024 * 1024;

/// How much is moved by the faster way before both are tried again.
const SETTLED: u64 = 4 * 1024 * 1024 * 1024;

/// A transfer and the ways it was tried.
pub(super) struct Trial {
    stage: Stage,
    /// Bytes until the next stage.
    left: u64,
    /// When what counts began, and how much that is.
    since: Instant,
    counted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    ByKernel,
    ByHand { kernel: Pace },
    Settled { by_hand: bool },
}

/// Seconds a byte.
type Pace = f64;

impl Trial {
    pub(super) fn new() -> Self {
        Self { stage: Stage::ByKernel, left: TRY, since: Instant::now(), counted: 0 }
    }

    /// Whether to read and write, instead of leaving it to the kernel.
    pub(super) fn is_by_hand(&self) -> bool {
        matches!(self.stage, Stage::ByHand { .. } | Stage::Settled { by_hand: true })
    }

    /// So much has gone the way that was asked for.
    pub(super) fn moved(&mut self, bytes: u64) {
        self.counted += bytes;
        let known = self.left;
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            #[expect(clippy::cast_precision_loss, reason = "it is far below 2^52")]
            self.go_on(self.since.elapsed().as_secs_f64() / self.counted as f64);
        } else if known > COUNTED && self.left <= COUNTED {
            self.start_counting();
        }
    }

    fn start_counting(&mut self) {
        self.since = Instant::now();
        self.counted = 0;
    }

    fn go_on(&mut self, pace: Pace) {
        self.stage = match self.stage {
            Stage::Settled { .. } => Stage::ByKernel,
            Stage::ByKernel => Stage::ByHand { kernel: pace },
            Stage::ByHand { kernel } => {
                tracing::debug!("by hand {:.2} times as fast as the kernel", kernel / pace);
                Stage::Settled { by_hand: pace < kernel }
            }
        };
        self.left = if matches!(self.stage, Stage::Settled { .. }) { SETTLED } else { TRY };
        self.start_counting();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways that are taken, when they take so long.
    fn ways(kernel: Pace, by_hand: Pace) -> Vec<bool> {
        let mut trial = Trial::new();
        let mut ways = Vec::new();
        for _ in 0..5 {
            ways.push(trial.is_by_hand());
            trial.go_on(if trial.is_by_hand() { by_hand } else { kernel });
        }
        ways
    }

    #[test]
    fn the_faster_way_is_taken_and_both_are_tried_again() {
        assert_eq!(ways(2.0, 1.0), [false, true, true, false, true]);
        assert_eq!(ways(1.0, 2.0), [false, true, false, false, true]);
        // However little faster.
        assert_eq!(ways(1.0, 0.95), [false, true, true, false, true]);
        assert_eq!(ways(1.0, 1.05), [false, true, false, false, true]);
    }

    #[test]
    fn a_short_transfer_is_left_to_the_kernel() {
        let mut trial = Trial::new();
        trial.moved(TRY - 1);
        assert!(!trial.is_by_hand());
        trial.moved(1);
        assert!(trial.is_by_hand());
    }

    #[test]
    fn what_goes_first_does_not_count() {
        let mut trial = Trial::new();
        trial.moved(TRY - COUNTED);
        assert_eq!(trial.counted, 0);
        trial.moved(COUNTED / 2);
        assert_eq!(trial.counted, COUNTED / 2);
    }
}
