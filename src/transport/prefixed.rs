//! A connection whose first bytes were already read.

use bytes::Bytes;

use super::Transport;

/// A connection, and the bytes that were read ahead of its next user. Kept apart, so that a plain socket
/// remains one.
pub(crate) struct Prefixed {
    pub(crate) ahead: Bytes,
    pub(crate) io: Transport,
}

impl From<Transport> for Prefixed {
    fn from(io: Transport) -> Self {
        Self { ahead: Bytes::new(), io }
    }
}
