//! TLS by rustls: verified by default, half-close by `close_notify`, truncation told.
//!
//! No type of rustls leaves this folder.

mod client;
mod identity;
mod server;
mod shown;
mod verify;

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use crate::certificate::Certificate;
use crate::error::Error;

pub use client::TlsClient;
pub use identity::Identity;
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

fn load_certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    use rustls::pki_types::pem::PemObject;
    let unreadable = |error| Error::file(path, identity::pem_reason(error, "certificate"));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if found.is_empty() { Err(Error::file(path, "no certificate in PEM form in it")) } else { Ok(found) }
}

/// An error of an open TLS stream: an alert, a bad record, an end without `close_notify`, or a loss.
pub(crate) fn error(doing: &'static str, error: io::Error) -> Error {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Error::tls("TLS", reason(tls));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated,
        _ => Error::from_io(doing, error),
    }
}

/// An error of a handshake.
fn handshake_error(peer: &str, error: &io::Error) -> Error {
    let doing = format!("TLS handshake with {peer}");
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Error::tls(doing, reason(tls)),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Error::tls(doing, "the peer closed the connection; does it speak TLS?")
        }
        None => {
            Error::tls(doing, error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase())
        }
    }
}

fn reason(error: &rustls::Error) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::AlertReceived(alert) => format!("the peer refused with the alert {alert:?}"),
        Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS".to_owned()
        }
        Tls::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "the certificate is not trusted: its issuer is unknown".to_owned()
        }
        Tls::InvalidCertificate(rustls::CertificateError::BadSignature) => {
            "the certificate is not trusted: its issuer's key did not sign it".to_owned()
        }
        error if verify::is_authority(error) => {
            "the certificate is not trusted: it is one of an authority, and not one of the trusted".to_owned()
        }
        Tls::General(text) => text.clone(),
        other => other.to_string().escape_debug().to_string().replace("\\\"", "\""),
    }
}
