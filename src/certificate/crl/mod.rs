//! The contents of revocation lists (RFC 5280, 5). `transport/tls` checks their signatures.

mod scope;

use std::ops::Range;

use super::extensions::{Extension, Extensions, standard};
use super::time::Timestamp;
use super::tlv::{
    BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME, Value, Values, constructed,
    without_zeros,
};
use super::{Certificate, name};
use scope::Scope;

const NUMBER: [u8; 3] = standard(20);
const REASON: [u8; 3] = standard(21);
const INVALIDITY_DATE: [u8; 3] = standard(24);
const DELTA: [u8; 3] = standard(27);
const ISSUING_POINT: [u8; 3] = standard(28);
const CERTIFICATE_ISSUER: [u8; 3] = standard(29);
const AUTHORITY_KEY: [u8; 3] = standard(35);

/// The second version is encoded as 1; the first is left out.
const SECOND_VERSION: u64 = 1;

/// Reasons of an entry (RFC 5280, 5.3.1).
const CERTIFICATE_HOLD: u8 = 6;
const REMOVE_FROM_LIST: u8 = 8;

/// A list of certificates that their issuer has revoked. Its bytes are kept as they are and searched anew for
/// each certificate, so that a long list costs little memory.
#[derive(Debug)]
pub(crate) struct RevocationList {
    /// The signed bytes (`tbsCertList`).
    signed: Vec<u8>,
    /// The content of an `AlgorithmIdentifier`.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// The name of the issuer within `signed`, in DER.
    issuer: Range<usize>,
    begin: Timestamp,
    end: Option<Timestamp>,
    /// The entries within `signed`.
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
        let fields = Signed::read(signed)?;
        // RFC 5280, 5.1.2.2: both must be the same.
        let is_signed_as_it_says = fields.algorithm == algorithm && signature.tag == BIT_STRING;
        let signature = signature.content.strip_prefix(&[0]).filter(|_| is_signed_as_it_says)?;
        let (scope, mut obstacle) = match &fields.extensions {
            Some(extensions) => scope_and_obstacle(extensions)?,
            None => (Scope::default(), None),
        };
        read_all(Values(fields.entries), &mut obstacle)?;
        Some(Self {
            signed: signed.whole.to_vec(),
            algorithm: algorithm.content.to_vec(),
            signature: signature.to_vec(),
            issuer: range_within(fields.issuer.whole, signed.whole),
            begin: fields.begin,
            end: fields.end,
            entries: range_within(fields.entries, signed.whole),
            scope,
            obstacle,
        })
    }

    /// The signed bytes, the content of their `AlgorithmIdentifier`, and the signature.
    pub(crate) fn signature(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.signed, &self.algorithm, &self.signature)
    }

    /// Whether its issuer has the name of the certificate's issuer. Lists of attribute certificates do not
    /// count.
    pub(crate) fn is_by_issuer_of(&self, certificate: &Certificate) -> bool {
        let own = Value::only(&self.signed[self.issuer.clone()]);
        let other = certificate.fields().map(|fields| fields.issuer);
        own.zip(other).is_some_and(|(own, other)| name::is_same(own, other)) && !self.scope.only_attributes
    }

    /// When it was issued (`thisUpdate`).
    pub(crate) fn begin(&self) -> Timestamp {
        self.begin
    }

    /// When the next list is due at the latest (`nextUpdate`).
    pub(crate) fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// Why the absence of a certificate from this list does not prove it to be good.
    pub(crate) fn obstacle(&self) -> Option<&str> {
        self.obstacle.as_deref()
    }

    /// Whether a certificate of its issuer would be on it.
    pub(crate) fn covers(&self, certificate: &Certificate, is_authority: bool) -> bool {
        certificate.fields().is_some_and(|fields| self.scope.covers(&fields, is_authority))
    }

    /// What it says of a certificate of its issuer.
    pub(crate) fn find(&self, certificate: &Certificate) -> Listed {
        let entries = &self.signed[self.entries.clone()];
        let Some(fields) = certificate.fields() else { return Listed::Revoked };
        let serial = without_zeros(fields.serial);
        // For nearly every certificate its serial number is nowhere in these bytes, and no entry has to be
        // parsed.
        if memchr::memmem::find(entries, serial).is_none() {
            return Listed::No;
        }
        let mut entries = Values(entries);
        let mut listed = Listed::No;
        while let Some(entry) = entries.next().and_then(Entry::read) {
            if entry.has(&CERTIFICATE_ISSUER) {
                // This entry and those that follow concern certificates of another issuer.
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

/// The fields of the signed part (RFC 5280, 5.1.2).
struct Signed<'a> {
    algorithm: Value<'a>,
    issuer: Value<'a>,
    begin: Timestamp,
    end: Option<Timestamp>,
    entries: &'a [u8],
    extensions: Option<Extensions<'a>>,
}

impl<'a> Signed<'a> {
    fn read(signed: Value<'a>) -> Option<Self> {
        let mut fields = signed.sequence()?;
        let is_known = fields.next_if(INTEGER).is_none_or(|version| version.number() == Some(SECOND_VERSION));
        let algorithm = fields.next_if(SEQUENCE)?;
        let issuer = fields.next_if(SEQUENCE)?;
        let begin = time(&mut fields)?;
        let has_end = matches!(fields.0.first(), Some(&UTC_TIME | &GENERALIZED_TIME));
        let end = if has_end { Some(time(&mut fields)?) } else { None };
        let entries = fields.next_if(SEQUENCE).map_or(&signed.content[..0], |entries| entries.content);
        let extensions = match fields.next_if(constructed(0)) {
            Some(field) => Some(Extensions::read(Value::only(field.content)?)?),
            None => None,
        };
        let is_whole = is_known && fields.is_empty();
        is_whole.then_some(Self { algorithm, issuer, begin, end, entries, extensions })
    }
}

fn time(fields: &mut Values<'_>) -> Option<Timestamp> {
    fields.next().and_then(Timestamp::read)
}

/// The range of `part` within `whole`; `part` must be a slice of it.
fn range_within(part: &[u8], whole: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// The scope of a list, and why absence from it would prove nothing (see [`RevocationList::obstacle`]).
fn scope_and_obstacle(extensions: &Extensions<'_>) -> Option<(Scope, Option<String>)> {
    let scope = match extensions.get(&ISSUING_POINT) {
        Some(extension) => Scope::read(Value::only(extension.value)?)?,
        None => Scope::default(),
    };
    let unknown = extensions
        .unknown_critical(&[NUMBER, AUTHORITY_KEY, ISSUING_POINT, DELTA])
        .map(|kind| not_understood(&kind));
    let is_delta = extensions.get(&DELTA).is_some();
    let delta = is_delta.then(|| "it is a delta list, with only the changes to another list".to_owned());
    let indirect = scope.is_indirect.then(|| "it is an indirect list, for several issuers".to_owned());
    let partial = scope.only_some_reasons.then(|| "it covers only some reasons for revocation".to_owned());
    Some((scope, unknown.or(delta).or(indirect).or(partial)))
}

fn not_understood(kind: &str) -> String {
    format!("it has a critical extension that is not understood, {kind}")
}

/// Reads all entries once, so that a malformed one is found now and not during a connection. An entry with a
/// critical extension that is not understood is an obstacle.
fn read_all(mut entries: Values<'_>, obstacle: &mut Option<String>) -> Option<()> {
    while !entries.is_empty() {
        let extensions = Entry::read(entries.next()?)?.extensions;
        let unknown =
            extensions.and_then(|extensions| extensions.unknown_critical(&[REASON, INVALIDITY_DATE]));
        if let Some(kind) = unknown.filter(|_| obstacle.is_none()) {
            *obstacle = Some(not_understood(&kind));
        }
    }
    Some(())
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
        time(&mut fields)?;
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

#[cfg(test)]
mod tests;
