//! Turns TLS failures into messages, and into the faults that hints are chosen by.

use std::io;

use rustls::{AlertDescription as Alert, CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use super::flaw::Flaw;
use super::hello::NO_PROTOCOL_OFFERED;
use super::verify::HandshakeRecord;
use super::{HandshakeIo, TlsVersion};
use crate::error::{Error, TlsFault};

/// An error of an open TLS stream: an alert, a bad record, an end without `close_notify`, or a loss.
pub(crate) fn error(doing: &'static str, error: io::Error, version: TlsVersion) -> Error {
    if let Some(tls) = inner(&error) {
        return tls_error("TLS".to_owned(), tls, Stage::Open(version));
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated,
        _ => Error::from_io(doing, error),
    }
}

/// An error of a handshake, with the certificates on record.
pub(super) fn handshake_error(
    peer: &str,
    (error, handshake): &(io::Error, HandshakeIo),
    record: &HandshakeRecord,
) -> Error {
    let doing = format!("TLS handshake with {peer}");
    let error = match (inner(error), record.refusal()) {
        (Some(rustls::Error::InvalidCertificate(_)), Some((reason, fault))) => {
            Error::tls(doing, reason).with_fault(fault)
        }
        // Before TLS 1.3 no alert said so.
        (Some(rustls::Error::AlertReceived(Alert::HandshakeFailure)), _) if record.lacks_client_cert() => {
            let reason = "the peer refused with the alert HandshakeFailure: it requires a client certificate";
            Error::tls(doing, reason).with_fault(TlsFault::Identity)
        }
        _ => other_failure(doing, error, handshake),
    };
    error.with_certificates(record.certificates())
}

fn other_failure(doing: String, error: &io::Error, handshake: &HandshakeIo) -> Error {
    let is_lost = matches!(inner(error), None | Some(rustls::Error::InvalidMessage(_)));
    if let Some(words) = handshake.other_words().filter(|_| is_lost) {
        let reason = format!("the peer does not speak TLS; it sent {words}");
        return Error::tls(doing, reason).with_fault(TlsFault::NoTls);
    }
    let has_closed = error.kind() == io::ErrorKind::UnexpectedEof;
    match inner(error) {
        Some(tls) => tls_error(doing, tls, Stage::Handshake),
        None if has_closed && handshake.is_silent() => {
            unfinished(doing, "the peer closed the connection; does it speak TLS?")
        }
        None if has_closed => unfinished(doing, "the peer closed the connection before it was complete"),
        None => unfinished(doing, crate::error::reason(error)),
    }
}

/// Whether there was no common key exchange, as far as that can be known: a server has one alert for all that is not
/// in common.
pub(super) fn lacks_key_exchange(error: &io::Error) -> bool {
    use rustls::Error as Tls;
    matches!(
        inner(error),
        Some(
            Tls::AlertReceived(
                Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion
            ) | Tls::PeerIncompatible(_)
                | Tls::PeerMisbehaved(PeerMisbehaved::IllegalHelloRetryRequestWithUnofferedNamedGroup)
        )
    )
}

fn unfinished(doing: String, reason: impl std::fmt::Display) -> Error {
    Error::tls(doing, reason).with_fault(TlsFault::Unfinished)
}

fn inner(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// When an error occurred, on which the meaning of an alert depends.
#[derive(Clone, Copy)]
enum Stage {
    Handshake,
    Open(TlsVersion),
}

fn tls_error(doing: String, error: &rustls::Error, stage: Stage) -> Error {
    use rustls::Error as Tls;
    let words;
    let (reason, fault) = match error {
        Tls::AlertReceived(alert) => return refused(doing, *alert, stage),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            ("the peer sent something that is not TLS", TlsFault::Other)
        }
        Tls::InvalidCertificate(CertificateError::BadSignature) => {
            ("the peer does not have the key of its certificate", TlsFault::Other)
        }
        Tls::InvalidCertificate(error @ CertificateError::Other(_)) => {
            words = Flaw::from(error).message(None, &[]);
            (&words[..], TlsFault::Other)
        }
        Tls::NoCertificatesPresented => {
            ("the peer presented no certificate, but one is required", TlsFault::Other)
        }
        Tls::NoApplicationProtocol => {
            ("the peer offered only other application protocols (ALPN)", TlsFault::Protocol)
        }
        Tls::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => ("the peer supports none of our versions of TLS", TlsFault::Version),
        Tls::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired) => {
            ("the peer supports only signatures with SHA-1, which can be forged", TlsFault::Other)
        }
        Tls::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired,
        ) => (NOTHING_IN_COMMON, TlsFault::Other),
        Tls::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
            ("the peer asked to renegotiate again and again, which is not supported here", TlsFault::Other)
        }
        Tls::General(text) if text == NO_PROTOCOL_OFFERED => (&text[..], TlsFault::Protocol),
        Tls::General(text) => (&text[..], TlsFault::Other),
        _ => {
            words = other(error);
            (&words[..], TlsFault::Other)
        }
    };
    Error::tls(doing, reason).with_fault(fault)
}

/// The message of rustls, escaped because it may contain text of the peer.
fn other(error: &rustls::Error) -> String {
    error.to_string().escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

/// Why a handshake fails with a peer that supports only what is no longer safe.
const NOTHING_IN_COMMON: &str = "no cipher suite or key exchange is supported by both sides; CBC, DHE and static RSA are not supported here";

/// The peer's reason is one byte (RFC 8446, 6.2): what it means for us, if that is known.
fn refused(doing: String, alert: Alert, stage: Stage) -> Error {
    let (meaning, fault) = match alert {
        Alert::HandshakeFailure | Alert::NoRenegotiation => handshake_failure(stage),
        Alert::InsufficientSecurity => (NOTHING_IN_COMMON, TlsFault::Other),
        Alert::CertificateRequired => ("it requires a client certificate", TlsFault::Identity),
        Alert::UnknownCA => ("it does not know the issuer of our certificate", TlsFault::Identity),
        Alert::CertificateExpired => ("our certificate has expired or is not valid yet", TlsFault::Identity),
        Alert::CertificateRevoked => ("our certificate is revoked", TlsFault::Identity),
        Alert::UnsupportedCertificate => ("our certificate is not for this purpose", TlsFault::Identity),
        Alert::BadCertificate | Alert::CertificateUnknown => {
            ("it does not accept our certificate", TlsFault::Identity)
        }
        // We send it ourselves if a key does not match the pin.
        Alert::AccessDenied => {
            ("it does not accept our certificate; its pin may be that of another key", TlsFault::Identity)
        }
        Alert::ProtocolVersion => ("it supports none of our versions of TLS", TlsFault::Version),
        Alert::NoApplicationProtocol => {
            ("it supports other application protocols (ALPN)", TlsFault::Protocol)
        }
        Alert::UnrecognisedName => ("it does not know the name it was asked for", TlsFault::Name),
        // Of a server that is starting, for example.
        Alert::InternalError => ("", TlsFault::Unfinished),
        _ => ("", TlsFault::Other),
    };
    let colon = if meaning.is_empty() { "" } else { ": " };
    Error::tls(doing, format_args!("the peer refused with the alert {alert:?}{colon}{meaning}"))
        .with_fault(fault)
}

/// The least specific of all alerts.
fn handshake_failure(stage: Stage) -> (&'static str, TlsFault) {
    match stage {
        Stage::Handshake => (NOTHING_IN_COMMON, TlsFault::Other),
        // The handshake was complete, so this is about another one: OpenSSL ends a session that declines to
        // renegotiate.
        Stage::Open(TlsVersion::V1_2) => {
            ("it asked to renegotiate, which is not supported here", TlsFault::Other)
        }
        // A TLS 1.3 server checks our certificate only after we have completed the handshake.
        Stage::Open(TlsVersion::V1_3) => ("it may require a client certificate", TlsFault::Identity),
    }
}
