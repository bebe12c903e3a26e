//! Revocation lists as they are and damaged. Nothing here looks at their signatures.

use proptest::prelude::*;

use super::*;
use crate::certificate::tlv::der as bytes;

fn value(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    bytes(tag, &parts.concat())
}

fn extension(kind: [u8; 3], content: Vec<u8>) -> Vec<u8> {
    value(SEQUENCE, &[bytes(6, &kind), bytes(1, &[0xff]), value(4, &[content])])
}

fn algorithm() -> Vec<u8> {
    value(SEQUENCE, &[bytes(6, &[0x2b, 0x65, 0x70])])
}

/// A signed structure of these fields.
fn signed(fields: &[Vec<u8>]) -> Vec<u8> {
    value(SEQUENCE, &[value(SEQUENCE, fields), algorithm(), bytes(BIT_STRING, &[0, 1, 2])])
}

fn name() -> Vec<u8> {
    let attribute = value(SEQUENCE, &[bytes(6, &[0x55, 4, 3]), bytes(12, b"me")]);
    value(SEQUENCE, &[value(0x31, &[attribute])])
}

/// The name of a distribution point.
fn point() -> Vec<u8> {
    value(0xa0, &[value(0xa0, &[bytes(0x86, b"http://here/")])])
}

/// A list that revokes the end-entity certificates with these serial numbers.
fn list(serials: &[u8]) -> Vec<u8> {
    let time = |text: &str| bytes(UTC_TIME, text.as_bytes());
    let entry = |serial: &u8| {
        let reason = value(SEQUENCE, &[extension(REASON, bytes(ENUMERATED, &[1]))]);
        value(SEQUENCE, &[bytes(INTEGER, &[*serial]), time("200101000000Z"), reason])
    };
    let entries: Vec<_> = serials.iter().map(entry).collect();
    let scope = extension(ISSUING_POINT, value(SEQUENCE, &[point(), bytes(0x81, &[0xff])]));
    let (begin, end) = (time("200102000000Z"), time("491231000000Z"));
    let extensions = value(constructed(0), &[value(SEQUENCE, &[scope])]);
    signed(&[bytes(INTEGER, &[1]), algorithm(), name(), begin, end, value(SEQUENCE, &entries), extensions])
}

/// A certificate of the same issuer that names the point of the list.
fn certificate(serial: u8) -> Certificate {
    let validity = value(SEQUENCE, &[bytes(UTC_TIME, b"200101000000Z"), bytes(UTC_TIME, b"491231000000Z")]);
    let key = value(SEQUENCE, &[algorithm(), bytes(BIT_STRING, &[0, 7])]);
    let points = extension([0x55, 0x1d, 31], value(SEQUENCE, &[value(SEQUENCE, &[point()])]));
    let extensions = value(constructed(3), &[value(SEQUENCE, &[points])]);
    let version = value(constructed(0), &[bytes(INTEGER, &[2])]);
    let fields = [version, bytes(INTEGER, &[serial]), algorithm(), name(), validity, name(), key, extensions];
    Certificate::from_der(signed(&fields))
}

/// Calls every method of a list.
fn ask(list: &RevocationList, certificate: &Certificate) -> (bool, bool, Listed) {
    let _ = (list.begin(), list.end(), list.obstacle(), list.signature());
    let covers = list.covers(certificate, false);
    (list.is_by_issuer_of(certificate), covers, list.find(certificate))
}

#[test]
fn a_list_returns_what_was_put_in() {
    let list = RevocationList::from_der(&list(&[7, 8])).unwrap();
    assert_eq!(ask(&list, &certificate(7)), (true, true, Listed::Revoked));
    assert_eq!(ask(&list, &certificate(9)), (true, true, Listed::No));
    assert!(!list.covers(&certificate(7), true));
    assert_eq!(list.begin().to_string(), "2020-01-02T00:00:00Z");
    assert_eq!((list.end().unwrap().to_string().as_str(), list.obstacle()), ("2049-12-31T00:00:00Z", None));
}

#[test]
fn a_truncated_list_is_rejected() {
    let der = list(&[7]);
    for length in 0..der.len() {
        assert!(RevocationList::from_der(&der[..length]).is_none());
    }
    assert!(RevocationList::from_der(&[&der[..], &[0]].concat()).is_none());
}

proptest! {
    #[test]
    fn a_damaged_list_does_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut der = list(&[7, 8]);
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        if let Some(list) = RevocationList::from_der(&der) {
            ask(&list, &certificate(7));
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(der in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = RevocationList::from_der(&der);
        let _ = super::super::Form::of(&der);
        let _ = super::super::TrustSettings::split(&der);
    }
}
