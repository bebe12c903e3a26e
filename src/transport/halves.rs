//! The two directions of a connection, each usable without the other.
//!
//! TCP and Unix sockets are split without a lock; TLS and memory share one.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio::net::{tcp, unix};

use super::socket::{poll_all_sent, send_now, watch_progress};
use super::{Beneath, Shared, Transport, ending};
use crate::error::Error;

/// The receiving direction.
pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Shared(Shared),
}

impl ReadHalf {
    /// Reads once into the free room of `buf`, no more than `most`; 0 is the peer's end. An error may come after data that are in
    /// `buf` nevertheless.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut BytesMut,
        most: usize,
    ) -> Poll<Result<usize, Error>> {
        let mut buf = buf.limit(most);
        let lost = |error| Error::from_io("reading", error);
        match self {
            Self::Tcp(half) => pin!(half.read_buf(&mut buf)).poll(cx).map_err(lost),
            Self::Unix(half) => pin!(half.read_buf(&mut buf)).poll(cx).map_err(lost),
            Self::Shared(shared) => {
                let mut io = shared.lock();
                let read = ready!(pin!(io.read_buf(&mut buf)).poll(cx));
                // TLS reports a bad record before it returns the data of earlier records.
                while read.is_err() && matches!(pin!(io.read_buf(&mut buf)).poll(cx), Poll::Ready(Ok(1..))) {}
                Poll::Ready(read.map_err(|error| shared.error("reading", error)))
            }
        }
    }

    pub(crate) fn beneath(&self) -> Beneath<'_> {
        match self {
            Self::Tcp(half) => Beneath::Tcp(half.as_ref()),
            Self::Unix(half) => Beneath::Unix(half.as_ref()),
            Self::Shared(shared) => Beneath::Shared(shared),
        }
    }

    /// Whether there is a socket beneath, which two threads can use, one for each direction.
    pub(crate) fn can_block(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Shared(shared) => shared.lock().can_block(),
        }
    }

    /// Whether an end without `close_notify` is treated as a clean one.
    pub(crate) fn ignores_truncation(&self) -> bool {
        matches!(self, Self::Shared(shared) if shared.ignores_unexpected_eof())
    }

    /// The whole connection again, if `other` is its other half.
    pub(crate) fn reunite(self, other: WriteHalf) -> Option<Transport> {
        match (self, other) {
            (Self::Tcp(read), WriteHalf::Tcp(write)) => {
                read.reunite(write).map_err(|other| other.1.forget()).ok().map(Transport::Tcp)
            }
            (Self::Unix(read), WriteHalf::Unix(write)) => {
                read.reunite(write).map_err(|other| other.1.forget()).ok().map(Transport::Unix)
            }
            (Self::Shared(read), WriteHalf::Shared(write)) => {
                read.is_same(&write).then_some(Transport::Shared(read))
            }
            (_, other) => {
                other.forget();
                None
            }
        }
    }
}

/// The sending direction.
pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Shared(Shared),
    /// Moved out, because the connection continues in another form.
    Gone,
}

impl WriteHalf {
    pub(crate) fn beneath(&self) -> Beneath<'_> {
        match self {
            Self::Tcp(half) => Beneath::Tcp(half.as_ref()),
            Self::Unix(half) => Beneath::Unix(half.as_ref()),
            Self::Shared(shared) => Beneath::Shared(shared),
            Self::Gone => Beneath::Nothing,
        }
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        let written = match self.beneath() {
            Beneath::Tcp(socket) => {
                ready!(poll_call(|| socket.try_write(data), || socket.poll_write_ready(cx)))
                    .map_err(lost_writing)
            }
            Beneath::Unix(socket) => {
                ready!(poll_call(|| socket.try_write(data), || socket.poll_write_ready(cx)))
                    .map_err(lost_writing)
            }
            Beneath::Shared(shared) => {
                let written = ready!(Pin::new(&mut **shared.lock()).poll_write(cx, data));
                written.map_err(|error| shared.error("writing", error))
            }
            Beneath::Nothing => Err(Error::Closed),
        };
        Poll::Ready(match written {
            Ok(0) if !data.is_empty() => Err(lost_writing(ErrorKind::WriteZero.into())),
            other => other,
        })
    }

    /// Passes everything that was written to the kernel.
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

    /// Ends the sending direction: FIN, under TLS after `close_notify`.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Tcp(half) => Poll::Ready(ending::end(half.as_ref()).map_err(lost_writing)),
            Self::Unix(half) => Poll::Ready(ending::shut_down(half.as_ref()).map_err(lost_writing)),
            Self::Shared(shared) => {
                let ended = Pin::new(&mut **shared.lock()).poll_shutdown(cx);
                ended.map_err(|error| shared.error("writing", error))
            }
            Self::Gone => Poll::Ready(Err(Error::Closed)),
        }
    }

    /// Waits until the system has sent what it was given, which a reset would discard, or has lost the
    /// connection.
    pub(crate) fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(half) => poll_all_sent(half.as_ref(), cx),
            Self::Shared(shared) => {
                let mut io = shared.lock();
                // Data that arrives meanwhile, such as session tickets, would turn the close into a reset.
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
            // What a Unix socket has accepted is with its peer.
            Self::Unix(_) | Self::Gone => Poll::Ready(()),
        }
    }

    /// From now on a wait for room ends as soon as the peer has taken a little.
    pub(crate) fn watch_progress(&self) {
        match self {
            Self::Tcp(half) => watch_progress(half.as_ref()),
            Self::Shared(shared) => shared.lock().tcp().map_or((), watch_progress),
            // A Unix socket holds little.
            Self::Unix(_) | Self::Gone => {}
        }
    }

    /// Writes what the system has room for now, without waiting for the runtime to notice, which takes a full socket for
    /// writable only after much of it has been sent. Returns how many bytes of `queue` were taken: 0 under TLS, where it
    /// is what was encrypted before; None if nothing was taken.
    pub(crate) fn push(&self, queue: &[u8]) -> Option<usize> {
        match self {
            Self::Tcp(half) => send_now(half.as_ref(), queue).ok(),
            Self::Unix(half) => send_now(half.as_ref(), queue).ok(),
            Self::Shared(shared) => return shared.lock().push().then_some(0),
            Self::Gone => None,
        }
        .filter(|sent| *sent > 0)
    }

    /// Ends both directions at once, without a clean end if that is possible: a reset over TCP, no
    /// `close_notify` under TLS. A Unix socket has only a clean end.
    pub(crate) fn abort(&self) {
        match self {
            Self::Tcp(half) => ending::reset(half.as_ref()),
            Self::Unix(half) => drop(SockRef::from(half.as_ref()).shutdown(Shutdown::Both)),
            Self::Shared(shared) => shared.hang_up(),
            Self::Gone => {}
        }
    }

    /// Drops the half without sending anything: only [`poll_end`](Self::poll_end) sends an end.
    pub(crate) fn forget(self) {
        match self {
            Self::Tcp(half) => half.forget(),
            Self::Unix(half) => half.forget(),
            Self::Shared(_) | Self::Gone => {}
        }
    }

    /// Reads and drops what the peer sends; 0 is its end. For closing, when the caller reads no more.
    pub(crate) fn poll_discard(
        &self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        let lost = |error| Error::from_io("reading", error);
        match self.beneath() {
            Beneath::Tcp(socket) => {
                poll_call(|| socket.try_read(scratch), || socket.poll_read_ready(cx)).map_err(lost)
            }
            Beneath::Unix(socket) => {
                poll_call(|| socket.try_read(scratch), || socket.poll_read_ready(cx)).map_err(lost)
            }
            Beneath::Shared(shared) => {
                let mut buf = ReadBuf::new(scratch);
                let read = ready!(Pin::new(&mut **shared.lock()).poll_read(cx, &mut buf));
                let read = read.map_err(|error| shared.error("reading", error));
                Poll::Ready(read.map(|()| buf.filled().len()))
            }
            Beneath::Nothing => Poll::Ready(Err(Error::Closed)),
        }
    }
}

/// Makes a call that does not block, and again whenever the socket has become ready for it.
fn poll_call<T>(
    mut call: impl FnMut() -> io::Result<T>,
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
) -> Poll<io::Result<T>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(poll_ready())?,
            done => return Poll::Ready(done),
        }
    }
}

fn lost_writing(error: io::Error) -> Error {
    Error::from_io("writing", error)
}
