//! Recognizes DER in a file that must be PEM, so that the error can say how to convert it.

use super::RevocationList;
use super::fields::Fields;
use super::pem::Block;
use super::tlv::{INTEGER, OCTET_STRING, SEQUENCE, Value, Values};

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

/// The values of DER, one after the other, as the blocks that PEM would make of them; none if one of them is
/// neither a certificate, a revocation list nor a key.
pub(crate) fn blocks_of_der(bytes: &[u8]) -> Option<Vec<Block>> {
    let (mut values, mut blocks) = (Values(bytes), Vec::new());
    while !values.is_empty() {
        let der = values.next()?.whole;
        let label = match Form::of(der)? {
            Form::Certificate => "CERTIFICATE",
            Form::RevocationList => "X509 CRL",
            Form::Key => key_label(der)?,
            Form::Pkcs12 | Form::Pkcs7 | Form::Other => return None,
        };
        blocks.push(Block { label: label.to_owned(), line: 0, der: der.to_vec(), is_encrypted: false });
    }
    (!blocks.is_empty()).then_some(blocks)
}

/// What PEM calls a key of this form (RFC 5958, 8017 and 5915).
fn key_label(der: &[u8]) -> Option<&'static str> {
    let tags: Vec<_> = Value::only(der)?.items()?.iter().map(|field| field.tag).collect();
    match tags[..] {
        [INTEGER, SEQUENCE, ..] => Some("PRIVATE KEY"),
        [INTEGER, INTEGER, ..] => Some("RSA PRIVATE KEY"),
        [INTEGER, OCTET_STRING, ..] => Some("EC PRIVATE KEY"),
        [SEQUENCE, OCTET_STRING] => Some("ENCRYPTED PRIVATE KEY"),
        _ => None,
    }
}
