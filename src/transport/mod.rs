//! Connections: names, connecting, listening, STARTTLS, TLS.

mod aligned;
mod beneath;
mod bind;
pub(crate) mod blocking;
mod datagram;
#[cfg_attr(target_os = "linux", path = "device_linux.rs")]
mod device;
mod dial;
mod dialogue;
mod door;
mod ending;
mod eyeballs;
mod halves;
mod listener;
mod loss;
#[cfg_attr(target_os = "linux", path = "multipath_linux.rs")]
mod multipath;
mod prefixed;
pub(crate) mod proxy;
pub(crate) mod proxy_protocol;
mod quoted;
mod resolve;
mod shared;
mod socket;
mod source;
pub(crate) mod starttls;
pub(crate) mod tls;
mod unix;
#[cfg(test)]
mod verdicts;
mod watched;

use std::any::Any;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::endpoint::Address;
use tls::TlsInfo;

pub(crate) use aligned::Aligned;
pub(crate) use beneath::Beneath;
pub(crate) use bind::Listen;
pub(crate) use datagram::{
    Connected, DatagramDial, DatagramSocket, Received, Route, Untried, bind_datagrams, connect_datagrams,
};
pub(crate) use dial::{Dial, Known, dial, is_target};
pub(crate) use door::{NOT_ALLOWED, Place, Rules};
pub(crate) use eyeballs::Eyeballs;
pub(crate) use halves::{ReadHalf, WriteHalf};
pub(crate) use listener::{Accepted, Listening};
pub(crate) use loss::lost;
pub(crate) use prefixed::Prefixed;
pub(crate) use quoted::quoted;
pub(crate) use resolve::{Names, name_setters};
pub(crate) use shared::{Foreign, Io, Shared};
pub(crate) use socket::{AsyncSocket, BlockingSocket};
pub(crate) use source::ThisEnd;
pub use unix::Credentials;
pub(crate) use watched::{Watched, readiness};

/// A connection that no streams use yet.
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TLS or memory: both directions share one lock.
    Shared(Shared),
}

impl Transport {
    /// Any stream: a socket if it is one, or else one whose directions share a lock.
    pub(crate) fn over(io: impl Foreign + 'static) -> Self {
        let mut io = Some(io);
        let any: &mut dyn Any = &mut io;
        if let Some(stream) = any.downcast_mut::<Option<TcpStream>>().and_then(Option::take) {
            return Self::tcp(stream);
        }
        if let Some(stream) = any.downcast_mut::<Option<UnixStream>>().and_then(Option::take) {
            return Self::Unix(stream);
        }
        let foreign = io.map(|io| -> Box<dyn Foreign> { Box::new(io) });
        let foreign = foreign.unwrap_or_else(|| Box::new(tokio::io::empty()));
        Self::Shared(Shared::new(Box::new(foreign), None, false))
    }

    /// A connection under TLS, with what was agreed.
    pub(crate) fn secured(io: Shared, agreed: TlsInfo) -> Self {
        io.set_agreed(agreed);
        Self::Shared(io)
    }

    /// A connected TCP socket with the settings that need no flag.
    fn tcp(stream: TcpStream) -> Self {
        with_manners(&SockRef::from(&stream));
        Self::Tcp(stream)
    }

    /// The addresses of the peer and of this end.
    pub(crate) fn addresses(&self) -> (Address, Address) {
        match self {
            Self::Tcp(s) => (tcp_address(s.peer_addr()), tcp_address(s.local_addr())),
            Self::Unix(s) => (unix::address(s.peer_addr()), unix::address(s.local_addr())),
            Self::Shared(_) => (Address::Unknown, Address::Unknown),
        }
    }

    /// The socket, if it is one.
    fn socket(&self) -> Option<&Self> {
        (!matches!(self, Self::Shared(_))).then_some(self)
    }

    fn beneath(&self) -> Beneath<'_> {
        match self {
            Self::Tcp(stream) => Beneath::Tcp(stream),
            Self::Unix(stream) => Beneath::Unix(stream),
            Self::Shared(shared) => Beneath::Shared(shared),
        }
    }

    /// The TCP socket, if it is one.
    fn tcp_stream(&self) -> Option<&TcpStream> {
        if let Self::Tcp(stream) = self { Some(stream) } else { None }
    }

    /// Acknowledges at once what has arrived, and what arrives next, while the peer is waited for and nothing
    /// is sent.
    pub(crate) fn acknowledge_at_once(&self) {
        if let Self::Tcp(stream) = self {
            socket::acknowledge_at_once(stream);
        }
    }

    /// The same connection, to be ended by TLS: the alert of a handshake that fails must reach the peer, which
    /// a reset could destroy.
    pub(crate) fn for_tls(self) -> Self {
        if let Self::Tcp(stream) = &self {
            ending::end_on_close(stream);
        }
        self
    }

    /// Writes what the system has room for now, without waiting for the runtime to notice.
    fn send_now(&self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => socket::send_now(stream, data),
            Self::Unix(stream) => socket::send_now(stream, data),
            Self::Shared(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Ends what TLS runs over, in both directions.
    fn hang_up(&self) {
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Both),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Both),
            Self::Shared(shared) => {
                shared.hang_up();
                Ok(())
            }
        };
    }

    /// The same connection, registered with the runtime in which this is called.
    fn moved_here(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.into_std()?)?),
            shared @ Self::Shared(_) => shared,
        })
    }

    /// The plain socket, if it is one.
    pub(crate) fn into_socket(self) -> Option<AsyncSocket> {
        match self {
            Self::Tcp(stream) => Some(AsyncSocket::Tcp(stream)),
            Self::Unix(stream) => Some(AsyncSocket::Unix(stream)),
            Self::Shared(_) => None,
        }
    }

    /// The plain socket for code of another kind, blocking, if it is one.
    pub(crate) fn into_fd(self) -> Option<io::Result<OwnedFd>> {
        let blocking = self.into_socket()?.into_blocking();
        Some(blocking.map(BlockingSocket::into_fd))
    }

    /// The connection for two threads, one for each direction, if there is a socket beneath.
    pub(crate) fn into_blocking(self) -> Option<io::Result<BlockingSocket>> {
        match self {
            Self::Shared(shared) => shared.into_blocking(),
            plain => plain.into_socket().map(AsyncSocket::into_blocking),
        }
    }

    /// From now on closing a TCP connection resets it.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            ending::reset_on_close(stream);
        }
    }

    /// From now on closing it ends it.
    pub(crate) fn end_on_close(&self) {
        if let Self::Tcp(stream) = self {
            ending::end_on_close(stream);
        }
    }

    /// Both directions, each to be used by itself.
    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                ending::reset_on_close(&stream);
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Shared(shared) => (ReadHalf::Shared(shared.clone()), WriteHalf::Shared(shared)),
        }
    }
}

/// The settings that need no flag. None of them is needed for a connection to work.
fn with_manners(socket: &SockRef<'_>) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}

/// What TLS runs over.
impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Shared(shared) => Pin::new(shared).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Shared(shared) => Pin::new(shared).poll_write(cx, data),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, data),
            Self::Shared(shared) => Pin::new(shared).poll_write_vectored(cx, data),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Shared(shared) => shared.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Shared(shared) => Pin::new(shared).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Shared(shared) => Pin::new(shared).poll_shutdown(cx),
        }
    }
}

/// A peer that has gone has no address any more.
fn tcp_address(found: io::Result<std::net::SocketAddr>) -> Address {
    Address::Tcp(found.unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()))
}
