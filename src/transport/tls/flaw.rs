//! What is wrong with a peer's certificate: in words, as an alert, and what can be done about it.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, OtherError};

use super::unknown::Unknown;
use crate::certificate::{Certificate, Pin};
use crate::error::TlsFault;

/// The least size of an RSA key, in bits.
const LEAST_RSA: usize = 2048;

/// Signatures that can be forged, by a part of their object identifiers in DER.
const FORGEABLE: [(&[u8], &str); 4] = [
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", "MD5"),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", "SHA-1"),
    (b"\x2a\x86\x48\xce\x3d\x04\x01", "SHA-1"),
    (b"\x2a\x86\x48\xce\x38\x04\x03", "SHA-1"),
];

/// How many names of a certificate are told, and how much of each.
const MOST_NAMES: usize = 5;
const MOST_LETTERS: usize = 80;

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
    /// The same of one of its issuers.
    IssuerStatusUnknown(Certificate, Unknown),
    /// So many bits.
    ShortKey(usize),
    /// The same of one of its issuers, whose signatures are worth nothing.
    ShortIssuerKey(Certificate, usize),
    NotPinned,
    /// There is nobody to trust, and why.
    NobodyTrusted(String),
}

impl From<webpki::Error> for Flaw {
    fn from(error: webpki::Error) -> Self {
        Self::Webpki(error)
    }
}

impl Flaw {
    /// A key that no handshake can be made with, whoever trusts it.
    pub(super) fn of_key(certificate: &CertificateDer<'_>) -> Option<Self> {
        short_key(&Certificate::from_der(certificate.as_ref())).map(Self::ShortKey)
    }

    /// An issuer of which no signature counts.
    pub(super) fn of_issuer(issuer: Certificate) -> Option<Self> {
        short_key(&issuer).map(|bits| Self::ShortIssuerKey(issuer, bits))
    }

    /// What is wrong, with what the peer has shown, and what that is for.
    pub(super) fn words(&self, name: Option<&ServerName<'_>>, shown: &[Certificate]) -> String {
        let own = shown.first();
        let flaw = match self {
            Self::Webpki(error) => webpki_words(error, name, shown),
            Self::KeyUsage => "the certificate's key may not sign a handshake (key usage)".to_owned(),
            Self::NoAuthority(issuer) => {
                format!(
                    "the certificate is not trusted: {} may not stand for it (basic constraints, key usage)",
                    cut(&issuer.subject())
                )
            }
            Self::TrustedTime(anchor) => {
                format!("the certificate is not trusted: {}", trusted_time(anchor, SystemTime::now()))
            }
            Self::Revoked => "the certificate is revoked".to_owned(),
            Self::IssuerRevoked(issuer) => {
                format!("the certificate of one of its issuers is revoked, {}", cut(&issuer.subject()))
            }
            Self::StatusUnknown(why) => {
                format!("whether the certificate is revoked is unknown: {why}")
            }
            Self::IssuerStatusUnknown(issuer, why) => format!(
                "whether the certificate of its issuer {} is revoked is unknown: {why}",
                cut(&issuer.subject())
            ),
            Self::ShortKey(bits) => {
                format!("the certificate's RSA key has {bits} bits; at least {LEAST_RSA} are required")
            }
            Self::ShortIssuerKey(issuer, bits) => format!(
                "the certificate is not trusted: the RSA key of its issuer {} has {bits} bits; at least \
                 {LEAST_RSA} are required",
                cut(&issuer.subject())
            ),
            Self::NotPinned => {
                let pin = own.and_then(Certificate::pin).as_ref().map_or_else(String::new, Pin::to_string);
                format!("the peer's key is not a pinned one; its pin is {pin}")
            }
            Self::NobodyTrusted(reason) => reason.clone(),
        };
        own.map_or_else(|| flaw.clone(), |own| format!("{flaw}; {}", description(own)))
    }

    pub(super) fn fault(&self) -> TlsFault {
        use webpki::Error as E;
        match self {
            Self::Webpki(E::UnknownIssuer | E::CaUsedAsEndEntity | E::InvalidSignatureForPublicKey)
            | Self::TrustedTime(_) => TlsFault::Untrusted,
            Self::Webpki(E::CertNotValidForName(_)) => TlsFault::Name,
            // Nobody should be told how to accept it all the same.
            Self::Revoked
            | Self::IssuerRevoked(_)
            | Self::StatusUnknown(_)
            | Self::IssuerStatusUnknown(..)
            | Self::ShortKey(_)
            | Self::NotPinned
            | Self::NobodyTrusted(_) => TlsFault::Other,
            _ => TlsFault::Certificate,
        }
    }
}

fn short_key(certificate: &Certificate) -> Option<usize> {
    certificate.rsa_bits().filter(|bits| *bits < LEAST_RSA)
}

/// Chooses the alert that the peer is sent.
impl From<&Flaw> for rustls::Error {
    fn from(flaw: &Flaw) -> Self {
        use webpki::Error as E;
        let error = match flaw {
            Flaw::Webpki(E::CertExpired { .. } | E::CertNotValidYet { .. } | E::InvalidCertValidity) => {
                CertificateError::Expired
            }
            Flaw::Revoked | Flaw::IssuerRevoked(_) => CertificateError::Revoked,
            Flaw::Webpki(E::UnknownIssuer) | Flaw::TrustedTime(_) => CertificateError::UnknownIssuer,
            // Which is a matter of our lists, and says nothing of the certificate: `certificate_unknown`.
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
            Flaw::NoAuthority(_) | Flaw::ShortIssuerKey(..) | Flaw::NotPinned | Flaw::NobodyTrusted(_) => {
                CertificateError::ApplicationVerificationFailure
            }
        };
        error.into()
    }
}

fn webpki_words(error: &webpki::Error, name: Option<&ServerName<'_>>, shown: &[Certificate]) -> String {
    use webpki::Error as E;
    match error {
        E::CertNotValidForName(_) => {
            let name = name.map_or_else(String::new, |name| name.to_str().into_owned());
            format!("the certificate is not for '{}'", cut(&name))
        }
        E::CertExpired { time, .. } => format!("{} has expired", invalid(time.as_secs(), shown)),
        E::CertNotValidYet { time, .. } => {
            let since = shown.first().and_then(Certificate::not_before);
            let since = since.map_or_else(String::new, |since| format!(", only from {since} on"));
            format!("{} is not valid yet{since}", invalid(time.as_secs(), shown))
        }
        E::InvalidCertValidity => format!("{} ends before it begins", ended(shown)),
        E::UnknownIssuer => format!("the certificate is not trusted: {}", unknown_issuer(shown)),
        E::InvalidSignatureForPublicKey => {
            "the certificate is not trusted: its issuer's key did not sign it".to_owned()
        }
        E::CaUsedAsEndEntity => {
            "the certificate is not trusted: it is one of an authority, and not one of the trusted".to_owned()
        }
        E::EndEntityUsedAsCa => {
            "the certificate is not trusted: its issuer is no authority (basic constraints)".to_owned()
        }
        E::PathLenConstraintViolated => {
            "the certificate is not trusted: its chain is too long for an authority in it (path length)"
                .to_owned()
        }
        E::NameConstraintViolation => {
            "the certificate is not trusted: its issuer may not stand for this name (name constraints)"
                .to_owned()
        }
        E::RequiredEkuNotFoundContext(_) => match name {
            Some(_) => "the certificate is not for servers (extended key usage)".to_owned(),
            None => "the certificate is not for clients (extended key usage)".to_owned(),
        },
        E::UnsupportedSignatureAlgorithmContext(context) => signature(&context.signature_algorithm_id),
        E::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            signature(&context.signature_algorithm_id)
        }
        E::UnsupportedCertVersion => {
            "the certificate is of an old version of X.509, not of the third".to_owned()
        }
        E::UnsupportedCriticalExtension => {
            "the certificate has a critical extension that is not known here".to_owned()
        }
        E::BadDerTime if has_old_time(shown) => {
            "the certificate or an issuer's has a time before 1970, which is not supported".to_owned()
        }
        E::BadDer | E::BadDerTime | E::TrailingData(_) => "the certificate is malformed".to_owned(),
        E::MalformedExtensions => {
            "the certificate has malformed extensions, or unique identifiers, which are not supported"
                .to_owned()
        }
        // Its name says it, and holds nothing of the peer's.
        other => format!("the certificate is not accepted: {other}"),
    }
}

/// Whose validity it is that does not hold.
fn invalid(now: u64, shown: &[Certificate]) -> String {
    match shown.split_first() {
        Some((own, issuers)) if own.is_valid_at(now) => {
            let issuer = issuers.iter().find(|issuer| !issuer.is_valid_at(now));
            let issuer = issuer.map_or_else(String::new, |issuer| format!(" {}", cut(&issuer.subject())));
            format!("the certificate of its issuer{issuer}")
        }
        _ => "the certificate".to_owned(),
    }
}

/// Whose validity has no time at all.
fn ended(shown: &[Certificate]) -> String {
    let has_none = |one: &&Certificate| one.not_before() > one.not_after();
    match shown.iter().position(|one| has_none(&one)) {
        Some(at @ 1..) => format!("the validity of its issuer {}", cut(&shown[at].subject())),
        _ => "the validity of the certificate".to_owned(),
    }
}

fn unknown_issuer(shown: &[Certificate]) -> String {
    let is_self_signed = |own: &Certificate| own.subject() == own.issuer();
    match shown {
        [own, ..] if is_self_signed(own) => "it is signed by itself, its issuer is unknown".to_owned(),
        [_, .., last] => format!("its issuer is unknown, the chain ends at {}", cut(&last.issuer())),
        _ => "its issuer is unknown, and no certificate of it was sent".to_owned(),
    }
}

fn has_old_time(shown: &[Certificate]) -> bool {
    shown.iter().filter_map(Certificate::not_before).any(|begin| begin.seconds() < 0)
}

/// What is wrong with the time of a trusted certificate.
fn trusted_time(anchor: &Certificate, now: SystemTime) -> String {
    let subject = anchor.subject();
    match anchor.not_before().zip(anchor.not_after()) {
        Some((begin, _)) if SystemTime::from(begin) > now => {
            format!("the trusted certificate of its issuer {} is not valid before {begin}", cut(&subject))
        }
        Some((_, end)) => {
            format!("the trusted certificate of its issuer {} has expired on {end}", cut(&subject))
        }
        None => format!("the trusted certificate of its issuer {} has no validity", cut(&subject)),
    }
}

/// The digest of a signature that does not prove anything any more.
pub(super) fn digest_that_can_be_forged(algorithm: &[u8]) -> Option<&'static str> {
    let found = FORGEABLE.iter().find(|(id, _)| memchr::memmem::find(algorithm, id).is_some());
    found.map(|(_, digest)| *digest)
}

fn signature(algorithm: &[u8]) -> String {
    match digest_that_can_be_forged(algorithm) {
        Some(digest) => {
            format!("the certificate or an issuer's is signed with {digest}, which can be forged")
        }
        None => "the certificate or an issuer's is signed in a way that is not known here".to_owned(),
    }
}

/// What a certificate is for, by whom, and until when, on one line of a bounded length.
fn description(certificate: &Certificate) -> String {
    let names = certificate.names();
    let whose = if names.is_empty() {
        format!("it is {}, and for no name", cut(&certificate.subject()))
    } else {
        let told: Vec<_> = names.iter().take(MOST_NAMES).map(|name| cut(name)).collect();
        let more = names.len() - told.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("it is for {}{more}", told.join(", "))
    };
    let end = certificate.not_after().map_or_else(String::new, |end| format!(", until {end}"));
    format!("{whose}, issued by {}{end}", cut(&certificate.issuer()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
