//! A task's turn, measured in bytes.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::{has_budget_remaining, poll_proceed, unconstrained};

/// How many bytes cost a task one of the 128 units of its turn ([`tokio::task::coop`]): a connection at full speed
/// receives 64 KiB before the others have their turns.
const UNIT: usize = 512;

/// Charges the turn of the current task for bytes that it has received. If nothing is left of the turn, the next call
/// that waits for the runtime gives way.
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

/// Polls something that is not to give way: what is done here and now, by a function that cannot wait, would otherwise be
/// left undone at the end of a turn.
pub(crate) fn without_giving_way<T>(cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut poll = Some(poll);
    let polled =
        pin!(unconstrained(poll_fn(|cx| poll.take().map_or(Poll::Pending, |poll| Poll::Ready(poll(cx))))));
    match polled.poll(cx) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("it is polled once"),
    }
}
