//! How fast the bytes of one connection may move, each way.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::Direction;
use crate::policy::Bucket;

/// Without a rate, everything may move at once.
pub(super) struct Pace(Option<Box<[Mutex<Bucket>; 2]>>);

impl Pace {
    /// So many bytes a second each way.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self(rate.map(|rate| Box::new(Direction::BOTH.map(|_| Mutex::new(Bucket::new(rate))))))
    }

    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// How many bytes may move this way now; pending if none.
    pub(super) fn poll(&self, way: Direction, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        self.of(way, |bucket| bucket.poll_some(cx, wanted)).unwrap_or(Poll::Ready(usize::MAX))
    }

    /// When bytes may move this way, if that was waited for last.
    pub(super) fn end_of_wait(&self, way: Direction) -> Option<Instant> {
        self.of(way, |bucket| bucket.end_of_wait()).flatten()
    }

    /// So many bytes have moved.
    pub(super) fn moved(&self, way: Direction, bytes: usize) {
        self.of(way, |bucket| bucket.take(bytes));
    }

    fn of<T>(&self, way: Direction, run: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let buckets = self.0.as_ref()?;
        Some(run(&mut buckets[way as usize].lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
