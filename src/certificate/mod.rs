//! The contents of a certificate (RFC 5280) as text, for people and their tools. `transport/tls` decides
//! whether to trust it, from the same bytes.

mod crl;
mod extensions;
mod fields;
mod form;
mod name;
pub(crate) mod pem;
mod pin;
mod time;
mod tlv;
mod trusted;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
pub(crate) use crl::{Listed, RevocationList};
use fields::Fields;
pub(crate) use form::{Form, blocks_of_der};
pub use pin::{InvalidPin, Pin};
pub use time::Timestamp;
pub(crate) use trusted::{Purpose, TrustSettings};

/// Printed in place of a field that cannot be read.
const UNREADABLE: &str = "(unreadable)";

/// Bits of the key usage (RFC 5280, 4.2.1.3); its first bit is the highest.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate, as a peer presented it. Only its bytes are kept, and each method parses them, so that a
/// certificate whose contents are not asked for costs little. The bytes need not be valid: a field that cannot be read is
/// `(unreadable)` or `None`.
///
/// The texts come from a peer that may be malicious, so control characters in them are escaped.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Certificate(Arc<[u8]>);

impl Certificate {
    /// A certificate in DER.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Self {
        Self(der.into())
    }

    /// Its DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The certificate in PEM (RFC 7468), ending in a line feed.
    pub fn to_pem(&self) -> String {
        pem::block("CERTIFICATE", &self.0)
    }

    /// Its subject, for example `CN=www.example.org,O=Example` (RFC 4514).
    pub fn subject(&self) -> String {
        self.text(|fields| name::text(fields.subject))
    }

    /// The name of its issuer, in the same form.
    pub fn issuer(&self) -> String {
        self.text(|fields| name::text(fields.issuer))
    }

    /// Its subject alternative names: DNS names, IP addresses, mail addresses and URIs; empty if there are
    /// none. A DNS name that looks like an IP address is written `DNS:192.0.2.1`, because it does not match
    /// that address.
    pub fn names(&self) -> Vec<String> {
        self.fields().map(|fields| fields.names()).unwrap_or_default()
    }

    /// The time at which its validity begins.
    pub fn not_before(&self) -> Option<Timestamp> {
        self.fields().and_then(|fields| Timestamp::read(fields.not_before))
    }

    /// The time at which its validity ends.
    pub fn not_after(&self) -> Option<Timestamp> {
        self.fields().and_then(|fields| Timestamp::read(fields.not_after))
    }

    /// The whole days from `now` to the end of its validity; negative once that has passed.
    pub fn days_left(&self, now: SystemTime) -> Option<i64> {
        let end = SystemTime::from(self.not_after()?);
        let days = |time: Duration| i64::try_from(time.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
        Some(match end.duration_since(now) {
            Ok(left) => days(left),
            Err(passed) => -1 - days(passed.duration()),
        })
    }

    /// The kind and size of its public key, such as `EC P-256`, `RSA 2048` or `Ed25519`; an object identifier
    /// for other kinds.
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
        self.fields().map(|fields| Pin::of_key(fields.key_info()))
    }

    /// Whether these bytes can be read as a certificate at all.
    pub(crate) fn is_readable(&self) -> bool {
        self.fields().is_some()
    }

    /// The first unreadable part of those that matter in a trusted certificate.
    pub(crate) fn unreadable_part(&self) -> Option<&'static str> {
        self.fields().map_or(Some("structure"), |fields| fields.unreadable_part())
    }

    /// Its public key with the algorithm (`SubjectPublicKeyInfo`), in DER.
    pub(crate) fn key_info(&self) -> Option<&[u8]> {
        self.fields().map(|fields| fields.key_info())
    }

    /// Whether the name of its issuer is the subject of `issuer`. The signature is not checked.
    pub(crate) fn is_issued_by(&self, issuer: &Self) -> bool {
        let names = self.fields().zip(issuer.fields());
        names.is_some_and(|(own, other)| name::is_same(own.issuer, other.subject))
    }

    /// Whether it is valid at this time, in seconds since 1970.
    pub(crate) fn is_valid_at(&self, now: u64) -> bool {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let validity = self.not_before().zip(self.not_after());
        validity.is_some_and(|(begin, end)| (begin.seconds()..=end.seconds()).contains(&now))
    }

    /// Whether its key may sign handshakes.
    pub(crate) fn may_sign(&self) -> bool {
        self.fields().is_some_and(|fields| fields.allows(DIGITAL_SIGNATURE))
    }

    /// Whether its key may sign revocation lists.
    pub(crate) fn may_sign_lists(&self) -> bool {
        self.fields().is_some_and(|fields| fields.allows(CRL_SIGN))
    }

    /// Whether it may issue certificates with this many intermediates below it.
    pub(crate) fn may_issue(&self, below: u64) -> bool {
        let may = |fields: Fields<'_>| Some(fields.allows(KEY_CERT_SIGN) && fields.path_length()? >= below);
        self.fields().and_then(may).unwrap_or(false)
    }

    /// The size of its key in bits, if it is an RSA key.
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

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
