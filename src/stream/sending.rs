//! The state of the sending direction, and the tasks that wait for it.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use bytes::BytesMut;

use crate::error::Error;
use crate::policy::without_giving_way;

/// The sending direction of a connection. The link has it, so that the reader can find it.
#[derive(Default)]
pub(super) struct Sending {
    pub(super) queue: BytesMut,
    pub(super) end: EndState,
    /// Whether something was written after the end, and dropped.
    pub(super) written_late: bool,
    /// Whether closing is complete.
    pub(super) closed: bool,
    pub(super) error: Option<Box<Error>>,
    /// The tasks that wait for the socket to take more; made when the first one waits.
    waiting: Option<Arc<WakeAll>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndState {
    #[default]
    Open,
    /// Requested; sent after what is queued.
    Requested,
    Sent,
}

impl Sending {
    /// Polls with the wakers of all waiting tasks, so that the socket wakes each of them.
    pub(super) fn with_waker<T>(&mut self, poll: impl FnOnce(&mut Self, &mut Context<'_>) -> T) -> T {
        let waker = self.waiting.clone().map_or_else(|| Waker::noop().clone(), Waker::from);
        without_giving_way(&mut Context::from_waker(&waker), |cx| poll(self, cx))
    }

    /// Polls, and if that is pending, adds the task of `cx` to the waiting ones.
    pub(super) fn poll_as_waiter<T>(
        &mut self,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let first = self.with_waker(&mut poll);
        if first.is_ready() {
            return first;
        }
        self.waiting.get_or_insert_default().add(cx.waker());
        self.with_waker(poll)
    }

    pub(super) fn take_waiting(&mut self) -> Option<Arc<WakeAll>> {
        self.waiting.take()
    }

    /// The reset that a write has met, which the system reports only once.
    pub(super) fn reset(&self) -> Option<Error> {
        let error = self.error.as_deref()?;
        let reset = matches!(error, Error::Lost { cause, .. } if cause.kind() == ErrorKind::ConnectionReset);
        reset.then(|| error.clone())
    }

    pub(super) fn note(&mut self, sent: Poll<Result<(), Error>>) {
        if let Poll::Ready(Err(error)) = sent {
            self.error.get_or_insert_with(|| Box::new(error));
        }
    }
}

/// Wakes all tasks that wait for one socket, which remembers a single waker only.
#[derive(Default)]
pub(super) struct WakeAll(Mutex<Vec<Waker>>);

impl WakeAll {
    pub(super) fn add(&self, waker: &Waker) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }
}

impl Wake for WakeAll {
    fn wake(self: Arc<Self>) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}
