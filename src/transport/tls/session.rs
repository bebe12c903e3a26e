//! A TLS session over a socket, shared by two threads, one for each direction. Each encrypts or decrypts what
//! it moves, and while it waits holds nothing that the other one needs.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::Connection;
use socket2::Socket;
use tokio_rustls::TlsStream;

use super::handshake_io::HandshakeIo;
use super::{TlsVersion, failure};
use crate::error::Error;
use crate::transport::blocking::{receive, wait};
use crate::transport::{Aligned, BlockingSocket, Io, Prefixed, Transport};

/// How many bytes are read from the socket, or encrypted, at once.
const CHUNK: usize = 256 * 1024;

/// The session, and what has been received for it.
pub(crate) struct Session {
    /// Held while bytes are encrypted, decrypted, or written to a socket that does not block.
    connection: Mutex<Connection>,
    version: TlsVersion,
    ciphertext: Mutex<Ciphertext>,
    ignore_unexpected_eof: bool,
    /// Whether a proxy is on the way, for which an end of the socket ends both directions.
    is_tunnel: bool,
    /// Set when a write fails with a reset: the system reports a reset once, and an end of stream to reads
    /// after that. Accessed only while `connection` is held.
    was_reset: AtomicBool,
}

/// What was received and is not decrypted yet. Held by the reading thread.
#[derive(Default)]
struct Ciphertext {
    bytes: Aligned,
    unread: Range<usize>,
    failure: Option<rustls::Error>,
}

impl Io for TlsStream<HandshakeIo> {
    fn socket(&self) -> Option<&Transport> {
        self.get_ref().0.connection.io.socket()
    }

    fn push(&mut self) -> bool {
        let pushed = match self {
            Self::Client(stream) => {
                let (io, connection) = stream.get_mut();
                connection.write_tls(&mut DirectWriter(&io.connection.io))
            }
            Self::Server(stream) => {
                let (io, connection) = stream.get_mut();
                connection.write_tls(&mut DirectWriter(&io.connection.io))
            }
        };
        matches!(pushed, Ok(1..))
    }

    fn hang_up(&self) -> bool {
        self.get_ref().0.connection.io.hang_up();
        true
    }

    fn can_block(&self) -> bool {
        let Prefixed { ahead, io, .. } = &self.get_ref().0.connection;
        ahead.is_empty() && io.socket().is_some()
    }

    fn into_blocking(self: Box<Self>, ignore_unexpected_eof: bool) -> Option<io::Result<BlockingSocket>> {
        let is_tunnel = self.get_ref().0.connection.is_tunnel;
        let (transport, mut connection) = match *self {
            Self::Client(stream) => {
                let (io, connection) = stream.into_inner();
                (io.connection.io, Connection::from(connection))
            }
            Self::Server(stream) => {
                let (io, connection) = stream.into_inner();
                (io.connection.io, Connection::from(connection))
            }
        };
        connection.set_buffer_limit(Some(CHUNK));
        // Memory that is freed at the end of the heap goes back to the system, page by page, and each record
        // would fetch it again; glibc keeps twice the largest block that was ever freed.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(2 * CHUNK)));
        let session = Session {
            version: TlsVersion::of(&connection),
            connection: Mutex::new(connection),
            ciphertext: Mutex::default(),
            ignore_unexpected_eof,
            is_tunnel,
            was_reset: AtomicBool::new(false),
        };
        Some(transport.into_blocking()?.and_then(|socket| socket.secured(session)))
    }
}

impl Session {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        // After a panic elsewhere the session still reports its own errors.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error of reading.
    fn error(&self, cause: io::Error) -> Error {
        failure::error("reading", cause, self.version)
    }

    /// Reads what has arrived, without waiting: `WouldBlock` if nothing has. 0 is the peer's `close_notify`.
    pub(crate) fn read(&self, socket: &Socket, plain: &mut [u8]) -> io::Result<usize> {
        let mut cipher = self.ciphertext.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(n) = self.decrypt(socket, &mut cipher, plain)? {
                return Ok(n);
            }
            if cipher.bytes.is_empty() {
                cipher.bytes = Aligned::new(CHUNK);
            }
            let n = match receive(socket, &mut cipher.bytes, RecvFlags::empty()) {
                Err(Errno::AGAIN) => return Err(Errno::AGAIN.into()),
                received => received.map_err(|errno| self.error(errno.into()))?,
            };
            if n == 0 {
                let mut connection = self.connection();
                if self.was_reset.load(Ordering::Relaxed) {
                    return Err(self.error(Errno::CONNRESET.into()).into());
                }
                // The next turn of the loop reports what this end means.
                let _ = connection.read_tls(&mut io::empty());
            }
            cipher.unread = 0..n;
        }
    }

    /// Decrypts what has arrived; None if that gives no data yet. Data before an error are returned before
    /// it.
    fn decrypt(
        &self,
        socket: &Socket,
        cipher: &mut Ciphertext,
        plain: &mut [u8],
    ) -> io::Result<Option<usize>> {
        let mut connection = self.connection();
        let mut got = 0;
        loop {
            match connection.reader().read(&mut plain[got..]) {
                Ok(0) => break Ok(Some(got)),
                Ok(n) => got += n,
                Err(cause) if cause.kind() != ErrorKind::WouldBlock => {
                    let is_end = got > 0 || self.ignore_unexpected_eof;
                    break if is_end { Ok(Some(got)) } else { Err(self.error(cause).into()) };
                }
                Err(_) if cipher.failure.is_some() => {
                    break cipher.fail(got).map_err(|cause| self.error(cause).into());
                }
                Err(_) if cipher.unread.is_empty() => break Ok((got > 0).then_some(got)),
                Err(_) => {
                    cipher.feed(&mut connection)?;
                    // An alert or a key update. What the kernel does not take now goes before the next write.
                    let _ = self.send(&mut connection, socket);
                }
            }
        }
    }

    /// Writes everything; `progress` is called whenever the kernel has room again.
    pub(crate) fn write_all(&self, socket: &Socket, mut data: &[u8], progress: impl Fn()) -> io::Result<()> {
        while !data.is_empty() {
            let taken = self.connection().writer().write(data)?;
            data = &data[taken..];
            self.flush(socket, &progress)?;
        }
        Ok(())
    }

    /// Sends `close_notify`.
    pub(crate) fn end(&self, socket: &Socket) -> io::Result<()> {
        self.connection().send_close_notify();
        self.flush(socket, || ())
    }

    /// Whether `close_notify` is the only end before the connection is closed.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }

    /// Sends `close_notify` if the kernel takes it at once.
    pub(crate) fn end_at_once(&self, socket: &Socket) {
        let mut connection = self.connection();
        connection.send_close_notify();
        let _ = self.send(&mut connection, socket);
    }

    fn flush(&self, socket: &Socket, progress: impl Fn()) -> io::Result<()> {
        loop {
            let sent = self.send(&mut self.connection(), socket);
            match sent {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(socket, PollFlags::OUT)?,
                done => return done,
            }
            progress();
        }
    }

    /// Writes what is encrypted to the socket.
    fn send(&self, connection: &mut Connection, socket: &Socket) -> io::Result<()> {
        while connection.wants_write() {
            connection.write_tls(&mut Unbuffered(socket)).inspect_err(|error| {
                if error.kind() == ErrorKind::ConnectionReset {
                    self.was_reset.store(true, Ordering::Relaxed);
                }
            })?;
        }
        Ok(())
    }
}

impl Ciphertext {
    /// Passes some of the received bytes to the session.
    fn feed(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut unread = &self.bytes[self.unread.clone()];
        self.unread.start += connection.read_tls(&mut unread)?;
        self.failure = connection.process_new_packets().err();
        Ok(())
    }

    /// The data that came before a failure, and only then the failure.
    fn fail(&self, got: usize) -> io::Result<Option<usize>> {
        match &self.failure {
            Some(failure) if got == 0 => Err(io::Error::new(ErrorKind::InvalidData, failure.clone())),
            _ => Ok(Some(got)),
        }
    }
}

/// Writes to a transport without asking the runtime whether it has room.
struct DirectWriter<'a>(&'a Transport);

impl Write for DirectWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.send_now(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes several records to a socket with one call.
struct Unbuffered<'a>(&'a Socket);

impl Write for Unbuffered<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&mut &*self.0).write(data)
    }

    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        (&mut &*self.0).write_vectored(records)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
