//! A connection whose first bytes were read already.

use bytes::Bytes;

use super::Transport;

/// A connection, and the bytes that were read ahead of whoever uses it next. Kept apart, so that a plain socket
/// stays one.
pub(crate) struct Prefixed {
    pub(crate) ahead: Bytes,
    pub(crate) io: Transport,
}

impl From<Transport> for Prefixed {
    fn from(io: Transport) -> Self {
        Self { ahead: Bytes::new(), io }
    }
}
