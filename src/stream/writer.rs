//! `StreamWriter`: asyncio's, with a drain that sends all and a close that loses nothing.

use std::fmt;
use std::future::{pending, poll_fn};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;

use super::abort_guard::AbortGuard;
use super::facts::facts;
use super::handled;
use super::link::Link;
use super::outgoing::Outgoing;
use crate::error::Error;
use crate::transport::{WriteHalf, lost};

/// The sending side of a connection.
///
/// Every method takes `&self`: several tasks may write and drain at once, each `write` whole.
/// Nothing is sent in the background: what the kernel does not take at once waits for
/// [`drain`](Self::drain), [`wait_closed`](Self::wait_closed), or the end of the writer.
///
/// A writer that is dropped unclosed ends its direction, and a task of the runtime sends what is still
/// queued. The reader goes on. What is still queued when the runtime ends is lost, and the peer then sees no
/// clean end. Nor does it if a panic drops the writer: that aborts the connection. For an exchange that may
/// fail or be cancelled there is [`abort_guard`](Self::abort_guard); the handlers of
/// [`start_server`](crate::start_server) need none.
///
/// The writer is also [`AsyncWrite`]; its `flush` is `drain`, its `shutdown` sends everything and
/// then [`write_eof`](Self::write_eof).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let ((_, writer), (mut peer, _)) = astream::pair(64);
/// writer.write(b"hello ");
/// writer.writelines([&b"wor"[..], b"ld\n"]);
/// writer.drain().await?;
/// writer.write_eof();
/// assert_eq!(peer.read_to_end().await?, "hello world\n");
/// # Ok(())
/// # }
/// ```
pub struct StreamWriter {
    outgoing: Arc<Outgoing>,
}

impl StreamWriter {
    pub(super) fn new(half: WriteHalf, link: Arc<Link>) -> Self {
        Self { outgoing: Outgoing::new(half, link) }
    }

    /// Sends `data`; what the kernel does not take at once is queued, without a limit. Never waits. Errors
    /// are returned by the next [`drain`](Self::drain), also that of writing after
    /// [`write_eof`](Self::write_eof). Data written after an error or a [`close`](Self::close) is dropped.
    pub fn write(&self, data: &[u8]) {
        self.outgoing.write(&[data]);
    }

    /// Sends all of `data` as one [`write`](Self::write).
    pub fn writelines<'a>(&self, data: impl IntoIterator<Item = &'a [u8]>) {
        let parts: Vec<&[u8]> = data.into_iter().collect();
        self.outgoing.write(&parts);
    }

    /// Waits until the kernel has everything that was written. Several tasks may wait at once. May be
    /// cancelled: what was not sent stays queued.
    ///
    /// # Errors
    /// The error that a write or a read of this connection has met; [`Error::WriteAfterEof`];
    /// [`Error::Closed`] after [`close`](Self::close).
    pub async fn drain(&self) -> Result<(), Error> {
        poll_fn(|cx| self.outgoing.poll_drain(cx)).await
    }

    /// Waits until no more than `most` bytes are queued, so that more can be written meanwhile: the rest is
    /// sent by a later call, or at the end. It replaces asyncio's `set_write_buffer_limits`, whose low mark
    /// is `most`: here nothing is sent in the background, so the waiting call must say how much may be left.
    /// May be cancelled.
    ///
    /// ```
    /// # async fn send(writer: astream::StreamWriter, blocks: Vec<Vec<u8>>) -> Result<(), astream::Error> {
    /// for block in blocks {
    ///     writer.write(&block);
    ///     writer.drain_to(64 * 1024).await?;
    /// }
    /// writer.drain().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub async fn drain_to(&self, most: usize) -> Result<(), Error> {
        poll_fn(|cx| self.outgoing.poll_drain_to(cx, most)).await
    }

    /// How many bytes are queued: those that the system has not taken yet. Under TLS, what is encrypted already
    /// does not count. asyncio's `get_write_buffer_size`.
    pub fn write_buffer_size(&self) -> usize {
        self.outgoing.queued()
    }

    /// Ends this direction once everything is sent: FIN, under TLS `close_notify` before it. Never
    /// waits: what is queued needs a [`drain`](Self::drain). The reader goes on. A second call does
    /// nothing.
    pub fn write_eof(&self) {
        self.outgoing.write_eof();
    }

    /// Whether [`write_eof`](Self::write_eof) works: always, over TLS too.
    pub fn can_write_eof(&self) -> bool {
        true
    }

    /// Starts to close both directions. Never waits; what is queued needs [`wait_closed`](Self::wait_closed).
    /// The reader is at its end once its buffer is read. A second call does nothing.
    pub fn close(&self) {
        self.outgoing.close();
    }

    /// Ends both directions at once, without sending what is queued and without a clean end, so that what the
    /// peer has does not look complete: over TCP it sees a reset, under TLS an end without `close_notify`. A
    /// Unix socket and [`pair`](crate::pair) have no reset, and their peer sees an end. asyncio's
    /// `transport.abort()`.
    ///
    /// It is final: nothing is sent after it, whatever is called. The reader is at its end once its buffer is
    /// read. [`drain`](Self::drain) and [`wait_closed`](Self::wait_closed), also calls that are already
    /// waiting, return [`Error::Closed`] at once, or the error that the connection had met before. Never
    /// waits; a second call does nothing.
    pub fn abort(&self) {
        self.outgoing.link.abort();
    }

    /// Waits until the system has sent what it was given, which [`abort`](Self::abort) would discard, or
    /// until the connection is lost. May be cancelled.
    pub(crate) async fn sent(&self) {
        poll_fn(|cx| self.outgoing.half.poll_sent(cx)).await;
    }

    /// Waits until the connection has failed, even if it is neither read nor written. May be cancelled.
    pub(crate) fn lost(&self) -> impl Future<Output = io::Error> + Send + 'static {
        let outgoing = Arc::clone(&self.outgoing);
        async move {
            let socket = outgoing.half.beneath().as_fd();
            match socket.and_then(|socket| socket.try_clone_to_owned().ok()) {
                Some(socket) => lost(socket.as_fd()).await,
                // It cannot be watched; the next write finds the failure.
                None => pending().await,
            }
        }
    }

    /// A guard that [aborts](Self::abort) the connection when it is dropped, unless it was
    /// [disarmed](AbortGuard::disarm): for an exchange that may fail, panic, or be cancelled half-way. A
    /// writer that is merely dropped ends its direction, and what the peer has then looks complete.
    pub fn abort_guard(&self) -> AbortGuard {
        AbortGuard::new(Arc::clone(&self.outgoing.link))
    }

    /// What is sent here is another peer's stream, whose end is not this program's to send.
    pub(crate) fn set_relayed(&self) {
        self.outgoing.link.set_relayed();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.outgoing.link.is_closing()
    }

    /// Closes the connection and waits until that is done: everything is sent, then the end, and what the
    /// peer still sends is dropped up to its end, because a close with unread bytes resets the connection and
    /// destroys what the peer has not read. May be called again, and cancelled. The socket itself is closed
    /// when the reader and the writer are dropped.
    ///
    /// A slow peer may take any time. The close timeout
    /// ([`ConnectOptions`](crate::ConnectOptions::close_timeout),
    /// [`ServerOptions`](crate::ServerOptions::close_timeout)) runs only while the peer takes nothing, and,
    /// once everything is sent, until its end.
    ///
    /// # Errors
    /// The connection is then [aborted](Self::abort).
    /// - [`Error::Timeout`] if the peer takes nothing of what is left for as long as the close timeout. A peer
    ///   that merely does not end its side is no error.
    /// - [`Error::Closed`] after [`abort`](Self::abort).
    /// - The error that ended the connection.
    pub async fn wait_closed(&self) -> Result<(), Error> {
        self.close();
        // Boxed: every handler ends with this, and its state must not be a part of theirs all the while.
        Box::pin(self.outgoing.finish()).await
    }

    facts!(outgoing);

    /// How long closing may take: see [`ConnectOptions::close_timeout`](crate::ConnectOptions::close_timeout).
    pub(crate) fn close_timeout(&self) -> Option<Duration> {
        self.outgoing.link.limits.close
    }

    /// Whether nothing is queued, nothing has failed, and nothing was ended.
    pub(super) fn is_bare(&self) -> bool {
        self.outgoing.is_bare()
    }

    /// The half, for a connection that continues in another form; None if something is queued.
    pub(super) fn into_half(self) -> Option<WriteHalf> {
        let outgoing = Arc::clone(&self.outgoing);
        if !outgoing.detach() {
            return None;
        }
        drop(self);
        // It fails where a server closes or aborts this connection just now.
        Arc::into_inner(outgoing).map(Outgoing::into_half)
    }
}

/// What asyncio's `repr` shows; never the data.
impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = &self.outgoing.link;
        f.debug_struct("StreamWriter")
            .field("peer", &format_args!("{}", link.peer))
            .field("queued", &self.outgoing.queued())
            .field("closing", &link.is_closing())
            .finish_non_exhaustive()
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        if self.outgoing.is_done() {
            return;
        }
        if std::thread::panicking() {
            self.outgoing.link.abort();
        } else if !handled::keep(&self.outgoing) {
            self.outgoing.end_unattended();
        }
    }
}

impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.poll_write(cx, data).map_err(Into::into)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_drain(cx).map_err(Into::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.write_eof();
        self.outgoing.poll_all(cx).map_err(Into::into)
    }
}
