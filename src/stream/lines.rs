//! Reads a stream line by line.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::StreamReader;
use super::delimited::{Line, Owned};
use crate::error::Error;

/// The lines of a stream; see [`StreamReader::readlines`]. It is a [`Stream`] too.
///
/// After an error that ends the connection there is no further line; [`Error::LineTooLong`] is followed by the
/// next one.
#[derive(Debug)]
pub struct Lines<'a> {
    reader: &'a mut StreamReader,
    /// No newline stands before this in the reader's buffer.
    searched: usize,
    has_failed: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(reader: &'a mut StreamReader) -> Self {
        Self { reader, searched: 0, has_failed: false }
    }

    /// The next line with its `\n`; `None` at the end. May be cancelled.
    ///
    /// # Errors
    /// As [`StreamReader::readline`].
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Lines<'_> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let lines = self.get_mut();
        if lines.has_failed {
            return Poll::Ready(None);
        }
        let incoming = &mut lines.reader.incoming;
        let mut line = Line { incoming, to: Owned, searched: lines.searched };
        let read = Pin::new(&mut line).poll(cx);
        lines.searched = if read.is_pending() { line.searched } else { 0 };
        lines.has_failed =
            matches!(&read, Poll::Ready(Err(error)) if !matches!(error, Error::LineTooLong { .. }));
        read.map(Result::transpose)
    }
}
