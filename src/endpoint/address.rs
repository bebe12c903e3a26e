//! The address of a socket: of one end of a connection, or of a listener.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::unix;

/// The address of one end of a connection, or of a listening socket.
///
/// An [`Endpoint`](crate::Endpoint) can be made from an address that has a name, and its text can be parsed
/// as that endpoint, unless something in a path had to be escaped. The text of any other address cannot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket: its path (`@NAME` if abstract), or none if it has no name.
    Unix(Option<PathBuf>),
    /// One end of [`pair`](crate::pair).
    Memory,
    /// The address of a stream about which nothing is known; see
    /// [`open_connection_over`](crate::open_connection_over).
    Unknown,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => unix(path, f),
            Self::Unix(None) => f.write_str("unnamed Unix socket"),
            Self::Memory => f.write_str("memory"),
            Self::Unknown => f.write_str("unknown address"),
        }
    }
}
