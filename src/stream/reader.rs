//! `StreamReader`: asyncio's, with data before errors and every read cancel-safe.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;

use super::Lines;
use super::delimited::{Exactly, Line, Owned, Until};
use super::facts::facts;
use super::incoming::Incoming;
use super::link::Link;
use crate::error::Error;
use crate::policy::Wait;
use crate::transport::ReadHalf;

/// The receiving side of a connection.
///
/// Every method may be cancelled (dropped while it waits) without losing a byte: bytes leave the
/// buffer only in a method's last step, which does not wait. Errors of the connection come after
/// the data that arrived before them, and stay.
///
/// The reader is also [`AsyncRead`](tokio::io::AsyncRead) and [`AsyncBufRead`](tokio::io::AsyncBufRead).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let ((mut reader, _), (_, peer)) = astream::pair(64);
/// peer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\x02hi");
/// peer.write_eof();
/// assert_eq!(reader.readline().await?.unwrap(), "GET / HTTP/1.1\r\n");
/// assert_eq!(reader.readuntil(b"\r\n\r\n").await?, "Host: localhost\r\n\r\n");
/// let length = reader.readexactly(2).await?;
/// assert_eq!(reader.read(usize::from(length[1])).await?, "hi");
/// assert!(reader.read_to_end().await?.is_empty() && reader.at_eof());
/// # Ok(())
/// # }
/// ```
pub struct StreamReader {
    /// Boxed, so that a reader is small to pass on: a server has many.
    pub(super) incoming: Box<Incoming>,
}

impl StreamReader {
    pub(super) fn new(half: ReadHalf, ahead: Bytes, link: Arc<Link>) -> Self {
        Self { incoming: Box::new(Incoming::new(half, ahead, link)) }
    }

    /// Up to `n` bytes, at least one unless the stream has ended or `n` is 0; empty at the end.
    /// asyncio's `read(n)`.
    ///
    /// # Errors
    /// The error that ended the connection, once the data before it are read.
    pub async fn read(&mut self, n: usize) -> Result<Bytes, Error> {
        if n > 0 && self.incoming.buffer.is_empty() && !self.fill().await {
            self.incoming.end()?;
        }
        Ok(self.incoming.buffer.take(n.min(self.incoming.buffer.len())))
    }

    /// Everything to the end of the stream, without a limit. asyncio's `read(-1)`.
    ///
    /// # Errors
    /// The error that ended the connection; what came before it stays, for [`read`](Self::read).
    pub async fn read_to_end(&mut self) -> Result<Bytes, Error> {
        while self.fill().await {}
        self.incoming.end()?;
        Ok(self.incoming.buffer.take(self.incoming.buffer.len()))
    }

    /// Exactly `n` bytes, without a limit.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with what had come if the stream ends before; the error that ended the
    /// connection otherwise, and what came before it stays.
    pub fn readexactly(&mut self, n: usize) -> impl Future<Output = Result<Bytes, Error>> {
        Exactly { incoming: &mut self.incoming, n }
    }

    /// A line with its `\n`; at the end of the stream what is left, without; then `None`, where
    /// asyncio gives an empty line.
    ///
    /// # Errors
    /// [`Error::LineTooLong`] if the limit comes before the `\n`: that line is dropped to its end,
    /// and the next call reads the next line. The error that ended the connection otherwise; a
    /// partial line before it stays, for [`read`](Self::read).
    pub fn readline(&mut self) -> impl Future<Output = Result<Option<Bytes>, Error>> {
        Line { incoming: &mut self.incoming, to: Owned, searched: 0 }
    }

    /// Appends a line to `line`, as [`readline`](Self::readline) returns it, and returns its length; 0 at the
    /// end of the stream. It costs less if `line` is cleared and used again. If it is cancelled or fails, it
    /// has appended nothing.
    ///
    /// # Errors
    /// As [`readline`](Self::readline).
    pub async fn readline_into(&mut self, line: &mut Vec<u8>) -> Result<usize, Error> {
        let read = Line { incoming: &mut self.incoming, to: line, searched: 0 }.await?;
        Ok(read.unwrap_or(0))
    }

    /// Data up to and including `separator`.
    ///
    /// # Errors
    /// - [`Error::Incomplete`] with what had come if the stream ends before.
    /// - [`Error::LimitOverrun`] if more bytes than the limit come before the separator; nothing is
    ///   consumed, and [`readexactly`](Self::readexactly) gets them.
    /// - [`Error::EmptySeparator`].
    /// - The error that ended the connection; what came before it stays.
    pub fn readuntil(&mut self, separator: &[u8]) -> impl Future<Output = Result<Bytes, Error>> {
        Until { incoming: &mut self.incoming, to: Owned, separators: [separator], searched: 0 }
    }

    /// Appends to `data` what [`readuntil`](Self::readuntil) returns, and returns its length. If it is
    /// cancelled or fails, it has appended nothing.
    ///
    /// # Errors
    /// As [`readuntil`](Self::readuntil).
    pub fn readuntil_into(
        &mut self,
        separator: &[u8],
        data: &mut Vec<u8>,
    ) -> impl Future<Output = Result<usize, Error>> {
        Until { incoming: &mut self.incoming, to: data, separators: [separator], searched: 0 }
    }

    /// Data up to and including the separator that ends first; of several that end together, the shortest.
    /// asyncio's `readuntil` with a tuple.
    ///
    /// # Errors
    /// As [`readuntil`](Self::readuntil).
    pub fn readuntil_any(&mut self, separators: &[&[u8]]) -> impl Future<Output = Result<Bytes, Error>> {
        Until { incoming: &mut self.incoming, to: Owned, separators, searched: 0 }
    }

    /// The lines of the stream, as [`readline`](Self::readline) gives them: bytes, with their `\n`, and no longer
    /// than the limit. asyncio's `async for`. It has a name of its own because `lines` is tokio's
    /// `AsyncBufReadExt::lines`, which takes the reader, gives text without the `\n`, and has no limit.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), astream::Error> {
    /// let ((mut reader, _), (_, writer)) = astream::pair(64);
    /// writer.write(b"one\ntwo\n");
    /// writer.write_eof();
    /// let mut lines = reader.readlines();
    /// while let Some(line) = lines.next().await {
    ///     assert_eq!(line?.len(), 4);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn readlines(&mut self) -> Lines<'_> {
        Lines::new(self)
    }

    /// Whether the stream has ended and everything was read.
    pub fn at_eof(&self) -> bool {
        self.incoming.is_at_end()
    }

    /// The data that has arrived and was not read yet, without waiting for more.
    pub fn buffer(&self) -> &[u8] {
        &self.incoming.buffer
    }

    facts!(incoming);

    /// Waits until data or an end has arrived, and reads nothing. Fails if the connection fails before that,
    /// or is idle. Under TLS, where the handshake has shown that there is a peer, it returns at once.
    pub(crate) async fn arrived(&self) -> Result<(), Error> {
        let link = &self.incoming.link;
        link.traffic.wait(Wait::ToReceive, true);
        let arrived = tokio::select! {
            arrived = self.half().arrived() => arrived,
            why = link.closed() => Err(why),
        };
        link.traffic.wait(Wait::ToReceive, false);
        arrived
    }

    /// Waits for more in the buffer; false at the end.
    async fn fill(&mut self) -> bool {
        poll_fn(|cx| self.incoming.poll_more(cx)).await
    }

    pub(super) fn half(&self) -> &ReadHalf {
        &self.incoming.half
    }

    /// The half, for a connection that continues in another form.
    pub(super) fn into_half(self) -> ReadHalf {
        self.incoming.half
    }

    pub(super) fn link(&self) -> Arc<Link> {
        self.incoming.link()
    }
}

/// What asyncio's `repr` shows; never the data.
impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("peer", &format_args!("{}", self.incoming.link.peer))
            .field("buffered", &self.incoming.buffer.len())
            .field("state", &self.incoming.state)
            .finish_non_exhaustive()
    }
}
