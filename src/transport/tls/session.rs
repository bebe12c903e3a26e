//! A TLS session over a socket, for a thread for each way: each decrypts or encrypts what it moves,
//! and waits without holding anything that the other one needs.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::Connection;
use socket2::Socket;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::handshake_io::HandshakeIo;
use super::{TlsVersion, failure};
use crate::error::Error;
use crate::transport::blocking::{receive, wait};
use crate::transport::{Aligned, BlockingSocket, Io, Transport};

/// How much comes from the socket, or is encrypted, at once.
const CHUNK: usize = 256 * 1024;

/// What is agreed with the peer, and what is on its way.
pub(crate) struct Session {
    /// Held while bytes are encrypted, decrypted, or given to a socket that does not block.
    connection: Mutex<Connection>,
    version: TlsVersion,
    arrived: Mutex<Arrived>,
    ignore_unexpected_eof: bool,
    /// Set when writing has met a reset. The system tells it once, and speaks of an end to whoever reads
    /// after that. Changed and looked at by who holds the connection.
    was_reset: AtomicBool,
}

/// What has come from the socket and was not decrypted yet. Held by the one who reads.
#[derive(Default)]
struct Arrived {
    bytes: Aligned,
    unread: Range<usize>,
    failure: Option<rustls::Error>,
}

impl Io for TlsStream<HandshakeIo> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().0.transport().tcp_stream()
    }

    fn push(&mut self) -> bool {
        let pushed = match self {
            Self::Client(stream) => {
                let (io, connection) = stream.get_mut();
                connection.write_tls(&mut Now(io.transport()))
            }
            Self::Server(stream) => {
                let (io, connection) = stream.get_mut();
                connection.write_tls(&mut Now(io.transport()))
            }
        };
        matches!(pushed, Ok(1..))
    }

    fn hang_up(&self) {
        self.get_ref().0.transport().hang_up();
    }

    fn can_block(&self) -> bool {
        let io = self.get_ref().0;
        io.is_bare() && matches!(io.transport(), Transport::Tcp(_) | Transport::Unix(_))
    }

    fn into_blocking(self: Box<Self>, ignore_unexpected_eof: bool) -> Option<io::Result<BlockingSocket>> {
        let (transport, mut connection) = match *self {
            Self::Client(stream) => {
                let (io, connection) = stream.into_inner();
                (io.into_transport(), Connection::from(connection))
            }
            Self::Server(stream) => {
                let (io, connection) = stream.into_inner();
                (io.into_transport(), Connection::from(connection))
            }
        };
        connection.set_buffer_limit(Some(CHUNK));
        // What is freed at the end of the heap goes back to the system, page by page, and each record
        // would fetch it again; glibc keeps twice the largest block that was ever freed.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(2 * CHUNK)));
        let session = Session {
            version: TlsVersion::of(&connection),
            connection: Mutex::new(connection),
            arrived: Mutex::default(),
            ignore_unexpected_eof,
            was_reset: AtomicBool::new(false),
        };
        Some(transport.into_blocking()?.and_then(|socket| socket.secured(session)))
    }
}

impl Session {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves a session that still gives its own errors.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What reading has met.
    fn error(&self, cause: io::Error) -> Error {
        failure::error("reading", cause, self.version)
    }

    /// Reads what has arrived; 0 is the peer's `close_notify`. Never waits: it would block if nothing has.
    pub(crate) fn read(&self, socket: &Socket, plain: &mut [u8]) -> io::Result<usize> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(n) = self.decrypt(socket, &mut arrived, plain)? {
                return Ok(n);
            }
            if arrived.bytes.is_empty() {
                arrived.bytes = Aligned::new(CHUNK);
            }
            let n = match receive(socket, &mut arrived.bytes, RecvFlags::empty()) {
                Err(Errno::AGAIN) => return Err(Errno::AGAIN.into()),
                received => received.map_err(|errno| self.error(errno.into()))?,
            };
            if n == 0 {
                let mut connection = self.connection();
                if self.was_reset.load(Ordering::Relaxed) {
                    return Err(self.error(Errno::CONNRESET.into()).into());
                }
                // It is told what it means by the next turn.
                let _ = connection.read_tls(&mut io::empty());
            }
            arrived.unread = 0..n;
        }
    }

    /// Decrypts what has arrived; none if it gives nothing yet. What came before an error is given
    /// before it.
    fn decrypt(&self, socket: &Socket, arrived: &mut Arrived, plain: &mut [u8]) -> io::Result<Option<usize>> {
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
                Err(_) if arrived.failure.is_some() => {
                    break arrived.fail(got).map_err(|cause| self.error(cause).into());
                }
                Err(_) if arrived.unread.is_empty() => break Ok((got > 0).then_some(got)),
                Err(_) => {
                    arrived.feed(&mut connection)?;
                    // An alert, or new keys: what the kernel does not take goes before what is written next.
                    let _ = self.send(&mut connection, socket);
                }
            }
        }
    }

    /// Hands everything to the kernel; `progress` is called whenever that has room again.
    pub(crate) fn write_all(&self, socket: &Socket, mut data: &[u8], progress: impl Fn()) -> io::Result<()> {
        while !data.is_empty() {
            let taken = self.connection().writer().write(data)?;
            data = &data[taken..];
            self.flush(socket, &progress)?;
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn end(&self, socket: &Socket) -> io::Result<()> {
        self.connection().send_close_notify();
        self.flush(socket, || ())
    }

    /// The same, only if the kernel takes it at once.
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

    /// Gives the socket what is encrypted.
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

impl Arrived {
    /// Gives the session some of what has arrived.
    fn feed(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut unread = &self.bytes[self.unread.clone()];
        self.unread.start += connection.read_tls(&mut unread)?;
        self.failure = connection.process_new_packets().err();
        Ok(())
    }

    /// What came before a failure, and then the failure.
    fn fail(&self, got: usize) -> io::Result<Option<usize>> {
        match &self.failure {
            Some(failure) if got == 0 => Err(io::Error::new(ErrorKind::InvalidData, failure.clone())),
            _ => Ok(Some(got)),
        }
    }
}

/// A transport that is written to without asking the runtime whether it has room.
struct Now<'a>(&'a Transport);

impl Write for Now<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.send_now(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that takes several records with one call.
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
