//! Recognizes DER in a file that must be PEM, so that the error can say how to convert it.

use super::RevocationList;
use super::fields::Fields;
use super::tlv::{INTEGER, OCTET_STRING, SEQUENCE, Value};

const PKCS7_DATA: &str = "1.2.840.113549.1.7.1";
const PKCS7_SIGNED: &str = "1.2.840.113549.1.7.2";

/// What a file in DER contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Certificate,
    RevocationList,
    Key,
    /// A certificate and its key, encrypted with a password (RFC 7292).
    Pkcs12,
    /// A bundle of certificates (RFC 2315).
    Pkcs7,
    /// Anything else.
    Other,
}

impl Form {
    /// None if the bytes are not DER.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let fields = Value::only(bytes).filter(|whole| whole.tag == SEQUENCE)?.items()?;
        let identifier = |value: Option<&Value<'_>>| value?.object_identifier();
        let is_number = fields.first().is_some_and(|first| first.tag == INTEGER);
        let is_key = is_number || fields.last().is_some_and(|last| last.tag == OCTET_STRING);
        let content = fields.get(1).and_then(|second| second.items()).unwrap_or_default();
        let content = identifier(content.first()).filter(|_| is_number);
        Some(if Fields::read(bytes).is_some() {
            Self::Certificate
        } else if RevocationList::from_der(bytes).is_some() {
            Self::RevocationList
        } else if identifier(fields.first()).as_deref() == Some(PKCS7_SIGNED) {
            Self::Pkcs7
        } else if content.is_some_and(|content| [PKCS7_DATA, PKCS7_SIGNED].contains(&content.as_str())) {
            Self::Pkcs12
        } else if is_key {
            Self::Key
        } else {
            Self::Other
        })
    }
}
