//! Which of two ways to move bytes is the faster one with this receiver: each is tried in turn.
//!
//! The kernel's way copies nothing, which is best if the receiver splices too. A receiver that copies is
//! faster, by up to a half, with bytes that our own copying has brought into the cache. Who receives is
//! not told, so it is measured, and again from time to time. Over a network that is slower than either
//! way there is no difference, and the kernel's way is taken, which costs less.

use std::time::{Duration, Instant};

/// How much is moved to find out how long it takes; the first of it does not count.
const TRY: usize = 32 * 1024 * 1024;

/// How much is moved by the faster way before both are tried again.
const SETTLED: usize = 1024 * 1024 * 1024;

/// A transfer and the ways it was tried.
pub(super) struct Trial {
    stage: Stage,
    /// Bytes until the next stage.
    left: usize,
    since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// By the kernel, while buffers and windows grow.
    Growing,
    ByKernel,
    ByHand {
        kernel_took: Duration,
    },
    Settled {
        by_hand: bool,
    },
}

impl Trial {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Growing, left: TRY, since: Instant::now() }
    }

    /// Whether to read and write, instead of leaving it to the kernel.
    pub(super) fn is_by_hand(&self) -> bool {
        matches!(self.stage, Stage::ByHand { .. } | Stage::Settled { by_hand: true })
    }

    /// So much has gone the way that was asked for.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        if self.left == 0 {
            self.go_on(self.since.elapsed());
        }
    }

    fn go_on(&mut self, took: Duration) {
        self.stage = match self.stage {
            Stage::Growing | Stage::Settled { .. } => Stage::ByKernel,
            Stage::ByKernel => Stage::ByHand { kernel_took: took },
            Stage::ByHand { kernel_took } => {
                tracing::debug!("{TRY} bytes took the kernel {kernel_took:?}, and by hand {took:?}");
                // It costs CPU, so it has to be clearly faster.
                Stage::Settled { by_hand: took < kernel_took.mul_f64(0.95) }
            }
        };
        self.left = if matches!(self.stage, Stage::Settled { .. }) { SETTLED } else { TRY };
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways that are taken, when they take so long.
    fn ways(kernel: Duration, by_hand: Duration) -> Vec<bool> {
        let mut trial = Trial::new();
        let mut ways = Vec::new();
        for _ in 0..6 {
            ways.push(trial.is_by_hand());
            trial.go_on(if trial.is_by_hand() { by_hand } else { kernel });
        }
        ways
    }

    #[test]
    fn the_faster_way_is_taken_and_both_are_tried_again() {
        let (short, long) = (Duration::from_millis(10), Duration::from_millis(20));
        assert_eq!(ways(long, short), [false, false, true, true, false, true]);
        assert_eq!(ways(short, long), [false, false, true, false, false, true]);
        // What is hardly faster is not worth its CPU.
        assert_eq!(ways(long, long.mul_f64(0.97)), [false, false, true, false, false, true]);
    }

    #[test]
    fn a_short_transfer_is_left_to_the_kernel() {
        let mut trial = Trial::new();
        trial.moved(TRY - 1);
        trial.moved(TRY);
        assert!(!trial.is_by_hand());
        trial.moved(TRY);
        assert!(trial.is_by_hand());
    }
}
