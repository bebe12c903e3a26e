//! Revocation lists (RFC 5280, 5): what one says. Whether it is to be believed is decided elsewhere.

use std::ops::Range;

use super::extensions::{Extension, Extensions, standard};
use super::fields::Fields;
use super::time::Timestamp;
use super::tlv::{
    BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME, Value, Values, constructed,
    primitive, without_zeros,
};
use super::{Certificate, name};

const NUMBER: [u8; 3] = standard(20);
const REASON: [u8; 3] = standard(21);
const INVALIDITY_DATE: [u8; 3] = standard(24);
const DELTA: [u8; 3] = standard(27);
const ISSUING_POINT: [u8; 3] = standard(28);
const CERTIFICATE_ISSUER: [u8; 3] = standard(29);
const AUTHORITY_KEY: [u8; 3] = standard(35);

/// The second version is written as one, and the first as nothing.
const SECOND_VERSION: u64 = 1;

/// Reasons of an entry (RFC 5280, 5.3.1).
const CERTIFICATE_HOLD: u8 = 6;
const REMOVE_FROM_LIST: u8 = 8;

/// A list of certificates that their issuer has revoked. Its bytes are kept as they are and searched anew for
/// each certificate, so that a long list costs little memory.
#[derive(Debug)]
pub(crate) struct RevocationList {
    /// What its issuer has signed.
    signed: Vec<u8>,
    /// The content of an `AlgorithmIdentifier`.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// Of `signed`, in DER.
    issuer: Range<usize>,
    begin: Timestamp,
    end: Option<Timestamp>,
    /// The entries in `signed`.
    entries: Range<usize>,
    scope: Scope,
    obstacle: Option<String>,
}

/// What a list says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    No,
    /// It may come off the list again (`certificateHold`).
    OnHold,
    Revoked,
}

impl RevocationList {
    /// A list in DER, of the first or the second version.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let list = Value::only(der).filter(|list| list.tag == SEQUENCE)?;
        let [signed, algorithm, signature] = list.items()?[..] else { return None };
        let mut fields = signed.sequence()?;
        let is_known = fields.next_if(INTEGER).is_none_or(|version| version.number() == Some(SECOND_VERSION));
        // RFC 5280, 5.1.2.2: both must be the same.
        let is_signed_as_it_says = fields.next()? == algorithm && algorithm.tag == SEQUENCE;
        let issuer = fields.next_if(SEQUENCE)?;
        let begin = time(&mut fields)??;
        let end = match time(&mut fields) {
            Some(end) => Some(end?),
            None => None,
        };
        let entries = fields.next_if(SEQUENCE);
        let extensions = fields.next_if(constructed(0));
        let extensions = extensions.map(|field| Extensions::read(Value::only(field.content)?));
        let is_whole = is_known && is_signed_as_it_says && fields.is_empty();
        let signature =
            signature.content.strip_prefix(&[0]).filter(|_| is_whole && signature.tag == BIT_STRING)?;
        let (scope, obstacle) = match extensions {
            Some(extensions) => about(&extensions?)?,
            None => (Scope::default(), None),
        };
        let of_entries = check_entries(entries.map_or(Values(&[]), |entries| Values(entries.content)))?;
        Some(Self {
            signed: signed.whole.to_vec(),
            algorithm: algorithm.content.to_vec(),
            signature: signature.to_vec(),
            issuer: place(issuer.whole, signed.whole),
            begin,
            end,
            entries: entries.map_or(0..0, |entries| place(entries.content, signed.whole)),
            scope,
            obstacle: obstacle.or(of_entries),
        })
    }

    /// What is signed, the content of the `AlgorithmIdentifier` that says how, and the signature.
    pub(crate) fn signature(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.signed, &self.algorithm, &self.signature)
    }

    /// Whether its issuer has the name of this certificate's.
    pub(crate) fn is_by_issuer_of(&self, certificate: &Certificate) -> bool {
        let own = Value::only(&self.signed[self.issuer.clone()]);
        let other = certificate.fields().map(|fields| fields.issuer);
        own.zip(other).is_some_and(|(own, other)| name::is_same(own, other)) && !self.scope.only_attributes
    }

    /// Since when it holds (`thisUpdate`).
    pub(crate) fn begin(&self) -> Timestamp {
        self.begin
    }

    /// When the next one is due at the latest (`nextUpdate`).
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// Why nobody can say that a certificate is good because it is not on this list.
    pub(crate) fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// Whether a certificate of its issuer would be on it.
    pub(crate) fn covers(&self, certificate: &Certificate, is_authority: bool) -> bool {
        let excluded = if is_authority { self.scope.only_users } else { self.scope.only_authorities };
        let is_its_point =
            |point: &Vec<u8>| certificate.fields().is_some_and(|fields| names_point(&fields, point));
        !excluded && self.scope.point.as_ref().is_none_or(is_its_point)
    }

    /// What it says of a certificate of its issuer.
    pub(crate) fn find(&self, certificate: &Certificate) -> Listed {
        let entries = &self.signed[self.entries.clone()];
        let Some(fields) = certificate.fields() else { return Listed::Revoked };
        let serial = without_zeros(fields.serial);
        // Where these bytes are nowhere at all, as in nearly every list, no entry has to be looked at.
        if memchr::memmem::find(entries, serial).is_none() {
            return Listed::No;
        }
        let mut entries = Values(entries);
        let mut listed = Listed::No;
        while let Some(entry) = entries.next().and_then(Entry::read) {
            if entry.has(&CERTIFICATE_ISSUER) {
                // This entry and those that follow are of certificates of another issuer.
                break;
            }
            if without_zeros(entry.serial) == serial {
                listed = match entry.reason() {
                    Some(REMOVE_FROM_LIST) => listed,
                    Some(CERTIFICATE_HOLD) => Listed::OnHold,
                    _ => return Listed::Revoked,
                };
            }
        }
        listed
    }
}

/// The next field, if it is a time; then none within if it is none that can be read.
fn time(fields: &mut Values<'_>) -> Option<Option<Timestamp>> {
    fields.next_if(UTC_TIME).or_else(|| fields.next_if(GENERALIZED_TIME)).map(Timestamp::read)
}

/// Where a part of these bytes is in them.
fn place(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// What a list is about, and what keeps it from saying that a certificate is good.
fn about(extensions: &Extensions<'_>) -> Option<(Scope, Option<String>)> {
    let scope = match extensions.get(&ISSUING_POINT) {
        Some(extension) => Scope::read(Value::only(extension.value)?)?,
        None => Scope::default(),
    };
    let unknown = extensions
        .critical_beside(&[NUMBER, AUTHORITY_KEY, ISSUING_POINT, DELTA])
        .map(|kind| not_understood(&kind));
    let is_delta = extensions.get(&DELTA).is_some();
    let delta = is_delta.then(|| "it is a delta list, which has only what changed in another one".to_owned());
    let indirect = scope.is_indirect.then(|| "it is an indirect list, for several issuers".to_owned());
    let partial =
        scope.only_some_reasons.then(|| "it is a list for some reasons of revocation only".to_owned());
    Some((scope, unknown.or(delta).or(indirect).or(partial)))
}

fn not_understood(kind: &str) -> String {
    format!("it has a critical extension that is not understood, {kind}")
}

/// Reads all entries once, so that none is found to be malformed in the middle of a connection; what keeps
/// the list from saying that a certificate is good.
fn check_entries(mut entries: Values<'_>) -> Option<Option<String>> {
    let mut obstacle = None;
    while !entries.is_empty() {
        let entry = Entry::read(entries.next()?)?;
        let known = [REASON, INVALIDITY_DATE];
        let unknown = entry.extensions.as_ref().and_then(|extensions| extensions.critical_beside(&known));
        obstacle = obstacle.or_else(|| unknown.map(|kind| not_understood(&kind)));
    }
    Some(obstacle)
}

/// One revoked certificate (RFC 5280, 5.1.2.6).
struct Entry<'a> {
    serial: &'a [u8],
    extensions: Option<Extensions<'a>>,
}

impl<'a> Entry<'a> {
    fn read(entry: Value<'a>) -> Option<Self> {
        let mut fields = entry.sequence()?;
        let serial = fields.next_if(INTEGER)?.content;
        time(&mut fields)??;
        let extensions = match fields.next_if(SEQUENCE) {
            Some(extensions) => Some(Extensions::read(extensions)?),
            None => None,
        };
        fields.is_empty().then_some(Self { serial, extensions })
    }

    fn extension(&self, kind: &[u8]) -> Option<&Extension<'a>> {
        self.extensions.as_ref()?.get(kind)
    }

    fn has(&self, kind: &[u8]) -> bool {
        self.extension(kind).is_some()
    }

    fn reason(&self) -> Option<u8> {
        let reason = Value::only(self.extension(&REASON)?.value).filter(|reason| reason.tag == ENUMERATED)?;
        <[u8; 1]>::try_from(reason.content).ok().map(|[reason]| reason)
    }
}

/// Which certificates of its issuer a list is about (RFC 5280, 5.2.5): all of them where it does not say.
#[derive(Debug, Default)]
struct Scope {
    /// The name of the point that it is published at, in DER: it is about the certificates that name it.
    point: Option<Vec<u8>>,
    only_users: bool,
    only_authorities: bool,
    only_some_reasons: bool,
    is_indirect: bool,
    only_attributes: bool,
}

impl Scope {
    fn read(scope: Value<'_>) -> Option<Self> {
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
}

/// A field that is false where it is missing.
fn flag(fields: &mut Values<'_>, number: u8) -> Option<bool> {
    match fields.next_if(primitive(number)).map(|flag| flag.content) {
        None | Some([0]) => Some(false),
        Some([0xff]) => Some(true),
        Some(_) => None,
    }
}

/// Whether a certificate names this point (RFC 5280, 6.3.3, b, 2), by itself: for all reasons, and as one of its
/// own issuer.
fn names_point(fields: &Fields<'_>, point: &[u8]) -> bool {
    let points = fields.distribution_points().unwrap_or_default();
    points.into_iter().any(|its| {
        let parts = its.items().unwrap_or_default();
        matches!(parts[..], [name] if name.tag == constructed(0) && share_a_name(name.content, point))
    })
}

/// Whether two points have a name in common, in the form of full names; a name relative to its issuer is one.
fn share_a_name(one: &[u8], other: &[u8]) -> bool {
    let full = |point| Value::only(point).filter(|names| names.tag == constructed(0)).and_then(Value::items);
    let names = full(one).unwrap_or_default();
    one == other || full(other).is_some_and(|others| names.iter().any(|name| others.contains(name)))
}

#[cfg(test)]
mod tests;
