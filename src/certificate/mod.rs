//! What a certificate says (RFC 5280), as text. It is for people and their tools: whom to trust is
//! decided elsewhere, from the same bytes.

mod fields;
mod name;
mod pin;
mod time;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use fields::Fields;
pub use pin::Pin;
pub use time::Timestamp;

/// What stands for a field of bytes that are no certificate.
const UNREADABLE: &str = "(unreadable)";

/// Bits of the key usage (RFC 5280, 4.2.1.3), of which the first is the highest.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate that somebody has shown. Only its bytes are kept, which costs little: each method
/// reads them. They need not be a certificate; what cannot be read is `(unreadable)` or `None`.
///
/// What the text holds was written by a stranger, so its control characters are escaped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate(Arc<[u8]>);

impl Certificate {
    /// A certificate in DER.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Self {
        Self(der.into())
    }

    /// Its bytes in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The same in PEM (RFC 7468), ending in a line feed.
    pub fn to_pem(&self) -> String {
        let text = STANDARD.encode(&self.0);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let body: String = lines.flat_map(|line| [line, "\n".into()]).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    }

    /// Whose it is, `CN=www.example.org,O=Example` say (RFC 4514).
    pub fn subject(&self) -> String {
        self.text(|fields| name::text(fields.subject))
    }

    /// Who has issued it.
    pub fn issuer(&self) -> String {
        self.text(|fields| name::text(fields.issuer))
    }

    /// What it is for, its subject alternative names: DNS names, IP addresses, mail addresses and
    /// URIs. A DNS name that looks like an IP address, which it does not stand for, has `DNS:` before
    /// it. Empty where there are none.
    pub fn names(&self) -> Vec<String> {
        self.fields().map(|fields| fields.names()).unwrap_or_default()
    }

    /// When its validity begins; none also for a time before 1970.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.fields().and_then(|fields| Timestamp::read(fields.not_before))
    }

    /// When its validity ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.fields().and_then(|fields| Timestamp::read(fields.not_after))
    }

    /// The whole days from `now` to its end; negative once that has passed.
    pub fn days_left(&self, now: SystemTime) -> Option<i64> {
        let end = SystemTime::from(self.not_after()?);
        let days = |time: Duration| i64::try_from(time.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
        Some(match end.duration_since(now) {
            Ok(left) => days(left),
            Err(passed) => -1 - days(passed.duration()),
        })
    }

    /// The kind and size of its public key: `EC P-256`, `RSA 2048`, `Ed25519`; an object identifier
    /// if it is none of those that are known by name.
    pub fn key(&self) -> String {
        self.text(Fields::key_name)
    }

    /// Its serial number, in hexadecimal.
    pub fn serial(&self) -> String {
        self.text(|fields| Some(hex(fields.serial)))
    }

    /// The SHA-256 of its bytes, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex(digest(&SHA256, &self.0).as_ref())
    }

    /// The pin of its public key.
    pub fn pin(&self) -> Option<Pin> {
        self.fields().and_then(|fields| fields.key_info()).map(|key| Pin::of_key(&key))
    }

    /// Whether its validity holds at this time, in seconds since 1970.
    pub(crate) fn is_valid_at(&self, now: u64) -> bool {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        let has_begun = self.not_before().is_none_or(|begin| SystemTime::from(begin) <= now);
        has_begun && self.not_after().is_some_and(|end| SystemTime::from(end) >= now)
    }

    /// Whether its key may sign handshakes.
    pub(crate) fn may_sign(&self) -> bool {
        self.fields().is_some_and(|fields| fields.allows(DIGITAL_SIGNATURE))
    }

    /// Whether it may stand for others that so many lie in between of.
    pub(crate) fn may_issue(&self, between: u64) -> bool {
        let may = |fields: Fields<'_>| Some(fields.allows(KEY_CERT_SIGN) && fields.authority()? >= between);
        self.fields().and_then(may).unwrap_or(false)
    }

    /// The size of its key in bits, if that is one of RSA.
    pub(crate) fn rsa_bits(&self) -> Option<usize> {
        self.fields().and_then(|fields| fields.rsa_bits())
    }

    fn fields(&self) -> Option<Fields<'_>> {
        Fields::read(&self.0)
    }

    fn text<'a>(&'a self, read: impl FnOnce(&Fields<'a>) -> Option<String>) -> String {
        self.fields().and_then(|fields| read(&fields)).unwrap_or_else(|| UNREADABLE.to_owned())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, SHA-256 {})", self.subject(), self.sha256())
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
