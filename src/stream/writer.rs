//! `StreamWriter`: asyncio's, with a drain that sends all and a close that loses nothing.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::coop::{consume_budget, poll_proceed};
use tokio::time::timeout;

use super::Limits;
use super::link::Link;
use crate::endpoint::Address;
use crate::error::Error;
use crate::transport::WriteHalf;
use crate::transport::tls::TlsInfo;

/// The sending side of a connection.
///
/// Every method takes `&self`: several tasks may write and drain at once, each `write` whole.
/// Nothing is sent in the background: what the kernel does not take at once waits for
/// [`drain`](Self::drain), [`wait_closed`](Self::wait_closed), or the end of the writer.
///
/// A writer that is dropped unclosed ends its direction, and a task of the runtime sends what is
/// still queued. The reader goes on.
///
/// The writer is also [`AsyncWrite`]; its `flush` is `drain`, its `shutdown` sends everything and
/// then [`write_eof`](Self::write_eof).
pub struct StreamWriter {
    inner: Arc<Inner>,
}

struct Inner {
    half: WriteHalf,
    link: Arc<Link>,
    limits: Limits,
    /// Held by the one who closes; others wait for it.
    closing: AsyncMutex<()>,
}

/// What is on its way out. It is the link's, where the reader finds it.
#[derive(Default)]
pub(super) struct Sending {
    queue: BytesMut,
    end: End,
    /// Whether something was written after the end, and dropped.
    written_late: bool,
    /// Whether closing came to its end.
    closed: bool,
    error: Option<Box<Error>>,
    /// All who wait for the socket to take more; made when the first one waits.
    waiting: Option<Arc<WakeAll>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// Asked for; comes after what is queued.
    Asked,
    Sent,
}

impl StreamWriter {
    pub(super) fn new(half: WriteHalf, link: Arc<Link>, limits: Limits) -> Self {
        Self { inner: Arc::new(Inner { half, link, limits, closing: AsyncMutex::default() }) }
    }

    /// Sends `data`, what the kernel does not take at once being queued without a bound. Never
    /// waits. Errors come from the next [`drain`](Self::drain), that of writing after
    /// [`write_eof`](Self::write_eof) too; data after an error or a [`close`](Self::close) are
    /// dropped.
    pub fn write(&self, data: &[u8]) {
        self.inner.write(&[data]);
    }

    /// Sends all of `data` as one [`write`](Self::write).
    pub fn writelines<'a>(&self, data: impl IntoIterator<Item = &'a [u8]>) {
        let parts: Vec<&[u8]> = data.into_iter().collect();
        self.inner.write(&parts);
    }

    /// Waits until all that was written has gone to the kernel. Several tasks may wait at once. May
    /// be cancelled: what was not sent stays queued.
    ///
    /// # Errors
    /// What the writing or the reading of this connection has met; [`Error::WriteAfterEof`];
    /// [`Error::Closed`] after [`close`](Self::close).
    pub async fn drain(&self) -> Result<(), Error> {
        self.inner.still_open()?;
        poll_fn(|cx| self.inner.poll_all(cx)).await?;
        self.inner.nothing_dropped()
    }

    /// Ends this direction once everything is sent: FIN, under TLS `close_notify` before it. Never
    /// waits: what is queued needs a [`drain`](Self::drain). The reader goes on. A second call does
    /// nothing.
    pub fn write_eof(&self) {
        self.inner.write_eof();
    }

    /// Whether [`write_eof`](Self::write_eof) works: always, over TLS too.
    pub fn can_write_eof(&self) -> bool {
        true
    }

    /// Begins to close the connection, both directions. Never waits; what is queued needs
    /// [`wait_closed`](Self::wait_closed). The reader is at its end once its buffer is read. A
    /// second call does nothing.
    pub fn close(&self) {
        self.inner.link.close();
        self.inner.write_eof();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.inner.link.is_closing()
    }

    /// Closes the connection and waits until that is done: everything is sent, the end is told, and
    /// what the peer still sends is read and dropped up to its end, because a close with unread
    /// bytes resets the connection and destroys what the peer has not read. May be called again,
    /// and cancelled. The socket itself goes with the reader and the writer.
    ///
    /// # Errors
    /// The error that ended the connection; [`Error::Timeout`] if the peer does not take what is
    /// left within the close timeout. A peer that merely does not end its side is no error.
    pub async fn wait_closed(&self) -> Result<(), Error> {
        self.close();
        self.inner.finish().await
    }

    /// The peer's address. asyncio's `get_extra_info('peername')`.
    pub fn peer_addr(&self) -> &Address {
        &self.inner.link.peer
    }

    /// This end's address. asyncio's `get_extra_info('sockname')`.
    pub fn local_addr(&self) -> &Address {
        &self.inner.link.local
    }

    /// What was agreed in the TLS handshake; none without TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.inner.link.tls.as_deref()
    }

    /// Whether nothing is queued, nothing has failed, and nothing was ended.
    pub(super) fn is_bare(&self) -> bool {
        let state = self.inner.link.sending();
        state.queue.is_empty() && state.end == End::Open && state.error.is_none()
    }

    /// The half again, for a connection that goes on in another way; none if something is queued.
    pub(super) fn into_half(mut self) -> Option<WriteHalf> {
        let inner = Arc::get_mut(&mut self.inner)?;
        let mut state = inner.link.sending();
        if !state.queue.is_empty() || state.end != End::Open {
            return None;
        }
        state.closed = true;
        drop(state);
        Some(std::mem::replace(&mut inner.half, WriteHalf::Gone))
    }
}

/// What asyncio's `repr` tells; never the data.
impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = &self.inner.link;
        f.debug_struct("StreamWriter")
            .field("peer", &format_args!("{}", link.peer))
            .field("queued", &link.sending().queue.len())
            .field("closing", &link.is_closing())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn write(&self, parts: &[&[u8]]) {
        let mut state = self.link.sending();
        let state = &mut *state;
        if state.end != End::Open {
            state.written_late |= !self.link.is_closing();
            return;
        }
        if state.error.is_some() {
            return;
        }
        match parts {
            [data] if state.queue.is_empty() => {
                let mut data = *data;
                let sent = state.with_waker(|_, cx| self.send(&mut data, cx));
                state.note(sent);
                state.queue.extend_from_slice(data);
            }
            _ => {
                for part in parts {
                    state.queue.extend_from_slice(part);
                }
                let sent = state.with_waker(|state, cx| self.send(&mut state.queue, cx));
                state.note(sent);
            }
        }
    }

    fn write_eof(&self) {
        let mut state = self.link.sending();
        if state.end == End::Open {
            state.end = End::Asked;
            let sent = state.with_waker(|state, cx| self.poll_send(state, cx));
            state.note(sent);
        }
    }

    /// Gives the socket all of `data` that it takes.
    fn send(&self, data: &mut impl Buf, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while data.has_remaining() {
            let sent = ready!(self.half.poll_write(cx, data.chunk()))?;
            data.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the queue, flushes, and ends the direction if that was asked for.
    fn poll_send(&self, state: &mut Sending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(error) = &state.error {
            return Poll::Ready(Err((**error).clone()));
        }
        ready!(self.send(&mut state.queue, cx))?;
        // The queue is empty: what it held goes back, an idle connection holds nothing.
        state.queue = BytesMut::new();
        match state.end {
            End::Open => self.half.poll_flush(cx),
            End::Asked => {
                ready!(self.half.poll_end(cx))?;
                state.end = End::Sent;
                Poll::Ready(Ok(()))
            }
            End::Sent => Poll::Ready(Ok(())),
        }
    }

    /// Sends everything for one of perhaps several who wait.
    fn poll_all(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // A socket that always takes more would keep its task from ever giving way.
        let budget = ready!(poll_proceed(cx));
        let mut state = self.link.sending();
        // Asked under the lock: a reader that fails later finds this one waiting.
        let sent = match self.link.failure() {
            Some(error) => Poll::Ready(Err(error)),
            None => state.poll_as_waiter(cx, |state, cx| self.poll_send(state, cx)),
        };
        if sent.is_ready() {
            budget.made_progress();
            state.note(sent.clone());
            // Whoever else waits is done as well.
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(WakeAll::wake);
        }
        sent
    }

    fn still_open(&self) -> Result<(), Error> {
        if !self.link.is_closing() {
            return Ok(());
        }
        let met = self.link.failure().or_else(|| self.link.sending().error.as_deref().cloned());
        Err(met.unwrap_or(Error::Closed))
    }

    fn nothing_dropped(&self) -> Result<(), Error> {
        if self.link.sending().written_late { Err(Error::WriteAfterEof) } else { Ok(()) }
    }

    fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.still_open()?;
        ready!(self.poll_all(cx))?;
        Poll::Ready(self.nothing_dropped())
    }

    /// Closes once, whoever asks; what came of it stays.
    async fn finish(&self) -> Result<(), Error> {
        let _one = self.closing.lock().await;
        if !self.link.sending().closed {
            let ended = self.end().await;
            let mut state = self.link.sending();
            state.closed = ended.is_ok();
            state.note(Poll::Ready(ended.clone()));
            let waiting = state.take_waiting();
            drop(state);
            waiting.into_iter().for_each(WakeAll::wake);
            ended?;
        }
        self.nothing_dropped()
    }

    /// Sends what is left, tells the end, and reads to the peer's end.
    async fn end(&self) -> Result<(), Error> {
        let after = self.limits.close;
        let late = |_| Error::Timeout { doing: format!("sending the rest to {}", self.link.peer), after };
        timeout(after, poll_fn(|cx| self.poll_all(cx))).await.map_err(late)??;
        // A peer that does not end its side has had its time.
        timeout(after, self.discard()).await.unwrap_or(Ok(()))
    }

    async fn discard(&self) -> Result<(), Error> {
        let discard = |cx: &mut Context<'_>| {
            // A reader that was about to wait wakes this one again: the socket remembers one only.
            self.link.writer_waits(cx);
            self.half.poll_discard(cx, &mut [0; 4096])
        };
        loop {
            match poll_fn(discard).await {
                // What ends a stream that nobody reads does not matter.
                Ok(0) | Err(Error::Truncated) => return Ok(()),
                // A peer that always has more would keep this task from ever giving way.
                Ok(_) => consume_budget().await,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Sending {
    /// Polls with the wakers of all who wait, so that none of them is forgotten by the socket.
    fn with_waker<T>(&mut self, poll: impl FnOnce(&mut Self, &mut Context<'_>) -> T) -> T {
        match self.waiting.clone() {
            Some(waiting) => poll(self, &mut Context::from_waker(&Waker::from(waiting))),
            None => poll(self, &mut Context::from_waker(Waker::noop())),
        }
    }

    /// Polls, and if that has to wait, for the task of `cx` among the others.
    fn poll_as_waiter<T>(
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

    /// The reset that the writer has met, which the system tells once only.
    pub(super) fn reset(&self) -> Option<Error> {
        let error = self.error.as_deref()?;
        let reset =
            matches!(error, Error::Lost { cause, .. } if cause.kind() == io::ErrorKind::ConnectionReset);
        reset.then(|| error.clone())
    }

    fn note(&mut self, sent: Poll<Result<(), Error>>) {
        if let Poll::Ready(Err(error)) = sent {
            self.error.get_or_insert_with(|| Box::new(error));
        }
    }
}

/// Wakes everybody who waits for one socket, which remembers a single waker only.
#[derive(Default)]
pub(super) struct WakeAll(Mutex<Vec<Waker>>);

impl WakeAll {
    fn add(&self, waker: &Waker) {
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

impl Drop for StreamWriter {
    fn drop(&mut self) {
        let done = {
            let state = self.inner.link.sending();
            state.closed || state.error.is_some()
        };
        if done || self.inner.link.failure().is_some() {
            return;
        }
        self.inner.write_eof();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let inner = Arc::clone(&self.inner);
        runtime.spawn(async move {
            let sent = timeout(inner.limits.close, poll_fn(|cx| inner.poll_all(cx))).await;
            if matches!(sent, Ok(Ok(()))) {
                let nobody_reads = |cx: &mut Context<'_>| inner.link.writer_waits(cx);
                poll_fn(|cx| if nobody_reads(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
                let _ = timeout(inner.limits.close, inner.discard()).await;
            }
        });
    }
}

impl AsyncWrite for StreamWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let inner = &self.inner;
        // Unlike `write` it queues nothing: first what is queued, then what the socket takes.
        if !inner.link.sending().queue.is_empty() || inner.link.is_closing() {
            ready!(inner.poll_drain(cx))?;
        }
        let budget = ready!(poll_proceed(cx));
        let mut state = inner.link.sending();
        if state.end != End::Open {
            return Poll::Ready(Err(Error::WriteAfterEof.into()));
        }
        if let Some(error) = inner.link.failure().or_else(|| state.error.as_deref().cloned()) {
            return Poll::Ready(Err(error.into()));
        }
        let sent = ready!(state.poll_as_waiter(cx, |_, cx| inner.half.poll_write(cx, data)));
        budget.made_progress();
        state.note(Poll::Ready(sent.clone().map(drop)));
        Poll::Ready(sent.map_err(Into::into))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_drain(cx).map_err(Into::into)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.write_eof();
        self.inner.poll_all(cx).map_err(Into::into)
    }
}
