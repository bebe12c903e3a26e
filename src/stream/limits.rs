//! What the options of a client and of a server both say about each connection.

use std::time::Duration;

use super::tap::Observers;
use super::{CLOSE_TIMEOUT, DEFAULT_LIMIT};

/// The limits of one connection, how its bytes are moved, and what sees them.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) line: usize,
    pub(super) close: Option<Duration>,
    pub(super) idle: Option<Duration>,
    /// Of the whole connection.
    pub(super) whole: Option<Duration>,
    /// Bytes a second, each way.
    pub(super) rate: Option<u64>,
    /// Whether all bytes go through the streams, also where the kernel could move them.
    pub(super) by_streams: bool,
    /// Whether bytes are counted as soon as they move.
    pub(super) prompt: bool,
    /// What sees the bytes.
    pub(super) observers: Observers,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: DEFAULT_LIMIT,
            close: Some(CLOSE_TIMEOUT),
            idle: None,
            whole: None,
            rate: None,
            by_streams: false,
            prompt: false,
            observers: Observers::default(),
        }
    }
}

/// The methods by which options set their field `limits`.
macro_rules! limit_setters {
    () => {
        /// The most bytes of a line, or before a separator.
        pub fn limit(mut self, bytes: usize) -> Self {
            self.limits.line = bytes;
            self
        }

        /// How long [`wait_closed`](crate::StreamWriter::wait_closed), or a writer that was dropped, waits for a
        /// peer that takes nothing, and then for its end; 30 s by default. `None` is no limit.
        pub fn close_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
            self.limits.close = limit.into();
            self
        }

        /// The idle timeout: a connection on which nothing has moved in either direction for this long fails
        /// with [`Error::Idle`](crate::Error::Idle), as do the calls that wait for it. There is none by default.
        /// The clock runs only while a call waits for the network.
        pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
            self.limits.idle = limit.into();
            self
        }

        /// The limit of the whole connection, from when it stands: after that it fails with
        /// [`Error::Timeout`](crate::Error::Timeout) and [`Step::Connection`](crate::Step::Connection), as do the calls
        /// that wait for it. There is none by default.
        pub fn max_time(mut self, limit: impl Into<Option<Duration>>) -> Self {
            self.limits.whole = limit.into();
            self
        }

        /// How many bytes a second may be sent, and how many received; there is no limit by default, and 0 is none. After a
        /// time in which nothing has moved, a tenth of a second's bytes move at once. To wait for the rate is not to be
        /// idle. All bytes go through the streams.
        pub fn limit_rate(mut self, bytes: impl Into<Option<u64>>) -> Self {
            self.limits.rate = bytes.into().filter(|bytes| *bytes > 0);
            self
        }

        /// Counts bytes as soon as the system takes them, for a progress that is shown. Otherwise a call that moves much is
        /// counted when it returns, which takes seconds where the network is slow.
        pub fn count_promptly(mut self, yes: bool) -> Self {
            self.limits.prompt = yes;
            self
        }

        /// Lets `observer` see all bytes, besides those that were added before. They go through the streams then.
        pub fn observer(mut self, observer: impl crate::Observer + 'static) -> Self {
            self.limits.observers.add(observer);
            self
        }

        /// Moves all bytes through the streams even if the kernel could move them by itself, to find out which
        /// of the two is at fault.
        pub fn by_streams(mut self, yes: bool) -> Self {
            self.limits.by_streams = yes;
            self
        }
    };
}

pub(super) use limit_setters;
