//! A connection whose first bytes were already read.

use bytes::Bytes;

use super::Transport;

/// A connection, and the bytes that were read ahead of its next user. Kept apart, so that a plain socket
/// remains one.
pub(crate) struct Prefixed {
    pub(crate) ahead: Bytes,
    pub(crate) io: Transport,
    /// Whether a proxy is on the way. An end of one direction may then end both: HTTP demands it (RFC 9110,
    /// 9.3.6), and proxies of other protocols do the same. TLS has an end of its own, which a proxy does not see.
    pub(crate) is_tunnel: bool,
}

impl From<Transport> for Prefixed {
    fn from(io: Transport) -> Self {
        Self { ahead: Bytes::new(), io, is_tunnel: false }
    }
}
