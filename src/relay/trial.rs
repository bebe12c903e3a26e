//! Which of two ways to move a file to this machine's own receiver is the faster one: each is tried.
//!
//! sendfile copies nothing, which is best if the receiver splices. A receiver that copies is faster, by up
//! to a half, with bytes that our own copying has brought into the cache. Who receives is not told, so it
//! is measured, and again from time to time. One measurement says little: sendfile goes at half its pace
//! whenever the receiver sleeps after each piece. So the ways take turns until one has won twice.

use std::time::Instant;

/// How much is moved to try a way once.
const TRY: u64 = 64 * 1024 * 1024;

/// The last of it, which counts: before that the receiver still has what came the other way.
const COUNTED: u64 = 32 * 1024 * 1024;

/// How much is moved by the faster way before both are tried again.
const SETTLED: u64 = 4 * 1024 * 1024 * 1024;

/// A transfer and the ways it was tried.
pub(super) struct Trial {
    stage: Stage,
    /// How often each way was the faster one.
    wins: Wins,
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

#[derive(Default)]
struct Wins {
    kernel: u8,
    by_hand: u8,
}

/// Seconds a byte.
type Pace = f64;

impl Trial {
    pub(super) fn new() -> Self {
        Self { stage: Stage::ByKernel, wins: Wins::default(), left: TRY, since: Instant::now(), counted: 0 }
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
                self.wins.count(pace < kernel)
            }
        };
        self.left = if matches!(self.stage, Stage::Settled { .. }) { SETTLED } else { TRY };
        self.start_counting();
    }
}

impl Wins {
    /// Another round is over: what comes next.
    fn count(&mut self, by_hand: bool) -> Stage {
        let wins = if by_hand { &mut self.by_hand } else { &mut self.kernel };
        *wins += 1;
        if *wins < 2 {
            return Stage::ByKernel;
        }
        *self = Self::default();
        Stage::Settled { by_hand }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ways that are taken while sendfile takes so long, turn by turn, and reading and writing 1.
    fn ways(kernel: &[Pace]) -> Vec<bool> {
        let mut trial = Trial::new();
        let mut kernel = kernel.iter();
        let mut ways = Vec::new();
        loop {
            let by_hand = trial.is_by_hand();
            let Some(&pace) = (if by_hand { Some(&1.0) } else { kernel.next() }) else { return ways };
            ways.push(by_hand);
            trial.go_on(pace);
        }
    }

    #[test]
    fn the_way_that_wins_twice_is_taken_and_both_are_tried_again() {
        let (kernel, by_hand) = (false, true);
        // However little faster.
        assert_eq!(ways(&[1.05, 1.05]), [kernel, by_hand, kernel, by_hand, by_hand]);
        assert_eq!(ways(&[0.95, 0.95, 0.95]), [kernel, by_hand, kernel, by_hand, kernel]);
        assert_eq!(ways(&[2.0, 0.5, 2.0]), [kernel, by_hand, kernel, by_hand, kernel, by_hand, by_hand]);
        assert_eq!(ways(&[0.5, 2.0, 0.5, 0.5]), [kernel, by_hand, kernel, by_hand, kernel, by_hand, kernel]);
        // What was found is not counted again.
        assert_eq!(
            ways(&[2.0, 2.0, 0.5, 0.5, 0.5])[4..],
            [by_hand, kernel, by_hand, kernel, by_hand, kernel]
        );
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
