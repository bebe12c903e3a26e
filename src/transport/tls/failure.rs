//! What went wrong, in words, and as far as somebody can do something about it.

use std::io;

use rustls::{AlertDescription as Alert, CertificateError, InvalidMessage, PeerIncompatible};

use super::Heard;
use super::verify::Seen;
use crate::error::{Error, TlsFault};

/// An error of an open TLS stream: an alert, a bad record, an end without `close_notify`, or a loss.
pub(crate) fn error(doing: &'static str, error: io::Error) -> Error {
    if let Some(tls) = inner(&error) {
        return told("TLS".to_owned(), tls);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated,
        _ => Error::from_io(doing, error),
    }
}

/// An error of a handshake, in which this was seen.
pub(super) fn handshake_error(peer: &str, (error, heard): &(io::Error, Heard), seen: &Seen) -> Error {
    let doing = format!("TLS handshake with {peer}");
    let told = match (inner(error), seen.refusal()) {
        (Some(rustls::Error::InvalidCertificate(_)), Some((reason, fault))) => {
            Error::Tls { doing, reason, fault, peer_certificates: Vec::new() }
        }
        // Before TLS 1.3 there was no alert of its own for that.
        (Some(rustls::Error::AlertReceived(Alert::HandshakeFailure)), _) if seen.is_asked_in_vain() => {
            let reason = "the peer refused with the alert HandshakeFailure: it demands a certificate of ours"
                .to_owned();
            Error::Tls { doing, reason, fault: TlsFault::Identity, peer_certificates: Vec::new() }
        }
        _ => other_failure(doing, error, heard),
    };
    told.with_certificates(seen.certificates())
}

fn other_failure(doing: String, error: &io::Error, heard: &Heard) -> Error {
    let is_lost = matches!(inner(error), None | Some(rustls::Error::InvalidMessage(_)));
    if let Some(words) = heard.other_words().filter(|_| is_lost) {
        let reason = format!("the peer does not speak TLS; it said {words}");
        return Error::Tls { doing, reason, fault: TlsFault::NoTls, peer_certificates: Vec::new() };
    }
    let has_closed = error.kind() == io::ErrorKind::UnexpectedEof;
    match inner(error) {
        Some(tls) => told(doing, tls),
        None if has_closed && heard.is_silent() => {
            Error::tls(doing, "the peer closed the connection; does it speak TLS?")
        }
        None if has_closed => Error::tls(doing, "the peer closed the connection in the middle of it"),
        None => {
            Error::tls(doing, error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase())
        }
    }
}

fn inner(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn told(doing: String, error: &rustls::Error) -> Error {
    use rustls::Error as Tls;
    let (reason, fault) = match error {
        Tls::AlertReceived(alert) => return refused(doing, *alert),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            ("the peer sent something that is no TLS".to_owned(), TlsFault::Other)
        }
        Tls::InvalidCertificate(CertificateError::BadSignature) => {
            ("the peer has not the key of its certificate".to_owned(), TlsFault::Other)
        }
        Tls::NoCertificatesPresented => {
            ("the peer shows no certificate, which is demanded of it".to_owned(), TlsFault::Other)
        }
        Tls::NoApplicationProtocol => {
            ("the peer named only other application protocols (ALPN)".to_owned(), TlsFault::Protocol)
        }
        Tls::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            // Which came with TLS 1.2.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        ) => ("the peer speaks none of our versions of TLS".to_owned(), TlsFault::Version),
        // Ours is kept back for one reason only.
        Tls::General(text) if text == "no server certificate chain resolved" => {
            ("the peer named no application protocol (ALPN)".to_owned(), TlsFault::Protocol)
        }
        Tls::General(text) => (text.clone(), TlsFault::Other),
        _ => (other(error), TlsFault::Other),
    };
    Error::Tls { doing, reason, fault, peer_certificates: Vec::new() }
}

/// What rustls says, which may hold words of the peer's.
fn other(error: &rustls::Error) -> String {
    error.to_string().escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
}

/// The peer's reason is one byte (RFC 8446, 6.2): what it means for us, where that is known.
fn refused(doing: String, alert: Alert) -> Error {
    let (meaning, fault) = match alert {
        Alert::CertificateRequired => ("it demands a certificate of ours", TlsFault::Identity),
        Alert::UnknownCA => ("it does not know the issuer of our certificate", TlsFault::Identity),
        Alert::CertificateExpired => ("our certificate is not valid at this time", TlsFault::Identity),
        Alert::CertificateRevoked => ("our certificate is revoked", TlsFault::Identity),
        Alert::UnsupportedCertificate => ("our certificate is not for this purpose", TlsFault::Identity),
        Alert::BadCertificate | Alert::CertificateUnknown => {
            ("it does not accept our certificate", TlsFault::Identity)
        }
        Alert::ProtocolVersion => ("it speaks none of our versions of TLS", TlsFault::Version),
        Alert::NoApplicationProtocol => ("it has other application protocols (ALPN)", TlsFault::Protocol),
        Alert::UnrecognisedName => ("it does not know the name it was asked for", TlsFault::Name),
        Alert::HandshakeFailure => ("there is no way of speaking that both know", TlsFault::Other),
        _ => ("", TlsFault::Other),
    };
    let meaning = if meaning.is_empty() { String::new() } else { format!(": {meaning}") };
    let reason = format!("the peer refused with the alert {alert:?}{meaning}");
    Error::Tls { doing, reason, fault, peer_certificates: Vec::new() }
}
