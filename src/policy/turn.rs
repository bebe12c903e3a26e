//! A task's turn, measured in bytes.

use std::task::{Context, Poll, Waker};

use tokio::task::coop::{has_budget_remaining, poll_proceed};

/// How many bytes cost a task one of the 128 units of its turn ([`tokio::task::coop`]): so a connection at full speed
/// moves 64 KiB in each direction, and the others have their turns.
const UNIT: usize = 1024;

/// Charges the turn of the current task for bytes that it has moved. If nothing is left of the turn, the next call that
/// waits for the runtime gives way.
pub(crate) fn charge(bytes: usize) {
    // The waker is not used: a unit is taken only where one is left.
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..bytes / UNIT {
        if !has_budget_remaining() {
            return;
        }
        if let Poll::Ready(unit) = poll_proceed(&mut cx) {
            unit.made_progress();
        }
    }
}
