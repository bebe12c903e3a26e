//! Errors: what was being done, to what, and the cause.

mod attempt;
mod display;
mod fault;
mod io_error;
mod passing;
mod printable;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::certificate::Certificate;
pub use attempt::Attempt;
pub(crate) use display::{reason, seconds};
pub use fault::{ProxyFault, ResolveFault, Step, TlsFault};
pub(crate) use printable::{Printable, without_login};

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, by what was being done.
///
/// An error of a connection is permanent: each later call returns a clone of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// A value is invalid, or cannot be used here: an address, a port, a version or a protocol of TLS.
    #[non_exhaustive]
    Invalid {
        /// The value as text.
        text: String,
        /// What is wrong with it and what to write instead.
        reason: String,
    },
    /// A name could not be resolved.
    #[non_exhaustive]
    Resolve {
        /// The name.
        host: String,
        /// The message of the resolver.
        reason: String,
        /// What can be done about it.
        fault: ResolveFault,
    },
    /// No address of the target could be connected to.
    #[non_exhaustive]
    Connect {
        /// The target as it was given.
        target: String,
        /// Every address that was tried, in the order of the failures.
        attempts: Vec<Attempt>,
    },
    /// A proxy did not connect to the target, or could not be reached itself.
    #[non_exhaustive]
    Proxy {
        /// The proxy as a URL, without a user or a secret.
        proxy: String,
        /// Why not.
        reason: String,
        /// What can be done about it.
        fault: ProxyFault,
    },
    /// A connection could not be made from this end's address, port or interface: those of the
    /// [`Source`](crate::Source).
    #[non_exhaustive]
    Source {
        /// The source.
        local: String,
        /// Why not.
        cause: Arc<io::Error>,
    },
    /// An address could not be listened on.
    #[non_exhaustive]
    Bind {
        /// The address.
        target: String,
        /// Why not.
        cause: Arc<io::Error>,
    },
    /// Something took longer than its limit.
    #[non_exhaustive]
    Timeout {
        /// What took too long.
        step: Step,
        /// The same in words, with the names.
        doing: String,
        /// The limit.
        after: Duration,
    },
    /// Nothing was sent or received on a connection for this long.
    #[non_exhaustive]
    Idle {
        /// The limit.
        after: Duration,
    },
    /// A handshake, a verification or an alert of TLS; bad settings for TLS.
    #[non_exhaustive]
    Tls {
        /// What was being done.
        doing: String,
        /// Why it failed.
        reason: String,
        /// The certificates that the peer had presented by then, its own first, whether trusted or not.
        peer_certificates: Vec<Certificate>,
        /// What can be done about it.
        fault: TlsFault,
    },
    /// A file with a certificate or a key could not be read or used.
    #[non_exhaustive]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The peer ended TLS without `close_notify`: the data may be cut short (RFC 8446, 6.1).
    Truncated,
    /// The connection was lost: a reset, or an error of its socket.
    #[non_exhaustive]
    Lost {
        /// `reading`, `writing`, or `connecting` if it was lost before anything else.
        doing: &'static str,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// The stream ended before what was asked for (asyncio's `IncompleteReadError`).
    #[non_exhaustive]
    Incomplete {
        /// The data that had arrived; it is consumed.
        partial: Bytes,
        /// How many bytes were asked for; None for a read up to a separator.
        expected: Option<usize>,
    },
    /// No separator within the limit (asyncio's `LimitOverrunError`); nothing was consumed.
    #[non_exhaustive]
    LimitOverrun {
        /// How many bytes can be read without touching a separator.
        consumed: usize,
        /// Whether the separator was found, beyond the limit.
        found: bool,
    },
    /// A line is longer than the limit; it is dropped, and the next read returns the next line.
    #[non_exhaustive]
    LineTooLong {
        /// The limit in bytes, the newline not counted.
        limit: usize,
    },
    /// A separator is empty, or there is none (asyncio's `ValueError`).
    EmptySeparator,
    /// Bytes were written after [`write_eof`](crate::StreamWriter::write_eof); they are dropped.
    WriteAfterEof,
    /// The writer was closed before this call, or the connection was aborted.
    Closed,
    /// A local stream, such as stdin or stdout, could not be read or written.
    #[non_exhaustive]
    Local {
        /// `read stdin` or `write to stdout`, for example.
        doing: &'static str,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// Another error of the system, for example of a handler that reads a file. `From<io::Error>` makes it.
    #[non_exhaustive]
    Io {
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// Something that a handler of one's own has met; [`Error::other`] makes it.
    #[non_exhaustive]
    Other {
        /// What it was.
        reason: String,
    },
    /// One of the two connections of a relay failed.
    #[non_exhaustive]
    Relay {
        /// Which one: `the client`, or `the target`, with its address if `cause` does not have it.
        side: String,
        /// What failed.
        cause: Box<Error>,
    },
    /// The system does not send a datagram, or cannot receive any. The session goes on.
    #[non_exhaustive]
    Datagram {
        /// `send to` or `receive from`.
        doing: &'static str,
        /// The address.
        peer: String,
        /// What the system said.
        cause: Arc<io::Error>,
    },
    /// No program receives datagrams at an address: its system says so (ICMP), or its Unix socket has no owner.
    #[non_exhaustive]
    Refused {
        /// The address.
        peer: String,
    },
    /// A datagram was not answered: the address may be open, or something drops what is sent to it.
    #[non_exhaustive]
    Unanswered {
        /// The address as it was given.
        target: String,
        /// How long an answer was waited for.
        after: Duration,
    },
    /// A message is longer than a datagram can be.
    #[non_exhaustive]
    MessageTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A newer session has taken the place of this one, which was idle longest.
    Replaced,
    /// The connection was ended before all input was written to it.
    Undelivered,
    /// One of several receivers of the same bytes took them too slowly, and was dropped.
    FellBehind,
}

impl Error {
    /// [`Error::Invalid`]: what is wrong with `text`, and what to write instead. A user and a secret in it, as in
    /// `https://user:secret@host`, are left out.
    pub fn invalid(text: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::Invalid { text: without_login(&text.to_string()), reason: reason.to_string() }
    }

    /// [`Error::Other`], from an error that this crate does not know.
    pub fn other(error: impl fmt::Display) -> Self {
        Self::Other { reason: error.to_string() }
    }

    /// [`Error::Local`]: what this end could not do, for example `read stdin`.
    pub fn local(doing: &'static str, cause: io::Error) -> Self {
        Self::Local { doing, cause: Arc::new(cause) }
    }

    pub(crate) fn bind(target: &impl fmt::Display, cause: io::Error) -> Self {
        Self::Bind { target: target.to_string(), cause: Arc::new(cause) }
    }

    pub(crate) fn file(path: &Path, reason: impl fmt::Display) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }

    /// [`Error::Tls`] with [`TlsFault::Other`]: what was being done, and why it failed.
    pub fn tls(doing: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::Tls {
            doing: doing.into(),
            reason: reason.to_string(),
            fault: TlsFault::Other,
            peer_certificates: Vec::new(),
        }
    }

    /// The certificates that the peer had presented when TLS failed, its own first, whether trusted or not.
    pub fn peer_certificates(&self) -> &[Certificate] {
        match self {
            Self::Tls { peer_certificates, .. } => peer_certificates,
            Self::Relay { cause, .. } | Self::Proxy { fault: ProxyFault::Unreachable(cause), .. } => {
                cause.peer_certificates()
            }
            _ => &[],
        }
    }

    /// An error of TLS, with the certificates that the peer had presented; any other is unchanged.
    #[must_use]
    pub fn with_certificates(mut self, presented: Vec<Certificate>) -> Self {
        if let Self::Tls { peer_certificates, .. } = &mut self {
            *peer_certificates = presented;
        }
        self
    }

    /// An error of TLS, with this fault; any other is unchanged.
    #[must_use]
    pub fn with_fault(mut self, new: TlsFault) -> Self {
        if let Self::Tls { fault, .. } = &mut self {
            *fault = new;
        }
        self
    }
}

/// The message contains everything, the cause included, so no source is given that would repeat it. The
/// causes are fields.
impl std::error::Error for Error {}
