//! The extensions of a certificate, of a revocation list and of its entries: all have one form
//! (RFC 5280, 4.2).

use super::UNREADABLE;
use super::tlv::{BOOLEAN, OBJECT_IDENTIFIER, OCTET_STRING, Value, object_identifier};

/// One of the extensions that the standard itself defines, 2.5.29 and this number.
pub(super) const fn standard(number: u8) -> [u8; 3] {
    [0x55, 0x1d, number]
}

pub(super) struct Extension<'a> {
    /// The content of an object identifier.
    kind: &'a [u8],
    /// Nothing that does not understand it may use what it is an extension of.
    is_critical: bool,
    /// In DER.
    pub(super) value: &'a [u8],
}

pub(super) struct Extensions<'a>(Vec<Extension<'a>>);

impl<'a> Extensions<'a> {
    /// All of them; of each kind there is one at most.
    pub(super) fn read(extensions: Value<'a>) -> Option<Self> {
        let mut values = extensions.sequence()?;
        let mut all = Self(Vec::new());
        while !values.is_empty() {
            let extension = extension(values.next()?)?;
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

    /// A critical one that is none of these, as people write it.
    pub(super) fn critical_beside(&self, known: &[[u8; 3]]) -> Option<String> {
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
