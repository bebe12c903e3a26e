//! The fields of a certificate, found in its DER.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Keys and curves that have a name and one size.
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

/// The parts of a certificate that are told.
pub(super) struct Fields<'a> {
    pub(super) serial: &'a [u8],
    pub(super) issuer: AnyRef<'a>,
    pub(super) not_before: AnyRef<'a>,
    pub(super) not_after: AnyRef<'a>,
    pub(super) subject: AnyRef<'a>,
    key: AnyRef<'a>,
    extensions: Option<AnyRef<'a>>,
}

impl<'a> Fields<'a> {
    /// RFC 5280, 4.1.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let certificate = AnyRef::from_der(der).ok()?;
        let signed = *items(certificate)?.first()?;
        let mut fields = items(signed)?;
        // The first version has no number.
        if is_context(fields.first()?, 0) {
            fields.remove(0);
        }
        let [serial, _signature, issuer, validity, subject, key, ..] = fields[..] else { return None };
        let [not_before, not_after] = items(validity)?[..] else { return None };
        let extensions = fields[6..].iter().find(|field| is_context(field, 3));
        let extensions = extensions.and_then(|field| items(*field)?.first().copied());
        let serial = match serial.value() {
            // It only keeps the number from being read as negative.
            [0, rest @ ..] if !rest.is_empty() => rest,
            whole => whole,
        };
        Some(Self { serial, issuer, not_before, not_after, subject, key, extensions })
    }

    /// The public key with what it is for, in DER.
    pub(super) fn key_info(&self) -> Option<Vec<u8>> {
        self.key.to_der().ok()
    }

    pub(super) fn key_name(&self) -> Option<String> {
        let [algorithm, key] = items(self.key)?[..] else { return None };
        let algorithm = items(algorithm)?;
        let kind: ObjectIdentifier = algorithm.first()?.decode_as().ok()?;
        Some(match kind {
            RSA => format!("RSA {}", modulus_bits(key)?),
            RSA_PSS => format!("RSA-PSS {}", modulus_bits(key)?),
            EC => format!("EC {}", key_by_name(algorithm.get(1)?.decode_as().ok()?)),
            other => key_by_name(other),
        })
    }

    /// The size of a key of RSA, in bits.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        let [algorithm, key] = items(self.key)?[..] else { return None };
        let kind: ObjectIdentifier = items(algorithm)?.first()?.decode_as().ok()?;
        if [RSA, RSA_PSS].contains(&kind) { modulus_bits(key) } else { None }
    }

    /// The subject alternative names (RFC 5280, 4.2.1.6).
    pub(super) fn names(&self) -> Vec<String> {
        let value = self.extension(SUBJECT_ALT_NAME);
        let names = value.and_then(|value| items(AnyRef::from_der(value).ok()?));
        names.into_iter().flatten().filter_map(name).collect()
    }

    /// Whether the key may be used for this, a bit of the key usage (RFC 5280, 4.2.1.3). Where there is
    /// none it may be used for everything.
    pub(super) fn allows(&self, usage: u8) -> bool {
        let Some(value) = self.extension(KEY_USAGE) else { return true };
        let bits = AnyRef::from_der(value).ok().filter(|bits| bits.tag() == Tag::BitString);
        // The first byte says how many bits the last one lacks.
        bits.and_then(|bits| bits.value().get(1).copied()).is_some_and(|bits| bits & usage != 0)
    }

    /// Whether it is one of an authority (RFC 5280, 4.2.1.9), and how many others may come between that
    /// and what it stands for. Before the third version of X.509 nothing said so.
    pub(super) fn authority(&self) -> Option<u64> {
        let is_old = self.extensions.is_none();
        let Some(value) = self.extension(BASIC_CONSTRAINTS) else { return is_old.then_some(u64::MAX) };
        let constraints = items(AnyRef::from_der(value).ok()?)?;
        let [is_authority, rest @ ..] = &constraints[..] else { return None };
        match rest {
            _ if !is_authority.decode_as::<bool>().ok()? => None,
            [] => Some(u64::MAX),
            [length, ..] => length.decode_as::<u64>().ok(),
        }
    }

    fn extension(&self, wanted: ObjectIdentifier) -> Option<&'a [u8]> {
        let extensions = self.extensions.and_then(items).unwrap_or_default();
        extensions.into_iter().find_map(|extension| {
            let extension = items(extension)?;
            let kind: ObjectIdentifier = extension.first()?.decode_as().ok()?;
            (kind == wanted).then_some(extension.last()?.value())
        })
    }
}

/// What a constructed value holds.
pub(super) fn items(constructed: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(constructed.value()).ok()?;
    let mut items = Vec::new();
    while !reader.is_finished() {
        items.push(reader.decode().ok()?);
    }
    Some(items)
}

fn is_context(field: &AnyRef<'_>, wanted: u32) -> bool {
    matches!(field.tag(), Tag::ContextSpecific { number, .. } if number == TagNumber(wanted))
}

/// One name, of the kinds that are text or an address.
fn name(name: AnyRef<'_>) -> Option<String> {
    let Tag::ContextSpecific { number, .. } = name.tag() else { return None };
    let text = || String::from_utf8_lossy(name.value()).escape_debug().to_string();
    match number.value() {
        2 if text().parse::<IpAddr>().is_ok() => Some(format!("DNS:{}", text())),
        1 | 2 | 6 => Some(text()),
        7 => address(name.value()).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

fn key_by_name(kind: ObjectIdentifier) -> String {
    let kind = kind.to_string();
    KEYS.iter().find(|(id, _)| *id == kind).map_or(kind.clone(), |(_, name)| (*name).to_owned())
}

/// The size of an RSA key (RFC 8017, A.1.1).
fn modulus_bits(key: AnyRef<'_>) -> Option<usize> {
    // A bit string begins with how many bits its last byte lacks, which is none.
    let key = AnyRef::from_der(key.value().strip_prefix(&[0])?).ok()?;
    let modulus = items(key)?.first()?.value();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - first.leading_zeros() as usize)
}
