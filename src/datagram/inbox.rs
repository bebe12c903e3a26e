//! Messages that have come and were not taken yet. If there are too many, the newest are dropped, as the system
//! does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Error;

/// How many bytes wait in one inbox at most: about what the system keeps for a socket.
const IN_ONE: usize = 256 * 1024;

/// How many bytes wait in all inboxes of a server at most.
const IN_ALL: usize = 16 * 1024 * 1024;

/// What a message takes beside its bytes.
pub(super) const OVERHEAD: usize = 128;

/// The bytes that wait in all inboxes of a server.
pub(super) type Waiting = Arc<AtomicUsize>;

/// The messages for one session.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Something was put in, or the session was ended.
    changed: Notify,
    /// Those of a server are bounded.
    waiting: Option<Waiting>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Why nothing more comes.
    end: Option<Error>,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    Taken,
    /// There is no room.
    Dropped,
    /// The session has ended; this is the message.
    Ended(Bytes),
}

impl Inbox {
    /// One of a server's.
    pub(super) fn bounded(waiting: Waiting) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), waiting: Some(waiting) }
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.waiting.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, message: Bytes) -> Put {
        let mut state = self.state();
        if state.end.is_some() {
            return Put::Ended(message);
        }
        let size = message.len() + OVERHEAD;
        if let Some(waiting) = &self.waiting {
            if state.bytes + size > IN_ONE || waiting.load(Ordering::Relaxed) + size > IN_ALL {
                return Put::Dropped;
            }
            waiting.fetch_add(size, Ordering::Relaxed);
        }
        state.bytes += size;
        state.messages.push_back(message);
        drop(state);
        self.changed.notify_one();
        Put::Taken
    }

    /// The message that came first, if there is one; the reason why there is none, once nothing more comes.
    pub(super) fn take(&self) -> Result<Option<Bytes>, Error> {
        let mut state = self.state();
        match state.messages.pop_front() {
            Some(message) => {
                self.free(&mut state, message.len() + OVERHEAD);
                if !state.messages.is_empty() {
                    self.changed.notify_one();
                }
                Ok(Some(message))
            }
            None => state.end.clone().map_or(Ok(None), Err),
        }
    }

    /// All messages; empty if there are none, and the reason once nothing more comes.
    pub(super) fn take_all(&self) -> Result<Vec<Bytes>, Error> {
        let mut state = self.state();
        let bytes = state.bytes;
        self.free(&mut state, bytes);
        let messages: Vec<_> = state.messages.drain(..).collect();
        match &state.end {
            Some(end) if messages.is_empty() => Err(end.clone()),
            _ => Ok(messages),
        }
    }

    pub(super) fn ended(&self) -> Option<Error> {
        self.state().end.clone()
    }

    /// Nothing more is put in. What is there can still be taken.
    pub(super) fn end(&self, why: Error) {
        self.state().end.get_or_insert(why);
        self.changed.notify_one();
    }

    /// Waits until something was put in, or nothing more comes. May be cancelled.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn free(&self, state: &mut State, size: usize) {
        state.bytes -= size;
        if let Some(waiting) = &self.waiting {
            waiting.fetch_sub(size, Ordering::Relaxed);
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.state();
        let bytes = state.bytes;
        self.free(&mut state, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_dropped_when_there_is_too_much() {
        let waiting = Waiting::default();
        let inbox = Inbox::bounded(Arc::clone(&waiting));
        let message = Bytes::from(vec![0; 65_507]);
        let put: Vec<_> = (0..5).map(|_| inbox.put(message.clone())).collect();
        assert_eq!(put, [Put::Taken, Put::Taken, Put::Taken, Put::Dropped, Put::Dropped]);
        assert_eq!(inbox.take().unwrap(), Some(message.clone()));
        assert_eq!(inbox.put(message), Put::Taken);
        assert_eq!(inbox.take_all().unwrap().len(), 3);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        inbox.put(Bytes::new());
        drop(inbox);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn all_inboxes_of_a_server_share_one_bound() {
        let waiting = Waiting::default();
        let inboxes: Vec<_> = (0..100).map(|_| Inbox::bounded(Arc::clone(&waiting))).collect();
        let message = Bytes::from(vec![0; 60_000]);
        let taken = inboxes
            .iter()
            .filter(|inbox| (0..4).filter(|_| inbox.put(message.clone()) == Put::Taken).count() == 4);
        assert_eq!(taken.count(), IN_ALL / (4 * (60_000 + OVERHEAD)));
    }

    #[test]
    fn what_came_before_the_end_is_taken_before_the_end() {
        let inbox = Inbox::default();
        inbox.put(Bytes::from_static(b"last"));
        inbox.end(Error::Closed);
        assert_eq!(inbox.put(Bytes::new()), Put::Ended(Bytes::new()));
        assert_eq!(inbox.take().unwrap().unwrap(), "last");
        assert!(matches!(inbox.take(), Err(Error::Closed)));
    }
}
