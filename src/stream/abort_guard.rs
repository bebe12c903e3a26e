//! A guard for connections that may not be served to their end.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use super::link::Link;
use crate::error::Error;

/// Aborts a connection when it is dropped, unless it was disarmed; see
/// [`StreamWriter::abort_guard`](crate::StreamWriter::abort_guard).
///
/// It must be dropped before the writer is: make it after the streams, and in the same scope. A connection that
/// [`wait_closed`](crate::StreamWriter::wait_closed) has closed is left alone.
///
/// ```
/// use astream::{Error, StreamReader, StreamWriter};
///
/// async fn answer(mut reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
///     let guard = writer.abort_guard();
///     while let Some(line) = reader.readline().await? {
///         writer.write(&line);
///         writer.drain().await?;
///     }
///     writer.wait_closed().await?;
///     // Not reached if a call above fails or panics, or if the future is dropped: the peer then sees a reset.
///     guard.disarm();
///     Ok(())
/// }
/// ```
#[must_use = "dropped, it aborts the connection"]
pub struct AbortGuard(Option<Arc<Link>>);

impl AbortGuard {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(Some(link))
    }

    /// Disarms the guard: the connection is not aborted.
    pub fn disarm(mut self) {
        self.0 = None;
    }

    /// Disarms the guard if the result is `Ok`, and returns the result.
    pub(crate) fn judge<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_ok() {
            self.disarm();
        }
        result
    }

    /// Waits until the connection is closed or aborted by this end, or is idle. For a task that does not use
    /// its reader. May be cancelled.
    pub(crate) async fn closed(&self) -> Error {
        match &self.0 {
            Some(link) => link.closed().await,
            None => pending().await,
        }
    }
}

impl Drop for AbortGuard {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            link.abort_unfinished();
        }
    }
}

impl fmt::Debug for AbortGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortGuard").field("armed", &self.0.is_some()).finish_non_exhaustive()
    }
}
