//! Which certificates a revocation list covers.

use crate::certificate::fields::Fields;
use crate::certificate::tlv::{Value, Values, constructed, primitive};

/// The certificates of its issuer that a list covers (RFC 5280, 5.2.5): all, unless it says otherwise.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The distribution point at which it is published, in DER: only certificates that name this point are
    /// covered.
    point: Option<Vec<u8>>,
    only_users: bool,
    only_authorities: bool,
    pub(super) only_some_reasons: bool,
    pub(super) is_indirect: bool,
    pub(super) only_attributes: bool,
}

impl Scope {
    pub(super) fn read(scope: Value<'_>) -> Option<Self> {
        let mut fields = scope.sequence()?;
        let point = fields.next_if(constructed(0)).map(|point| point.content.to_vec());
        let only_users = flag(&mut fields, 1)?;
        let only_authorities = flag(&mut fields, 2)?;
        let only_some_reasons = fields.next_if(primitive(3)).is_some();
        let is_indirect = flag(&mut fields, 4)?;
        let only_attributes = flag(&mut fields, 5)?;
        let scope =
            Self { point, only_users, only_authorities, only_some_reasons, is_indirect, only_attributes };
        fields.is_empty().then_some(scope)
    }

    /// Whether a certificate would be on the list.
    pub(super) fn covers(&self, certificate: &Fields<'_>, is_authority: bool) -> bool {
        let is_excluded = if is_authority { self.only_users } else { self.only_authorities };
        !is_excluded && self.point.as_ref().is_none_or(|point| names_point(certificate, point))
    }
}

/// A field that is false where it is missing.
fn flag(fields: &mut Values<'_>, number: u8) -> Option<bool> {
    match fields.next_if(primitive(number)).map(|flag| flag.content) {
        None | Some([0]) => Some(false),
        Some([0xff]) => Some(true),
        Some(_) => None,
    }
}

/// Whether a certificate names this point (RFC 5280, 6.3.3, b, 2) without restricting it to some reasons or
/// to another issuer.
fn names_point(fields: &Fields<'_>, point: &[u8]) -> bool {
    let points = fields.distribution_points().unwrap_or_default();
    points.into_iter().any(|its| {
        let parts = its.items().unwrap_or_default();
        matches!(parts[..], [name] if name.tag == constructed(0) && share_a_name(name.content, point))
    })
}

/// Whether two points have a full name in common, or are identical, as names relative to their issuer may be.
fn share_a_name(one: &[u8], other: &[u8]) -> bool {
    let full = |point| Value::only(point).filter(|names| names.tag == constructed(0)).and_then(Value::items);
    let names = full(one).unwrap_or_default();
    one == other || full(other).is_some_and(|others| names.iter().any(|name| others.contains(name)))
}
