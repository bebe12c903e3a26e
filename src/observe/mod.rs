//! What can be known about the bytes of a connection.

use std::fmt;

/// How many bytes went each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Bytes handed to the kernel for the peer.
    pub sent: u64,
    /// Bytes received from the peer and delivered.
    pub received: u64,
    /// Whether all that was received is a fatal alert of TLS: the peer speaks TLS, and what it was sent is no
    /// handshake to it.
    pub is_tls_alert: bool,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes sent, {} bytes received", self.sent, self.received)
    }
}
