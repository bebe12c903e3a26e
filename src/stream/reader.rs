//! `StreamReader`: asyncio's, with data before errors and every read cancel-safe.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::link::Link;
use super::separator::first_match;
use super::{Lines, buffer};
use crate::endpoint::Address;
use crate::error::Error;
use crate::transport::ReadHalf;
use crate::transport::tls::TlsInfo;

/// The receiving side of a connection.
///
/// Every method may be cancelled (dropped while it waits) without losing a byte: bytes leave the
/// buffer only in a method's last step, which does not wait. Errors of the connection come after
/// the data that arrived before them, and stay.
///
/// The reader is also [`AsyncRead`](tokio::io::AsyncRead) and [`AsyncBufRead`](tokio::io::AsyncBufRead).
pub struct StreamReader {
    half: ReadHalf,
    link: Reading,
    pub(super) buffer: BytesMut,
    state: State,
    /// The rest of a line that was too long is dropped as it comes.
    dropping_line: bool,
}

/// How far the stream has been read; why it failed, the link knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Failed,
}

/// A link that learns when the reader is gone.
struct Reading(Arc<Link>);

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

impl StreamReader {
    pub(super) fn new(half: ReadHalf, link: Arc<Link>) -> Self {
        Self { half, link: Reading(link), buffer: BytesMut::new(), state: State::Open, dropping_line: false }
    }

    /// Up to `n` bytes, at least one unless the stream has ended or `n` is 0; empty at the end.
    /// asyncio's `read(n)`.
    ///
    /// # Errors
    /// The error that ended the connection, once the data before it are read.
    pub async fn read(&mut self, n: usize) -> Result<Bytes, Error> {
        if n > 0 && self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.take(n.min(self.buffer.len())))
    }

    /// Everything to the end of the stream, without a limit. asyncio's `read(-1)`.
    ///
    /// # Errors
    /// The error that ended the connection; what came before it stays, for [`read`](Self::read).
    pub async fn read_to_end(&mut self) -> Result<Bytes, Error> {
        while self.fill().await? {}
        Ok(self.take(self.buffer.len()))
    }

    /// Exactly `n` bytes, without a limit.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with what had come if the stream ends before; the error that ended the
    /// connection otherwise, and what came before it stays.
    pub async fn readexactly(&mut self, n: usize) -> Result<Bytes, Error> {
        while self.buffer.len() < n {
            if !self.fill().await? {
                return Err(Error::Incomplete { partial: self.take(self.buffer.len()), expected: Some(n) });
            }
        }
        Ok(self.take(n))
    }

    /// A line with its `\n`; at the end of the stream what is left, without; then `None`, where
    /// asyncio gives an empty line.
    ///
    /// # Errors
    /// [`Error::LineTooLong`] if the limit comes before the `\n`: that line is dropped to its end,
    /// and the next call reads the next line. The error that ended the connection otherwise; a
    /// partial line before it stays, for [`read`](Self::read).
    pub async fn readline(&mut self) -> Result<Option<Bytes>, Error> {
        match self.readuntil(b"\n").await {
            Ok(line) => Ok(Some(line)),
            Err(Error::Incomplete { partial, .. }) => Ok((!partial.is_empty()).then_some(partial)),
            Err(Error::LimitOverrun { consumed, found }) => {
                self.buffer.advance(if found { consumed + 1 } else { self.buffer.len() });
                self.dropping_line = !found && self.state == State::Open;
                Err(Error::LineTooLong { limit: self.link.limits.line })
            }
            Err(error) => Err(error),
        }
    }

    /// Data up to and with `separator`.
    ///
    /// # Errors
    /// - [`Error::Incomplete`] with what had come if the stream ends before.
    /// - [`Error::LimitOverrun`] if more bytes than the limit come before the separator; nothing is
    ///   consumed, and [`readexactly`](Self::readexactly) gets them.
    /// - [`Error::EmptySeparator`].
    /// - The error that ended the connection; what came before it stays.
    pub async fn readuntil(&mut self, separator: &[u8]) -> Result<Bytes, Error> {
        self.readuntil_any(&[separator]).await
    }

    /// Data up to and with the separator that ends first; of those that end together the shortest.
    /// asyncio's `readuntil` with a tuple.
    ///
    /// # Errors
    /// As [`readuntil`](Self::readuntil).
    pub async fn readuntil_any(&mut self, separators: &[&[u8]]) -> Result<Bytes, Error> {
        let longest = separators.iter().map(|s| s.len()).max().ok_or(Error::EmptySeparator)?;
        if separators.iter().any(|s| s.is_empty()) {
            return Err(Error::EmptySeparator);
        }
        // No separator begins before this.
        let mut searched = 0;
        loop {
            if let Some(found) = first_match(&self.buffer, searched, separators) {
                if found.start > self.link.limits.line {
                    return Err(Error::LimitOverrun { consumed: found.start, found: true });
                }
                return Ok(self.take(found.end));
            }
            searched = (self.buffer.len() + 1).saturating_sub(longest).max(searched);
            if searched > self.link.limits.line {
                return Err(Error::LimitOverrun { consumed: searched, found: false });
            }
            if !self.fill().await? {
                return Err(Error::Incomplete { partial: self.take(self.buffer.len()), expected: None });
            }
        }
    }

    /// The lines of the stream, as [`readline`](Self::readline) gives them. asyncio's `async for`.
    pub fn lines(&mut self) -> Lines<'_> {
        Lines::new(self)
    }

    /// Whether the stream has ended and everything was read.
    pub fn at_eof(&self) -> bool {
        self.buffer.is_empty() && (self.state == State::Ended || self.link.is_closing())
    }

    /// What has arrived and was not read yet, without waiting for more.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The peer's address. asyncio's `get_extra_info('peername')`.
    pub fn peer_addr(&self) -> &Address {
        &self.link.peer
    }

    /// This end's address. asyncio's `get_extra_info('sockname')`.
    pub fn local_addr(&self) -> &Address {
        &self.link.local
    }

    /// What was agreed in the TLS handshake; none without TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.link.tls.as_deref()
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.buffer.split_to(n).freeze()
    }

    /// Waits for more in the buffer; false at the end.
    async fn fill(&mut self) -> Result<bool, Error> {
        poll_fn(|cx| self.poll_more(cx)).await
    }

    /// Reads more into the buffer; false at the end of the stream.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        loop {
            match self.state {
                State::Ended => return Poll::Ready(Ok(false)),
                State::Failed => return Poll::Ready(Err(self.link.failure().unwrap_or(Error::Closed))),
                State::Open if self.link.is_closing() => return Poll::Ready(Ok(false)),
                State::Open => {}
            }
            let known = self.buffer.len();
            let read = ready!(self.poll_read_once(cx));
            if let Some(end) = self.end_told_by(read) {
                self.finish(end);
            }
            if self.dropping_line {
                self.drop_line();
            }
            if self.buffer.len() > known {
                return Poll::Ready(Ok(true));
            }
        }
    }

    fn end_told_by(&self, read: Result<usize, Error>) -> Option<Result<(), Error>> {
        match read {
            Ok(1..) => None,
            // Under TLS it is the peer's own word.
            Ok(0) if self.link.tls.is_some() => Some(Ok(())),
            // After a reset that the writer was told of, the system speaks of a clean end.
            Ok(0) | Err(Error::Truncated) => Some(match self.link.writer_reset() {
                Some(reset) => Err(reset),
                None if read.is_err() && !self.half.ignores_truncation() => Err(Error::Truncated),
                None => Ok(()),
            }),
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_read_once(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let read = buffer::poll_read(&mut self.half, cx, &mut self.buffer);
        if read.is_pending() && self.link.reader_waits(cx) {
            return Poll::Ready(Ok(0));
        }
        read
    }

    fn finish(&mut self, end: Result<(), Error>) {
        self.state = match end {
            Ok(()) => {
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

    pub(super) fn half(&self) -> &ReadHalf {
        &self.half
    }

    /// The half again, for a connection that goes on in another way.
    pub(super) fn into_half(self) -> ReadHalf {
        self.half
    }

    pub(super) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link.0)
    }
}

/// What asyncio's `repr` tells; never the data.
impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("peer", &format_args!("{}", self.link.peer))
            .field("buffered", &self.buffer.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
