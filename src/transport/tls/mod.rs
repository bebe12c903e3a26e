//! TLS by rustls: verified by default, half-close by `close_notify`, truncation told.
//!
//! No type of rustls leaves this folder.

mod client;
mod failure;
mod identity;
mod negotiation;
mod pem;
mod server;
mod shown;
mod verify;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use crate::certificate::Certificate;

pub use client::TlsClient;
pub(crate) use failure::error;
use failure::handshake_error;
pub use identity::Identity;
pub use negotiation::TlsVersion;
pub(crate) use server::Acceptor;
pub use server::TlsServer;

/// What was agreed in a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, as IANA names it.
    pub cipher: String,
    /// The key exchange, `X25519MLKEM768` say.
    pub key_exchange: String,
    /// The protocol that was agreed on by ALPN (RFC 7301), where both had one to offer.
    pub alpn: Option<String>,
    /// Whether an earlier session was gone on with. No certificates are sent then; those of that
    /// session are told.
    pub resumed: bool,
    /// The peer's certificates as it sent them, its own first; empty where none was asked for.
    pub peer_certificates: Vec<Certificate>,
}

impl TlsInfo {
    fn of<Side>(connection: &rustls::ConnectionCommon<Side>) -> Self {
        let certificates = connection.peer_certificates().unwrap_or_default();
        Self {
            version: connection
                .protocol_version()
                .map_or_else(String::new, |version| format!("{version:?}").replace("TLSv1_", "TLSv1.")),
            cipher: connection
                .negotiated_cipher_suite()
                .map_or_else(String::new, |suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")),
            key_exchange: connection
                .negotiated_key_exchange_group()
                .map_or_else(String::new, |group| format!("{:?}", group.name())),
            alpn: connection
                .alpn_protocol()
                .map(|name| String::from_utf8_lossy(name).escape_debug().to_string()),
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            peer_certificates: certificates.iter().map(|one| Certificate::from_der(one.as_ref())).collect(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The log that Wireshark reads, where `SSLKEYLOGFILE` asks for it.
fn key_log() -> Arc<dyn rustls::KeyLog> {
    if std::env::var_os("SSLKEYLOGFILE").is_some() {
        Arc::new(rustls::KeyLogFile::new())
    } else {
        Arc::new(rustls::NoKeyLog)
    }
}
