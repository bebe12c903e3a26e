//! What is beneath a stream, and what can be said about it.

use std::os::fd::{AsFd, BorrowedFd};

use tokio::net::{TcpStream, UnixStream};

use super::tls::TlsInfo;
use super::{Credentials, Shared};

/// What is beneath a connection, or beneath one of its halves.
pub(crate) enum Beneath<'a> {
    Tcp(&'a TcpStream),
    Unix(&'a UnixStream),
    Shared(&'a Shared),
    /// The connection continues in another form.
    Nothing,
}

impl<'a> Beneath<'a> {
    /// Whether it is a socket without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_))
    }

    /// What was agreed in the TLS handshake; none without TLS.
    pub(crate) fn tls(&self) -> Option<&'a TlsInfo> {
        if let Self::Shared(shared) = *self { shared.agreed() } else { None }
    }

    /// The descriptor of the socket, if there is one.
    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'a>> {
        match *self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            Self::Shared(shared) => shared.as_fd(),
            Self::Nothing => None,
        }
    }

    /// Who is at the other end of the Unix socket, if there is one.
    pub(crate) fn peer_credentials(&self) -> Option<Credentials> {
        match *self {
            Self::Unix(stream) => Credentials::of_peer(stream),
            Self::Shared(shared) => shared.peer_credentials(),
            Self::Tcp(_) | Self::Nothing => None,
        }
    }
}
