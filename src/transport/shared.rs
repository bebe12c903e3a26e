//! Streams whose two directions cannot be separated: TLS, memory, and whatever else was given. Both directions
//! share one lock.

use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::tls::{self, TlsInfo, TlsVersion};
use super::{BlockingSocket, Credentials, Transport};
use crate::error::Error;

/// A byte stream whose directions cannot be separated.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {
    /// The socket beneath, if there is one.
    fn socket(&self) -> Option<&Transport> {
        None
    }

    /// The TCP socket beneath, if there is one.
    fn tcp(&self) -> Option<&TcpStream> {
        self.socket()?.tcp_stream()
    }

    /// Writes what the system has room for now, without waiting for the runtime to notice; true if anything
    /// was taken.
    fn push(&mut self) -> bool {
        false
    }

    /// Ends the transport beneath in both directions, without an end of the stream itself; false if it can only
    /// be dropped.
    fn hang_up(&self) -> bool {
        false
    }

    /// Whether [`into_blocking`](Self::into_blocking) returns a connection.
    fn can_block(&self) -> bool {
        false
    }

    /// The connection for two threads, one for each direction, if there is a socket beneath.
    fn into_blocking(self: Box<Self>, _ignore_unexpected_eof: bool) -> Option<io::Result<BlockingSocket>> {
        None
    }
}

/// Any stream that can only be read, written and dropped.
pub(crate) trait Foreign: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Foreign for T {}

impl Io for Box<dyn Foreign> {}

/// A byte stream whose two directions share one lock, held for one poll at a time.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Stream>);

struct Stream {
    io: Mutex<Box<dyn Io>>,
    tls: Option<TlsVersion>,
    /// Whether an end without `close_notify` is treated as a clean one.
    ignores_unexpected_eof: bool,
    /// What the TLS handshake agreed on.
    agreed: OnceLock<Box<TlsInfo>>,
    /// Another descriptor of the socket beneath, once it is asked for: the lock stays here.
    descriptor: OnceLock<Option<OwnedFd>>,
}

impl Shared {
    pub(super) fn new(io: Box<dyn Io>, tls: Option<TlsVersion>, ignores_unexpected_eof: bool) -> Self {
        let io = Mutex::new(io);
        let (agreed, descriptor) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Stream { io, tls, ignores_unexpected_eof, agreed, descriptor }))
    }

    pub(super) fn set_agreed(&self, agreed: TlsInfo) {
        self.0.agreed.get_or_init(|| Box::new(agreed));
    }

    pub(super) fn agreed(&self) -> Option<&TlsInfo> {
        self.0.agreed.get().map(|agreed| &**agreed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Box<dyn Io>> {
        // After a panic elsewhere the stream still reports its own errors.
        self.0.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is beneath in both directions, without an end of the stream itself.
    pub(super) fn hang_up(&self) {
        let mut io = self.lock();
        if !io.hang_up() {
            let nothing: Box<dyn Foreign> = Box::new(tokio::io::empty());
            let dropped = mem::replace(&mut *io, Box::new(nothing));
            drop(io);
            drop(dropped);
        }
    }

    /// A descriptor of the socket beneath, if there is one.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        let duplicate = || self.lock().socket()?.beneath().as_fd()?.try_clone_to_owned().ok();
        self.0.descriptor.get_or_init(duplicate).as_ref().map(AsFd::as_fd)
    }

    /// Who is at the other end of the Unix socket beneath, if there is one.
    pub(super) fn peer_credentials(&self) -> Option<Credentials> {
        self.lock().socket()?.beneath().peer_credentials()
    }

    /// Whether these are the two directions of one stream.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn ignores_unexpected_eof(&self) -> bool {
        self.0.ignores_unexpected_eof
    }

    /// The connection for two threads, one for each direction, if nothing else shares it any more.
    pub(super) fn into_blocking(self) -> Option<io::Result<BlockingSocket>> {
        let Stream { io, ignores_unexpected_eof, .. } = Arc::into_inner(self.0)?;
        io.into_inner().unwrap_or_else(PoisonError::into_inner).into_blocking(ignores_unexpected_eof)
    }

    pub(super) fn error(&self, doing: &'static str, error: io::Error) -> Error {
        let Some(version) = self.0.tls else { return Error::from_io(doing, error) };
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

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.lock()).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_shutdown(cx)
    }
}
