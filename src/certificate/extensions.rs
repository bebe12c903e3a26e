//! The extensions of a certificate, of a revocation list and of its entries: all have one form
//! (RFC 5280, 4.2).

use super::UNREADABLE;
use super::tlv::{BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Value, object_identifier};

/// The object identifier 2.5.29.`number` of an extension that RFC 5280 defines, as the content of its DER.
pub(super) const fn standard(number: u8) -> [u8; 3] {
    [0x55, 0x1d, number]
}

pub(super) struct Extension<'a> {
    /// The content of an object identifier.
    kind: &'a [u8],
    /// A reader that does not understand it must reject what carries it.
    is_critical: bool,
    /// In DER.
    pub(super) value: &'a [u8],
}

pub(super) struct Extensions<'a>(Vec<Extension<'a>>);

impl<'a> Extensions<'a> {
    /// Every extension. None if one is malformed or a kind occurs twice.
    pub(super) fn read(extensions: Value<'a>) -> Option<Self> {
        let mut all = Self(Vec::new());
        for value in extensions.items().filter(|_| extensions.tag == SEQUENCE)? {
            let extension = extension(value)?;
            if all.get(extension.kind).is_some() {
                return None;
            }
            all.0.push(extension);
        }
        Some(all)
    }

    pub(super) fn get(&self, kind: &[u8]) -> Option<&Extension<'a>> {
        self.0.iter().find(|extension| extension.kind == kind)
    }

    /// The object identifier of the first critical extension that is not among `known`.
    pub(super) fn unknown_critical(&self, known: &[[u8; 3]]) -> Option<String> {
        let is_known = |extension: &Extension<'_>| known.iter().any(|known| known == extension.kind);
        let unknown = self.0.iter().find(|extension| extension.is_critical && !is_known(extension))?;
        Some(object_identifier(unknown.kind).unwrap_or_else(|| UNREADABLE.to_owned()))
    }
}

fn extension(extension: Value<'_>) -> Option<Extension<'_>> {
    let mut fields = extension.sequence()?;
    let kind = fields.next_if(OBJECT_IDENTIFIER)?.content;
    let is_critical = match fields.next_if(BOOLEAN) {
        Some(critical) => critical.boolean()?,
        None => false,
    };
    let value = fields.next_if(OCTET_STRING)?.content;
    fields.is_empty().then_some(Extension { kind, is_critical, value })
}
