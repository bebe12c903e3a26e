//! TLS with rustls: verified by default, half-closed by `close_notify`, truncation reported.
//!
//! No type of rustls leaves this folder.

mod anchors;
mod chain;
mod client;
mod failure;
mod flaw;
#[cfg(feature = "generate")]
mod generate;
mod handshake_io;
mod hello;
mod identity;
mod info;
mod key_log;
mod negotiation;
mod own;
mod pem;
mod revocation;
mod server;
mod server_name;
mod session;
mod unknown;
mod verify;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub(crate) use client::Connector;
pub use client::TlsClient;
pub(crate) use failure::error;
use failure::{handshake_error, lacks_key_exchange};
use handshake_io::HandshakeIo;
pub use identity::Identity;
pub use info::TlsInfo;
pub use negotiation::TlsVersion;
pub(crate) use server::Acceptor;
pub use server::TlsServer;
pub(super) use session::Session;

/// The cryptography of every handshake: aws-lc's. Each configuration gets it by value, so that it does not depend
/// on a default that another crate of the program may have set.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The length of an alert that is not encrypted.
pub(crate) const ALERT_LENGTH: usize = 7;

/// Whether this begins as an unencrypted alert does (RFC 8446, 5.1 and 6), which a TLS server sends in answer
/// to bytes that are not a handshake.
pub(crate) fn is_alert(received: &[u8]) -> bool {
    matches!(received, [21, 3, 0..=4, 0, 2, ..])
}

/// Whether this begins as a handshake does that a client begins (RFC 8446, 5.1 and 4.1.2).
pub(crate) fn is_client_hello(received: &[u8]) -> bool {
    matches!(received, [22, 3, 0..=4, _, _, 1, ..])
}
