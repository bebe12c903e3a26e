//! The fields of a certificate, found in its DER.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::extensions::{Extensions, standard};
use super::time::Timestamp;
use super::tlv::{BIT_STRING, SEQUENCE, Value, constructed, without_zeros};

const SUBJECT_ALT_NAME: [u8; 3] = standard(17);
const BASIC_CONSTRAINTS: [u8; 3] = standard(19);
const KEY_USAGE: [u8; 3] = standard(15);
const NAME_CONSTRAINTS: [u8; 3] = standard(30);
const DISTRIBUTION_POINTS: [u8; 3] = standard(31);
const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";

/// Kinds of keys, and curves, whose name implies their size.
const KEYS: [(&str, &str); 9] = [
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// The fields of a certificate that are used here.
pub(super) struct Fields<'a> {
    pub(super) serial: &'a [u8],
    pub(super) issuer: Value<'a>,
    pub(super) not_before: Value<'a>,
    pub(super) not_after: Value<'a>,
    pub(super) subject: Value<'a>,
    key: Value<'a>,
    /// As before the third version of X.509.
    lacks_extensions: bool,
    /// None also if they cannot be read.
    extensions: Option<Extensions<'a>>,
}

impl<'a> Fields<'a> {
    /// RFC 5280, 4.1.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let certificate = Value::only(der).filter(|whole| whole.tag == SEQUENCE)?;
        let [signed, _algorithm, _signature] = certificate.items()?[..] else { return None };
        let mut fields = signed.items()?;
        // A certificate of the first version of X.509 has no version field.
        if fields.first()?.tag == constructed(0) {
            fields.remove(0);
        }
        let [serial, _signature, issuer, validity, subject, key, ..] = fields[..] else { return None };
        let [not_before, not_after] = validity.items()?[..] else { return None };
        let extensions = fields[6..].iter().find(|field| field.tag == constructed(3));
        let lacks_extensions = extensions.is_none();
        let extensions = extensions.and_then(|field| Extensions::read(Value::only(field.content)?));
        let serial = match serial.content {
            // A leading zero only keeps the number from being read as negative.
            [0, rest @ ..] if !rest.is_empty() => rest,
            whole => whole,
        };
        Some(Self { serial, issuer, not_before, not_after, subject, key, lacks_extensions, extensions })
    }

    /// The public key with its algorithm (`SubjectPublicKeyInfo`), in DER.
    pub(super) fn key_info(&self) -> &'a [u8] {
        self.key.whole
    }

    pub(super) fn key_name(&self) -> Option<String> {
        let [algorithm, key] = self.key.items()?[..] else { return None };
        let algorithm = algorithm.items()?;
        let kind = algorithm.first()?.object_identifier()?;
        Some(match kind.as_str() {
            RSA => format!("RSA {}", modulus_bits(key)?),
            RSA_PSS => format!("RSA-PSS {}", modulus_bits(key)?),
            EC => format!("EC {}", key_by_name(&algorithm.get(1)?.object_identifier()?)),
            other => key_by_name(other),
        })
    }

    /// The size of the key in bits, if it is an RSA key.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        let [algorithm, key] = self.key.items()?[..] else { return None };
        let kind = algorithm.items()?.first()?.object_identifier()?;
        if [RSA, RSA_PSS].contains(&kind.as_str()) { modulus_bits(key) } else { None }
    }

    /// The subject alternative names (RFC 5280, 4.2.1.6).
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.extension(&SUBJECT_ALT_NAME).and_then(Value::items);
        names.into_iter().flatten().filter_map(name).collect()
    }

    /// Whether the key usage (RFC 5280, 4.2.1.3) has this bit. A certificate without a key usage allows every
    /// use.
    pub(super) fn allows(&self, usage: u8) -> bool {
        let Some(extensions) = &self.extensions else { return self.lacks_extensions };
        let Some(extension) = extensions.get(&KEY_USAGE) else { return true };
        let bits = Value::only(extension.value).filter(|bits| bits.tag == BIT_STRING);
        // The first byte counts the unused bits of the last one.
        bits.and_then(|bits| bits.content.get(1).copied()).is_some_and(|bits| bits & usage != 0)
    }

    /// How many intermediates an authority may have below it (RFC 5280, 4.2.1.9); None if the certificate is
    /// not an authority's. Before the third version of X.509 nothing in a certificate limited it.
    pub(super) fn path_length(&self) -> Option<u64> {
        if self.lacks_extensions {
            return Some(u64::MAX);
        }
        let constraints = self.extension(&BASIC_CONSTRAINTS)?.items()?;
        let [is_authority, rest @ ..] = &constraints[..] else { return None };
        match rest {
            _ if !is_authority.boolean()? => None,
            [] => Some(u64::MAX),
            [length, ..] => length.number(),
        }
    }

    /// Where its revocation lists are published, if it says so (RFC 5280, 4.2.1.13).
    pub(super) fn distribution_points(&self) -> Option<Vec<Value<'a>>> {
        self.extension(&DISTRIBUTION_POINTS)?.items()
    }

    /// The first unreadable part of those that matter in a trusted certificate.
    pub(super) fn unreadable_part(&self) -> Option<&'static str> {
        let is_time = |time| Timestamp::read(time).is_some();
        let parts = [
            ("validity", is_time(self.not_before) && is_time(self.not_after)),
            ("public key", is_key(self.key).unwrap_or(false)),
            ("extensions", self.lacks_extensions || self.extensions.is_some()),
            ("name constraints", self.are_name_constraints_readable()),
        ];
        parts.into_iter().find(|(_, is_readable)| !is_readable).map(|(part, _)| part)
    }

    fn are_name_constraints_readable(&self) -> bool {
        let constraints = self.extensions.as_ref().and_then(|extensions| extensions.get(&NAME_CONSTRAINTS));
        constraints.is_none_or(|constraints| are_constraints(constraints.value).unwrap_or(false))
    }

    /// The one value that an extension holds.
    fn extension(&self, wanted: &[u8]) -> Option<Value<'a>> {
        Value::only(self.extensions.as_ref()?.get(wanted)?.value)
    }
}

/// Whether this is a public key of some kind (RFC 5280, 4.1.2.7).
fn is_key(key: Value<'_>) -> Option<bool> {
    let [algorithm, bits] = key.items()?[..] else { return None };
    let kind = algorithm.items()?.first()?.object_identifier();
    Some(kind.is_some() && bits.tag == BIT_STRING && bits.content.first() == Some(&0))
}

/// Whether these are name constraints (RFC 5280, 4.2.1.10): lists of permitted and of excluded names.
fn are_constraints(der: &[u8]) -> Option<bool> {
    let lists = Value::only(der)?.items()?;
    let is_list = |list: &Value<'_>| [constructed(0), constructed(1)].contains(&list.tag);
    let names: Vec<_> = lists.iter().map(|list| list.items()).collect::<Option<Vec<_>>>()?.concat();
    let is_name = |name: &Value<'_>| {
        let base = name.sequence().and_then(|mut name| name.next());
        // An address comes with its mask.
        base.is_some_and(|base| {
            base.tag & 0xc0 == 0x80 && (base.tag != 0x87 || [8, 32].contains(&base.content.len()))
        })
    };
    Some(lists.iter().all(is_list) && names.iter().all(is_name))
}

/// One name, if it is of a kind that is text or an IP address.
fn name(name: Value<'_>) -> Option<String> {
    let text = || String::from_utf8_lossy(name.content).escape_debug().to_string();
    match name.tag & !0x20 {
        0x82 if text().parse::<IpAddr>().is_ok() => Some(format!("DNS:{}", text())),
        0x81 | 0x82 | 0x86 => Some(text()),
        0x87 => address(name.content).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

fn key_by_name(kind: &str) -> String {
    KEYS.iter().find(|(id, _)| *id == kind).map_or(kind, |(_, name)| *name).to_owned()
}

/// The size of an RSA key (RFC 8017, A.1.1).
fn modulus_bits(key: Value<'_>) -> Option<usize> {
    // A bit string begins with the number of unused bits in its last byte, here none.
    let key = Value::only(key.content.strip_prefix(&[0])?)?;
    let modulus = without_zeros(key.items()?.first()?.content);
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}
