//! What is wrong with a peer's certificate, as a message, as an alert, and as the fault that hints are chosen
//! by.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, OtherError};

use super::unknown::Unknown;
use crate::certificate::{Certificate, Pin};
use crate::error::TlsFault;

/// The least size of an RSA key, in bits.
const MIN_RSA_BITS: usize = 2048;

/// Signature algorithms that can be forged, by a part of their object identifiers in DER.
const FORGEABLE: [(&[u8], &str); 4] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
    (b"\x2a\x86\x48\xce\x38\x04\x03", "SHA-1"),
];

const OLD_VERSION: &str = "the certificate has an old version of X.509; only the third is accepted, which \
                           `openssl x509 -req` makes with -extfile";

/// The most names of a certificate in a message, and the most characters of each.
const MAX_NAMES: usize = 5;
const MAX_LETTERS: usize = 80;

/// Why a certificate is not accepted.
#[derive(Debug)]
pub(super) enum Flaw {
    Webpki(webpki::Error),
    /// Its key may not sign a handshake.
    KeyUsage,
    /// One of its issuers may not issue it.
    NoAuthority(Certificate),
    /// The trusted certificate itself is not valid at this time.
    TrustedTime(Certificate),
    Revoked,
    IssuerRevoked(Certificate),
    /// No revocation list says that it is good.
    StatusUnknown(Unknown),
    /// The same for one of its issuers.
    IssuerStatusUnknown(Certificate, Unknown),
    /// The size of its RSA key, in bits.
    ShortKey(usize),
    /// The same for one of its issuers, whose signatures prove nothing then.
    ShortIssuerKey(Certificate, usize),
    NotPinned,
    /// There is no trusted certificate, and why.
    NoTrusted(String),
}

impl From<webpki::Error> for Flaw {
    fn from(error: webpki::Error) -> Self {
        Self::Webpki(error)
    }
}

/// What rustls itself finds in a certificate, before any verifier is asked.
impl From<&CertificateError> for Flaw {
    fn from(error: &CertificateError) -> Self {
        let CertificateError::Other(OtherError(other)) = error else { return webpki::Error::BadDer.into() };
        other.downcast_ref::<webpki::Error>().cloned().unwrap_or(webpki::Error::BadDer).into()
    }
}

impl Flaw {
    /// A key that is too short for any handshake, even if the certificate is trusted.
    pub(super) fn of_key(certificate: &CertificateDer<'_>) -> Option<Self> {
        short_key(&Certificate::from_der(certificate.as_ref())).map(Self::ShortKey)
    }

    /// An issuer whose key is too short for its signatures to count.
    pub(super) fn of_issuer(issuer: Certificate) -> Option<Self> {
        short_key(&issuer).map(|bits| Self::ShortIssuerKey(issuer, bits))
    }

    /// The message, with a description of the certificate that the peer presented.
    pub(super) fn message(&self, name: Option<&ServerName<'_>>, presented: &[Certificate]) -> String {
        let own = presented.first();
        let flaw = match self {
            Self::Webpki(error) => webpki_message(error, name, presented),
            Self::KeyUsage => "the certificate's key may not sign a handshake (key usage)".to_owned(),
            Self::NoAuthority(issuer) => {
                let issuer = cut(&issuer.subject());
                untrusted(format_args!("{issuer} may not issue it (basic constraints, key usage)"))
            }
            Self::TrustedTime(anchor) => untrusted(trusted_time(anchor, SystemTime::now())),
            Self::Revoked => "the certificate is revoked".to_owned(),
            Self::IssuerRevoked(issuer) => {
                format!("the certificate of its issuer {} is revoked", cut(&issuer.subject()))
            }
            Self::StatusUnknown(why) => {
                format!("it is not known whether the certificate is revoked: {why}")
            }
            Self::IssuerStatusUnknown(issuer, why) => format!(
                "it is not known whether the certificate of its issuer {} is revoked: {why}",
                cut(&issuer.subject())
            ),
            Self::ShortKey(bits) => {
                format!("the certificate's RSA key has {bits} bits; at least {MIN_RSA_BITS} are required")
            }
            Self::ShortIssuerKey(issuer, bits) => untrusted(format_args!(
                "the RSA key of its issuer {} has {bits} bits; at least {MIN_RSA_BITS} are required",
                cut(&issuer.subject())
            )),
            Self::NotPinned => {
                let pin = own.and_then(Certificate::pin).as_ref().map_or_else(String::new, Pin::to_string);
                format!("the peer's key does not match the pin; its pin is {pin}")
            }
            Self::NoTrusted(reason) => reason.clone(),
        };
        own.map_or_else(|| flaw.clone(), |own| format!("{flaw}; {}", description(own, name.is_some())))
    }

    pub(super) fn fault(&self) -> TlsFault {
        use webpki::Error as E;
        match self {
            Self::Webpki(E::UnknownIssuer | E::CaUsedAsEndEntity | E::InvalidSignatureForPublicKey)
            | Self::TrustedTime(_) => TlsFault::Untrusted,
            Self::Webpki(E::CertNotValidForName(_)) => TlsFault::Name,
            // No hint may say how to accept it all the same.
            Self::Revoked
            | Self::IssuerRevoked(_)
            | Self::StatusUnknown(_)
            | Self::IssuerStatusUnknown(..)
            | Self::ShortKey(_)
            | Self::NotPinned
            | Self::NoTrusted(_)
            | Self::Webpki(E::UnsupportedCertVersion) => TlsFault::Other,
            _ => TlsFault::Certificate,
        }
    }
}

fn short_key(certificate: &Certificate) -> Option<usize> {
    certificate.rsa_bits().filter(|bits| *bits < MIN_RSA_BITS)
}

/// The alert that is sent to the peer.
impl From<&Flaw> for rustls::Error {
    fn from(flaw: &Flaw) -> Self {
        use webpki::Error as E;
        let error = match flaw {
            Flaw::Webpki(E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity) => {
                CertificateError::Expired
            }
            Flaw::Revoked | Flaw::IssuerRevoked(_) => CertificateError::Revoked,
            Flaw::Webpki(E::UnknownIssuer) | Flaw::TrustedTime(_) => CertificateError::UnknownIssuer,
            // The fault is in our lists and not in the certificate, so the alert is `certificate_unknown`.
            Flaw::StatusUnknown(_) | Flaw::IssuerStatusUnknown(..) => {
                CertificateError::Other(OtherError(Arc::new(webpki::Error::UnknownRevocationStatus)))
            }
            Flaw::Webpki(E::CertNotValidForName(_)) => CertificateError::NotValidForName,
            Flaw::Webpki(E::InvalidSignatureForPublicKey) => CertificateError::BadSignature,
            Flaw::Webpki(E::RequiredEkuNotFoundContext(_)) | Flaw::KeyUsage | Flaw::ShortKey(_) => {
                CertificateError::InvalidPurpose
            }
            Flaw::Webpki(E::BadDer | E::BadDerTime | E::TrailingData(_)) => CertificateError::BadEncoding,
            Flaw::Webpki(other) => CertificateError::Other(OtherError(Arc::new(other.clone()))),
            Flaw::NoAuthority(_) | Flaw::ShortIssuerKey(..) | Flaw::NotPinned | Flaw::NoTrusted(_) => {
                CertificateError::ApplicationVerificationFailure
            }
        };
        error.into()
    }
}

fn untrusted(reason: impl fmt::Display) -> String {
    format!("the certificate is not trusted: {reason}")
}

fn webpki_message(error: &webpki::Error, name: Option<&ServerName<'_>>, presented: &[Certificate]) -> String {
    use webpki::Error as E;
    match error {
        E::CertNotValidForName(_) => {
            let name = name.map_or_else(String::new, |name| name.to_str().into_owned());
            format!("the certificate is not for '{}'", cut(&name))
        }
        E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity => time(error, presented),
        E::InvalidSignatureForPublicKey => untrusted("its issuer's key did not sign it"),
        E::CaUsedAsEndEntity if !presented.iter().take(1).any(|own| own.is_issued_by(own)) => {
            untrusted("it is an authority's, and not one of the trusted ones")
        }
        E::UnknownIssuer | E::CaUsedAsEndEntity => untrusted(unknown_issuer(presented)),
        E::EndEntityUsedAsCa => untrusted("its issuer is not an authority (basic constraints)"),
        E::PathLenConstraintViolated => {
            untrusted("its chain is too long for an authority in it (path length)")
        }
        E::NameConstraintViolation => untrusted("its issuer may not certify this name (name constraints)"),
        E::RequiredEkuNotFoundContext(_) => match name {
            Some(_) => "the certificate is not for servers (extended key usage)".to_owned(),
            None => "the certificate is not for clients (extended key usage)".to_owned(),
        },
        E::UnsupportedSignatureAlgorithmContext(context) => signature(&context.signature_algorithm_id),
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            signature(&context.signature_algorithm_id)
        }
        E::UnsupportedCertVersion => OLD_VERSION.to_owned(),
        E::UnsupportedCriticalExtension => {
            "the certificate has a critical extension that is not understood".to_owned()
        }
        E::BadDerTime if has_old_time(presented) => {
            "the certificate or an issuer's has a time before 1970, which is not supported".to_owned()
        }
        E::BadDer | E::BadDerTime | E::TrailingData(_) => "the certificate is malformed".to_owned(),
        E::MalformedExtensions => {
            "the certificate has malformed extensions, or unique identifiers, which are not supported"
                .to_owned()
        }
        // The name of the error says it, and contains no text of the peer.
        other => format!("the certificate is not accepted: {other}"),
    }
}

fn time(error: &webpki::Error, presented: &[Certificate]) -> String {
    use webpki::Error as E;
    let (E::CertExpired { time, .. } | E::CertNotValidYet { time, .. }) = error else {
        let (whose, _) = first(presented, |one| one.not_before() > one.not_after());
        return format!("the validity of {whose} ends before it begins");
    };
    let (whose, found) = first(presented, |one| !one.is_valid_at(time.as_secs()));
    match found.and_then(Certificate::not_before) {
        Some(begin) if matches!(error, E::CertNotValidYet { .. }) => {
            format!("{whose} is not valid yet, only from {begin} on")
        }
        _ => format!("{whose} has expired"),
    }
}

/// The first certificate with this flaw, and how a message refers to it.
fn first(
    presented: &[Certificate],
    has_flaw: impl Fn(&Certificate) -> bool,
) -> (String, Option<&Certificate>) {
    let found = presented.iter().enumerate().find(|(_, one)| has_flaw(one));
    let whose = match found {
        Some((1.., issuer)) => format!("the certificate of its issuer {}", cut(&issuer.subject())),
        _ => "the certificate".to_owned(),
    };
    (whose, found.map(|(_, one)| one))
}

fn unknown_issuer(presented: &[Certificate]) -> String {
    match presented {
        [own, ..] if own.is_issued_by(own) => "it is self-signed, and not one of the trusted ones".to_owned(),
        [_, .., last] => format!("its issuer is unknown; the chain ends at {}", cut(&last.issuer())),
        _ => "its issuer is unknown, and the peer did not send the issuer's certificate".to_owned(),
    }
}

fn has_old_time(presented: &[Certificate]) -> bool {
    presented.iter().filter_map(Certificate::not_before).any(|begin| begin.seconds() < 0)
}

/// What is wrong with the time of a trusted certificate.
fn trusted_time(anchor: &Certificate, now: SystemTime) -> String {
    let whose = format!("the trusted certificate of its issuer {}", cut(&anchor.subject()));
    match anchor.not_before().zip(anchor.not_after()) {
        Some((begin, _)) if SystemTime::from(begin) > now => format!("{whose} is not valid before {begin}"),
        Some((_, end)) => format!("{whose} expired on {end}"),
        None => format!("{whose} has an unreadable validity"),
    }
}

/// The digest of a signature algorithm, if that can be forged.
pub(super) fn forgeable_digest(algorithm: &[u8]) -> Option<&'static str> {
    let found = FORGEABLE.iter().find(|(id, _)| memchr::memmem::find(algorithm, id).is_some());
    found.map(|(_, digest)| *digest)
}

fn signature(algorithm: &[u8]) -> String {
    match forgeable_digest(algorithm) {
        Some(digest) => {
            format!("the certificate or an issuer's is signed with {digest}, which can be forged")
        }
        None => "the signature of the certificate or of an issuer's is of an unsupported kind".to_owned(),
    }
}

/// The names, the issuer and the end of a certificate, on one line of bounded length.
pub(super) fn description(certificate: &Certificate, is_server: bool) -> String {
    let names = certificate.names();
    let whose = if names.is_empty() {
        let unused = if is_server { " (a CN is not used, RFC 9525)" } else { "" };
        format!("it is {}, without a subjectAltName{unused}", cut(&certificate.subject()))
    } else {
        let some: Vec<_> = names.iter().take(MAX_NAMES).map(|name| cut(name)).collect();
        let more = names.len() - some.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("it is for {}{more}", some.join(", "))
    };
    let end = certificate.not_after().map_or_else(String::new, |end| format!(", until {end}"));
    format!("{whose}, issued by {}{end}", cut(&certificate.issuer()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
