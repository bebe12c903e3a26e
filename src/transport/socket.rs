//! Sockets for code that makes its own calls on them: in the runtime, and without it.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, send};
use socket2::{SockAddr, SockRef, Socket};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::coop::consume_budget;

use super::blocking::{receive, write_all};
use super::ending;
use super::loss::cause;
use super::tls::Session;
use super::watched::{is_broken, readiness};
use crate::policy::within;

/// A plain socket in its runtime, for code that makes its own calls on it.
pub(crate) enum AsyncSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncSocket {
    /// Makes a call, which must not block, once the socket is ready for it. May be cancelled.
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

    /// Waits until the system has sent what it was given, which a reset would discard, or until the
    /// connection is lost. May be cancelled.
    pub(crate) async fn sent(&self) {
        // What a Unix socket has accepted is with its peer.
        if let Self::Tcp(stream) = self {
            poll_fn(|cx| poll_all_sent(stream, cx)).await;
        }
    }

    /// The socket without its runtime, blocking.
    pub(crate) fn into_blocking(self) -> io::Result<BlockingSocket> {
        let socket = match self {
            Self::Tcp(stream) => Socket::from(stream.into_std()?),
            Self::Unix(stream) => Socket::from(stream.into_std()?),
        };
        socket.set_nonblocking(false)?;
        Ok(BlockingSocket { socket, tls: None })
    }

    /// Another descriptor of the socket, for another process, in blocking mode.
    pub(crate) fn for_another_process(&self) -> io::Result<OwnedFd> {
        SockRef::from(self).set_nonblocking(false)?;
        self.as_fd().try_clone_to_owned()
    }

    /// Ends the connection of another process that has ended: sends our end, and reads to the peer's for this long.
    /// May be cancelled.
    pub(crate) async fn close(&self, limit: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_nonblocking(true)?;
        self.end()?;
        let discard = async {
            let mut dropped = [0; 4096];
            loop {
                let read =
                    self.when(Interest::READABLE, || Ok(receive(self, &mut dropped, RecvFlags::empty())?));
                if read.await? == 0 {
                    return Ok(());
                }
                consume_budget().await;
            }
        };
        within(limit, discard).await.unwrap_or(Ok(()))
    }

    /// Resets the connection at once, even if another process has it too.
    pub(crate) fn reset(&self) {
        match self {
            Self::Tcp(stream) => ending::reset(stream),
            Self::Unix(stream) => _ = SockRef::from(stream).shutdown(Shutdown::Both),
        }
    }

    /// From now on closing it resets the connection, even if our end was sent already.
    pub(crate) fn abort(&self) {
        ending::reset_on_close(self);
    }

    /// Whether a TCP connection that we have not ended is lost. After the peer's end our direction is still
    /// open.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Tcp(_)) && readiness(self, PollFlags::empty()).contains(PollFlags::HUP)
    }

    /// Waits until the connection has failed, even after its peer's end. May be cancelled.
    pub(crate) async fn lost(&self) -> io::Error {
        match self.when(Interest::ERROR, || is_broken(self)).await {
            Ok(()) => cause(&SockRef::from(self)),
            Err(error) => error,
        }
    }

    /// Ends the sending direction, with FIN.
    pub(crate) fn end(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => ending::end(stream),
            Self::Unix(stream) => ending::shut_down(stream),
        }
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

/// Waits until the system has sent what it was given, or until the connection is lost.
pub(super) fn poll_all_sent(stream: &TcpStream, cx: &mut Context<'_>) -> Poll<()> {
    // From now on it has room only when nothing is left to send.
    notify_below(stream, 1);
    while let Err(error) = stream.try_io(Interest::WRITABLE, || all_sent(stream)) {
        if error.kind() != ErrorKind::WouldBlock || ready!(stream.poll_write_ready(cx)).is_err() {
            break;
        }
    }
    Poll::Ready(())
}

/// Succeeds if everything is sent or the connection is lost. `WouldBlock` if not.
fn all_sent(socket: impl AsFd) -> io::Result<()> {
    match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&Timespec::default()))? {
        0 => Err(ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// Sends what the system has room for, without asking the runtime whether it has any.
pub(super) fn send_now(socket: impl AsFd, data: &[u8]) -> io::Result<usize> {
    #[cfg(not(target_vendor = "apple"))]
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    #[cfg(target_vendor = "apple")]
    let flags = SendFlags::DONTWAIT;
    Ok(send(socket, data, flags)?)
}

/// How many unsent bytes the system holds for a watched socket before it has no room.
const WATCHED: u32 = 64 * 1024;

/// From now on the socket has room as soon as the peer has taken a little. Otherwise it waits until a third
/// of what it holds is sent, perhaps megabytes, and a slow peer looks like a stuck one.
pub(super) fn watch_progress(stream: &TcpStream) {
    notify_below(stream, WATCHED);
}

/// The socket has room only while it holds fewer unsent bytes than this.
fn notify_below(stream: &TcpStream, bytes: u32) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(bytes);
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, bytes);
}

/// Acknowledges at once what has arrived, and what arrives next, when nothing is to be sent that would carry
/// the acknowledgement. Otherwise it is delayed for 40 ms, and a peer with Nagle's algorithm sends no more
/// until it comes. The system returns to delaying when data flows in both directions.
pub(super) fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// A connection whose calls block, for two threads, one for each direction.
pub(crate) struct BlockingSocket {
    socket: Socket,
    tls: Option<Session>,
}

impl BlockingSocket {
    /// Continues under TLS. The socket itself does not block then: the session waits by poll.
    pub(super) fn secured(self, session: Session) -> io::Result<Self> {
        self.socket.set_nonblocking(true)?;
        Ok(Self { tls: Some(session), ..self })
    }

    /// The socket itself.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.socket.into()
    }

    /// Whether the connection is not under TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    /// Whether the peer is known to be on this machine: both ends have one address, or none.
    pub(crate) fn is_local(&self) -> bool {
        let ip = |address: io::Result<SockAddr>| address.ok()?.as_socket().map(|address| address.ip());
        ip(self.socket.local_addr()) == ip(self.socket.peer_addr())
    }

    /// Reads what has arrived, without waiting: `WouldBlock` if nothing has. 0 is the peer's end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            Some(session) => session.read(&self.socket, buffer),
            None => Ok(receive(&self.socket, buffer, RecvFlags::empty())?),
        }
    }

    /// Copies what has arrived on a plain socket and leaves it there. Never waits, as [`read`](Self::read).
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(receive(&self.socket, buffer, RecvFlags::PEEK)?)
    }

    /// Writes everything; `progress` is called whenever the kernel has taken something.
    pub(crate) fn write_all(&self, data: &[u8], progress: impl Fn()) -> io::Result<()> {
        match &self.tls {
            Some(session) => session.write_all(&self.socket, data, progress),
            None => Ok(write_all(&self.socket, data, progress)?),
        }
    }

    /// Ends the sending direction: FIN, under TLS after `close_notify`.
    pub(crate) fn end(&self) -> io::Result<()> {
        let Some(session) = &self.tls else { return ending::end(&self.socket) };
        session.end(&self.socket)?;
        if session.is_tunnel() {
            return Ok(());
        }
        match self.socket.shutdown(Shutdown::Write) {
            // A peer that has gone cannot receive our end. The reader reports how its own came.
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    /// Ends the sending direction without waiting: `close_notify` is sent only if the kernel takes it.
    pub(crate) fn end_at_once(&self) {
        if let Some(session) = &self.tls {
            session.end_at_once(&self.socket);
        }
        let _ = ending::end(&self.socket);
    }

    /// For movers that must not wait inside of a call; both directions wait by poll then.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        self.socket.set_nonblocking(true)
    }

    /// From now on closing it resets the connection, even if our end was sent already. TLS needs no reset,
    /// because its clean end is `close_notify`.
    pub(crate) fn abort(&self) {
        if self.is_plain() {
            ending::reset_on_close(&self.socket);
        }
    }
}

impl AsFd for BlockingSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
