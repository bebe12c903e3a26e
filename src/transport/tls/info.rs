//! What a handshake agreed on, and which certificates the peer presented.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::certificate::{Certificate, Timestamp};

/// What a handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// The cipher suite, as IANA names it.
    pub cipher: String,
    /// The key exchange, for example `X25519MLKEM768`.
    pub key_exchange: String,
    /// The application protocol that was agreed on (ALPN, RFC 7301), if any.
    pub alpn: Option<String>,
    /// The name that a client has asked its server for (SNI, RFC 6066); known to the server, if there is one.
    pub server_name: Option<String>,
    /// Whether an earlier session was resumed. The peer sends no certificates then; those of the earlier
    /// session are given.
    pub resumed: bool,
    /// The peer's certificates as it sent them, its own first; empty if it was not asked for any.
    pub peer_certificates: Vec<Certificate>,
    /// The path that verification took, from the peer's own certificate to the trusted one. It is not always
    /// what the peer sent, which may include certificates that are not needed and leave out the trusted one.
    /// Empty if nothing was verified, as with a pin, or if verification failed and was overridden.
    pub verified_path: Vec<Certificate>,
    /// Why verification failed, if it did and was overridden
    /// ([`TlsClient::danger_no_verification`](crate::TlsClient::danger_no_verification)).
    pub unverified: Option<String>,
    /// How long the handshake took; for a server, from the client's first message on.
    pub handshake: Duration,
}

impl TlsInfo {
    pub(super) fn of<Side>(connection: &rustls::ConnectionCommon<Side>, handshake: Duration) -> Self {
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
            server_name: None,
            resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            peer_certificates: certificates.iter().map(|one| Certificate::from_der(one.as_ref())).collect(),
            verified_path: Vec::new(),
            unverified: None,
            handshake,
        }
    }

    /// Logs what was agreed on and what the peer presented, a line each.
    pub(super) fn log(&self, peer: &str) {
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        tracing::info!("{peer}: {self}");
        let (count, now) = (self.peer_certificates.len(), SystemTime::now());
        for (index, certificate) in self.peer_certificates.iter().enumerate() {
            tracing::info!("{peer}: certificate {} of {count}: {}", index + 1, described(certificate, now));
        }
        if let [_, .., trusted] = &self.verified_path[..] {
            tracing::info!("{peer}: verified by the trusted certificate: {}", described(trusted, now));
        }
    }
}

/// `TLSv1.3 with TLS_AES_256_GCM_SHA384, key exchange X25519MLKEM768, ALPN h2`.
impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.version, self.cipher)?;
        if !self.key_exchange.is_empty() {
            write!(f, ", key exchange {}", self.key_exchange)?;
        }
        if let Some(alpn) = &self.alpn {
            write!(f, ", ALPN {alpn}")?;
        }
        f.write_str(if self.resumed { ", resumed" } else { "" })
    }
}

/// The most names of a certificate in a line of the log.
const MAX_NAMES: usize = 20;

fn described(certificate: &Certificate, now: SystemTime) -> String {
    let names = certificate.names();
    let more = match names.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = match &names[..names.len().min(MAX_NAMES)] {
        [] => "no name".to_owned(),
        some => some.join(", ") + &more,
    };
    let time =
        |time: Option<Timestamp>| time.map_or_else(|| "(unreadable)".to_owned(), |time| time.to_string());
    let left = match certificate.days_left(now) {
        None => String::new(),
        _ if certificate.not_before().is_some_and(|begin| SystemTime::from(begin) > now) => {
            " (not yet valid)".to_owned()
        }
        Some(days) if days < 0 => " (expired)".to_owned(),
        Some(days) => format!(" ({days} days left)"),
    };
    format!(
        "subject {}; issuer {}; for {names}; valid from {} until {}{left}; key {}; serial {}; SHA-256 {}; pin {}",
        certificate.subject(),
        certificate.issuer(),
        time(certificate.not_before()),
        time(certificate.not_after()),
        certificate.key(),
        certificate.serial(),
        certificate.sha256(),
        certificate.pin().map_or_else(|| "(unreadable)".to_owned(), |pin| pin.to_string()),
    )
}
