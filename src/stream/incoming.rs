//! The receiving direction: data is read into a buffer, and the end or the error comes after it.

use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use memchr::memchr;

use super::Direction;
use super::buffer::Buffer;
use super::link::Link;
use crate::error::Error;
use crate::policy::{Wait, charge};
use crate::transport::ReadHalf;

/// The receiving side of one connection.
pub(super) struct Incoming {
    pub(super) half: ReadHalf,
    pub(super) link: Reading,
    pub(super) buffer: Buffer,
    pub(super) state: State,
    /// The rest of a line that was too long is dropped as it comes.
    dropping_line: bool,
}

/// Whether the stream has ended; the link has the error of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Ended,
    Failed,
}

/// A link that is notified when the reader is dropped.
pub(super) struct Reading(Arc<Link>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reader_done();
    }
}

impl Deref for Reading {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Incoming {
    pub(super) fn new(half: ReadHalf, ahead: Bytes, link: Arc<Link>) -> Self {
        Self { half, link: Reading(link), buffer: ahead.into(), state: State::Open, dropping_line: false }
    }

    pub(super) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link.0)
    }

    /// Whether the stream has ended and everything was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.buffer.is_empty() && (self.state == State::Ended || self.link.is_closing())
    }

    /// Drops a line that is too long, up to its newline if that is known, or else as it arrives.
    pub(super) fn drop_long_line(&mut self, newline: Option<usize>) {
        self.buffer.advance(newline.map_or(self.buffer.len(), |at| at + 1));
        self.dropping_line = newline.is_none() && self.state == State::Open;
    }

    /// The error that ended the stream, if there is one.
    pub(super) fn end(&self) -> Result<(), Error> {
        match self.state {
            State::Failed => Err(self.link.failure().unwrap_or(Error::Closed)),
            State::Open | State::Ended => Ok(()),
        }
    }

    /// Reads more into the buffer; false at the end of the stream, whose reason is [`end`](Self::end).
    #[inline(never)]
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            if self.state != State::Open || self.link.is_closing() {
                if self.state == State::Open && self.link.is_cut() {
                    self.finish(Err(Error::Closed));
                }
                return Poll::Ready(false);
            }
            let known = self.buffer.len();
            let read = ready!(self.poll_read_once(cx));
            self.link.received(&self.buffer[known..]);
            if let Some(end) = self.end_after(read) {
                self.finish(end);
            }
            if self.dropping_line {
                self.drop_line();
            }
            if self.buffer.len() > known {
                return Poll::Ready(true);
            }
        }
    }

    fn end_after(&self, read: Result<usize, Error>) -> Option<Result<(), Error>> {
        match read {
            Ok(1..) => None,
            // Under TLS it is the peer's close_notify.
            Ok(0) if self.half.beneath().tls().is_some() => Some(Ok(())),
            // After a reset that was reported to the writer, the system reports a clean end.
            Ok(0) | Err(Error::Truncated) => Some(match self.link.writer_reset() {
                Some(reset) => Err(reset),
                None if read.is_err() && !self.half.ignores_truncation() => Err(Error::Truncated),
                None => Ok(()),
            }),
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_read_once(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let (pace, traffic) = (&self.link.pace, &self.link.traffic);
        let read = if let Poll::Ready(most) = pace.poll(Direction::Received, cx, usize::MAX) {
            let read = self.buffer.poll_read(&mut self.half, cx, most);
            traffic.wait(Wait::ToReceive, read.is_pending());
            if let Poll::Ready(Ok(received)) = read {
                pace.moved(Direction::Received, received);
                charge(received);
            }
            read
        } else {
            traffic.wait(Wait::ToReceive, false);
            traffic.waits_until(pace.end_of_wait(Direction::Received));
            Poll::Pending
        };
        if read.is_pending() && self.link.reader_waits(cx) {
            return Poll::Ready(self.link.failure().map_or(Ok(0), Err));
        }
        read
    }

    fn finish(&mut self, end: Result<(), Error>) {
        // Another thread may have cut the connection just now, and the system then reports an end.
        let end = if end.is_ok() && self.link.is_cut() { Err(Error::Closed) } else { end };
        self.state = match end {
            Ok(()) => {
                self.link.peers_end();
                self.link.reader_done();
                State::Ended
            }
            Err(error) => {
                self.link.fail(&error);
                State::Failed
            }
        };
    }

    fn drop_line(&mut self) {
        let newline = memchr(b'\n', &self.buffer);
        self.dropping_line = newline.is_none();
        self.buffer.advance(newline.map_or(self.buffer.len(), |at| at + 1));
    }

    /// Whether nothing was read ahead, and nothing has ended.
    pub(super) fn is_untouched(&self) -> bool {
        self.buffer.is_empty() && self.state == State::Open && !self.dropping_line
    }
}
