//! How bytes travel: names, connecting, listening, STARTTLS, TLS.

mod dial;
mod halves;
mod listener;
mod resolve;
pub(crate) mod starttls;
pub(crate) mod tls;
mod unix;
mod words;

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::endpoint::Address;

pub(crate) use dial::{Dial, Known, dial, is_target};
pub(crate) use halves::{Io, ReadHalf, Shared, WriteHalf};
pub(crate) use listener::{Listening, bind};
pub(crate) use words::quoted;

/// A connection whose bytes are not yet anybody's.
pub(crate) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TLS or memory: both directions share one lock.
    Shared(Shared),
}

impl Transport {
    pub(crate) fn memory(io: impl Io + 'static) -> Self {
        Self::Shared(Shared::plain(Box::new(io)))
    }

    /// A connected TCP socket with the settings that need no flag.
    fn tcp(stream: TcpStream) -> Self {
        let socket = SockRef::from(&stream);
        let keepalive =
            TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
        // Neither is worth a connection that works without.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_keepalive(&keepalive);
        Self::Tcp(stream)
    }

    /// The addresses of the peer and of this end.
    pub(crate) fn addresses(&self) -> (Address, Address) {
        match self {
            Self::Tcp(s) => (tcp_address(s.peer_addr()), tcp_address(s.local_addr())),
            Self::Unix(s) => (unix::address(s.peer_addr()), unix::address(s.local_addr())),
            Self::Shared(_) => (Address::Memory, Address::Memory),
        }
    }

    pub(crate) fn into_io(self) -> Box<dyn Io> {
        match self {
            Self::Tcp(stream) => Box::new(stream),
            Self::Unix(stream) => Box::new(stream),
            Self::Shared(shared) => Box::new(shared),
        }
    }

    /// The plain socket, if it is one.
    pub(crate) fn into_socket(self) -> Option<AsyncSocket> {
        match self {
            Self::Tcp(stream) => Some(AsyncSocket::Tcp(stream)),
            Self::Unix(stream) => Some(AsyncSocket::Unix(stream)),
            Self::Shared(_) => None,
        }
    }

    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
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

/// A plain socket in its runtime, for those who make their own calls on it.
pub(crate) enum AsyncSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncSocket {
    /// Makes a call that does not block once the socket is ready for it. May be cancelled.
    pub(crate) async fn when<T>(
        &self,
        ready: Interest,
        call: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.async_io(ready, call).await,
            Self::Unix(stream) => stream.async_io(ready, call).await,
        }
    }

    /// Waits until the system has sent what it was given, which a reset would take back; or until
    /// the connection is lost. May be cancelled.
    pub(crate) async fn sent(&self) {
        // What a Unix socket has taken is with its peer.
        if matches!(self, Self::Tcp(_)) {
            wake_when_sent(&SockRef::from(self));
            let _ = self.when(Interest::WRITABLE, || all_sent(self)).await;
        }
    }

    /// The socket without its runtime, blocking.
    pub(crate) fn into_blocking(self) -> io::Result<BlockingSocket> {
        let socket = match self {
            Self::Tcp(stream) => Socket::from(stream.into_std()?),
            Self::Unix(stream) => Socket::from(stream.into_std()?),
        };
        socket.set_nonblocking(false)?;
        Ok(BlockingSocket(socket))
    }

    /// Closing it resets the connection from now on, and tells no end.
    pub(crate) fn abort(&self) {
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn end(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write)
    }
}

impl AsFd for AsyncSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// From now on the socket has room only when nothing that it holds is still to be sent.
fn wake_when_sent(socket: &SockRef<'_>) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(1);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Whether that is so, or the connection is lost; it would block otherwise.
fn all_sent(socket: impl AsFd) -> io::Result<()> {
    match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&Timespec::default()))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// A connected socket whose calls block.
pub(crate) struct BlockingSocket(Socket);

impl BlockingSocket {
    /// For a mover that must not wait inside of a call; both ways wait by poll then.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.0.set_nonblocking(true)
    }

    /// Closing it resets the connection from now on, and tells no end.
    pub(crate) fn abort(&self) {
        let _ = self.0.set_linger(Some(Duration::ZERO));
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// Whether the peer has sent what was not read yet.
    pub(crate) fn has_unread(&self) -> bool {
        rustix::io::ioctl_fionread(&self.0).is_ok_and(|n| n > 0)
    }
}

impl AsFd for BlockingSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A peer that is already gone has no address any more.
fn tcp_address(found: io::Result<std::net::SocketAddr>) -> Address {
    Address::Tcp(found.unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()))
}
