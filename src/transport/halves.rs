//! The two directions of a connection, each usable without the other.
//!
//! TCP and Unix sockets are split without a lock; TLS and memory share one.

use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::{TcpStream, tcp, unix};

use super::loss::shut_down;
use super::socket::{poll_all_sent, watch_progress};
use super::{BlockingSocket, Transport, tls};
use crate::error::Error;

/// A byte stream whose directions cannot be had apart.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {
    /// The TCP socket beneath, if there is one.
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }

    /// Whether [`into_blocking`](Self::into_blocking) gives something.
    fn can_block(&self) -> bool {
        false
    }

    /// The connection for a thread for each way, if there is a socket beneath.
    fn into_blocking(self: Box<Self>, _ignore_unexpected_eof: bool) -> Option<io::Result<BlockingSocket>> {
        None
    }
}

impl Io for DuplexStream {}

/// A byte stream whose two directions share one lock, held for one poll at a time.
#[derive(Clone)]
pub(crate) struct Shared {
    io: Arc<Mutex<Box<dyn Io>>>,
    tls: Option<tls::TlsVersion>,
    /// Whether an end without `close_notify` is taken for a clean one.
    ignore_unexpected_eof: bool,
}

impl Shared {
    pub(crate) fn plain(io: Box<dyn Io>) -> Self {
        Self { io: Arc::new(Mutex::new(io)), tls: None, ignore_unexpected_eof: false }
    }

    pub(crate) fn tls(io: Box<dyn Io>, version: tls::TlsVersion, ignore_unexpected_eof: bool) -> Self {
        Self { io: Arc::new(Mutex::new(io)), tls: Some(version), ignore_unexpected_eof }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Box<dyn Io>> {
        // A panic elsewhere leaves a stream that still gives its own errors.
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection for a thread for each way, if this is the last one who shares it.
    pub(super) fn into_blocking(self) -> Option<io::Result<BlockingSocket>> {
        let io = Arc::into_inner(self.io)?.into_inner().unwrap_or_else(PoisonError::into_inner);
        io.into_blocking(self.ignore_unexpected_eof)
    }

    fn error(&self, doing: &'static str, error: io::Error) -> Error {
        let Some(version) = self.tls else { return Error::from_io(doing, error) };
        tls::error(doing, error, version)
    }
}

/// For TLS over memory and TLS over TLS.
impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.lock()).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_shutdown(cx)
    }
}

/// The direction from the peer.
pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Shared(Shared),
}

impl ReadHalf {
    /// Reads once into the free room of `buf`; 0 is the peer's end. Also before an error there may
    /// be data.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut BytesMut,
    ) -> Poll<Result<usize, Error>> {
        let lost = |error| Error::from_io("reading", error);
        match self {
            Self::Tcp(half) => pin!(half.read_buf(buf)).poll(cx).map_err(lost),
            Self::Unix(half) => pin!(half.read_buf(buf)).poll(cx).map_err(lost),
            Self::Shared(shared) => {
                let mut io = shared.lock();
                let read = ready!(pin!(io.read_buf(buf)).poll(cx));
                // TLS tells of a bad record before it gives what the records ahead of it held.
                while read.is_err() && matches!(pin!(io.read_buf(buf)).poll(cx), Poll::Ready(Ok(1..))) {}
                Poll::Ready(read.map_err(|error| shared.error("reading", error)))
            }
        }
    }

    /// Whether the bytes here are those of a socket.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// Whether there is a socket beneath that a thread for each way can have.
    pub(crate) fn can_block(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Shared(shared) => shared.lock().can_block(),
        }
    }

    /// Whether an end without `close_notify` is taken for a clean one.
    pub(crate) fn ignores_truncation(&self) -> bool {
        matches!(self, Self::Shared(Shared { ignore_unexpected_eof: true, .. }))
    }

    /// The whole connection again, if `other` is its other half.
    pub(crate) fn reunite(self, other: WriteHalf) -> Option<Transport> {
        match (self, other) {
            (Self::Tcp(read), WriteHalf::Tcp(write)) => read.reunite(write).ok().map(Transport::Tcp),
            (Self::Unix(read), WriteHalf::Unix(write)) => read.reunite(write).ok().map(Transport::Unix),
            (Self::Shared(read), WriteHalf::Shared(write)) => {
                Arc::ptr_eq(&read.io, &write.io).then_some(Transport::Shared(read))
            }
            _ => None,
        }
    }
}

/// The direction to the peer.
pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Shared(Shared),
    /// Taken, for a connection that goes on in another way.
    Gone,
}

impl WriteHalf {
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        let written = match self {
            Self::Tcp(half) => loop {
                match half.try_write(data) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        ready!(half.as_ref().poll_write_ready(cx)).map_err(lost_writing)?;
                    }
                    done => break done.map_err(lost_writing),
                }
            },
            Self::Unix(half) => loop {
                match half.try_write(data) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        ready!(half.as_ref().poll_write_ready(cx)).map_err(lost_writing)?;
                    }
                    done => break done.map_err(lost_writing),
                }
            },
            Self::Shared(shared) => {
                let written = ready!(Pin::new(&mut **shared.lock()).poll_write(cx, data));
                written.map_err(|error| shared.error("writing", error))
            }
            Self::Gone => Err(Error::Closed),
        };
        Poll::Ready(match written {
            Ok(0) if !data.is_empty() => Err(lost_writing(ErrorKind::WriteZero.into())),
            other => other,
        })
    }

    /// Hands everything to the kernel.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Shared(shared) => {
                let flushed = Pin::new(&mut **shared.lock()).poll_flush(cx);
                flushed.map_err(|error| shared.error("writing", error))
            }
            Self::Gone => Poll::Ready(Err(Error::Closed)),
        }
    }

    /// Tells the peer that nothing more comes: FIN, under TLS `close_notify` first.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Tcp(half) => Poll::Ready(shut_down(&SockRef::from(half.as_ref())).map_err(lost_writing)),
            Self::Unix(half) => Poll::Ready(shut_down(&SockRef::from(half.as_ref())).map_err(lost_writing)),
            Self::Shared(shared) => {
                let ended = Pin::new(&mut **shared.lock()).poll_shutdown(cx);
                ended.map_err(|error| shared.error("writing", error))
            }
            Self::Gone => Poll::Ready(Err(Error::Closed)),
        }
    }

    /// Whether the system has sent what it was given, which a reset would take back; or has lost the
    /// connection.
    pub(crate) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(half) => poll_all_sent(half.as_ref(), cx),
            Self::Shared(shared) => {
                let mut io = shared.lock();
                // What comes meanwhile, session tickets say, would make a reset of the close.
                let mut scratch = [0; 4096];
                loop {
                    let mut buf = ReadBuf::new(&mut scratch);
                    let read = Pin::new(&mut **io).poll_read(cx, &mut buf);
                    if !matches!(read, Poll::Ready(Ok(()))) || buf.filled().is_empty() {
                        break;
                    }
                }
                io.tcp().map_or(Poll::Ready(()), |stream| poll_all_sent(stream, cx))
            }
            // What a Unix socket has taken is with its peer.
            Self::Unix(_) | Self::Gone => Poll::Ready(()),
        }
    }

    /// From now on a wait ends as soon as the peer has taken a little.
    pub(crate) fn watch_progress(&self) {
        match self {
            Self::Tcp(half) => watch_progress(half.as_ref()),
            Self::Shared(shared) => shared.lock().tcp().map_or((), watch_progress),
            // What a Unix socket holds is little.
            Self::Unix(_) | Self::Gone => {}
        }
    }

    /// Lets go of the socket without an end: closing it resets the connection. TLS has no such call,
    /// and needs none: its end is told by `close_notify`.
    pub(crate) fn abort(self) {
        if let Self::Tcp(half) = self {
            let _ = SockRef::from(half.as_ref()).set_linger(Some(Duration::ZERO));
            half.forget();
        }
    }

    /// Reads and drops what the peer sends; 0 is its end. For closing, when nobody reads any more.
    pub(crate) fn poll_discard(
        &self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        let lost = |error| Error::from_io("reading", error);
        match self {
            Self::Tcp(half) => loop {
                match half.as_ref().try_read(scratch) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        ready!(half.as_ref().poll_read_ready(cx)).map_err(lost)?;
                    }
                    done => return Poll::Ready(done.map_err(lost)),
                }
            },
            Self::Unix(half) => loop {
                match half.as_ref().try_read(scratch) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        ready!(half.as_ref().poll_read_ready(cx)).map_err(lost)?;
                    }
                    done => return Poll::Ready(done.map_err(lost)),
                }
            },
            Self::Shared(shared) => {
                let mut buf = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut **shared.lock()).poll_read(cx, &mut buf));
                let read = read.map_err(|error| shared.error("reading", error));
                Poll::Ready(read.map(|()| buf.filled().len()))
            }
            Self::Gone => Poll::Ready(Err(Error::Closed)),
        }
    }
}

fn lost_writing(error: io::Error) -> Error {
    Error::from_io("writing", error)
}
