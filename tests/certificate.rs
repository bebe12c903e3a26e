//! The contents of certificates as text: names, times, keys, and values that were written to mislead.

use std::time::{Duration, SystemTime};

use astream::{Certificate, Identity};
use rcgen::string::{BmpString, PrintableString, TeletexString};
use rcgen::{
    CertificateParams, CertifiedIssuer, DnType, DnValue, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType, SerialNumber,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn named(names: impl IntoIterator<Item = (DnType, DnValue)>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    names.into_iter().for_each(|(kind, value)| params.distinguished_name.push(kind, value));
    params
}

fn own(params: &CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    Certificate::from_der(params.self_signed(&key).unwrap().der().as_ref())
}

#[test]
fn subject_and_issuer_are_written_as_rfc_4514_says() {
    let authority = named([
        (DnType::CountryName, DnValue::PrintableString(PrintableString::try_from("HR").unwrap())),
        (DnType::OrganizationName, "Lučić, Sons + Co".into()),
    ]);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let params = named([
        (DnType::CommonName, "one\nastream: two\u{1b}[2J".into()),
        (DnType::LocalityName, DnValue::BmpString(BmpString::try_from("東京").unwrap())),
        (DnType::StateOrProvinceName, DnValue::TeletexString(TeletexString::try_from("old").unwrap())),
        (DnType::CustomDnType(vec![1, 2, 3]), "x".into()),
    ]);
    let made = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    let certificate = Certificate::from_der(made.der().as_ref());
    let subject = "1.2.3=#0c0178,ST=old,L=東京,CN=one\\0Aastream: two\\1B[2J";
    assert_eq!(certificate.subject(), subject);
    assert_eq!(certificate.issuer(), "O=Lučić\\, Sons \\+ Co,C=HR");
    assert!(format!("{certificate:?}").starts_with(&format!("Certificate({subject}, SHA-256 ")));
}

#[test]
fn names_of_every_kind_are_reported_and_none_looks_like_another() {
    let mut params = named([]);
    let text = |text: &str| text.try_into().unwrap();
    params.subject_alt_names = vec![
        SanType::DnsName(text("*.example.org")),
        SanType::IpAddress("192.0.2.1".parse().unwrap()),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::DnsName(text("192.0.2.1")),
        SanType::DnsName(text("a\nb")),
        SanType::Rfc822Name(text("me@example.org")),
        SanType::URI(text("https://example.org/")),
        SanType::OtherName((vec![1, 2, 3], "not reported".into())),
    ];
    let names = [
        "*.example.org",
        "192.0.2.1",
        "2001:db8::1",
        "DNS:192.0.2.1",
        "a\\nb",
        "me@example.org",
        "https://example.org/",
    ];
    assert_eq!(own(&params).names(), names);
    assert_eq!(own(&named([])).names(), [""; 0]);
}

#[test]
fn validity_is_reported_in_utc_with_whole_days_left() {
    let mut params = named([]);
    params.not_before = rcgen::date_time_ymd(1999, 12, 31);
    for (year, text) in
        [(2049, "2049-03-01T00:00:00Z"), (2050, "2050-03-01T00:00:00Z"), (9999, "9999-03-01T00:00:00Z")]
    {
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        let certificate = own(&params);
        assert_eq!(certificate.not_before().unwrap().to_string(), "1999-12-31T00:00:00Z");
        let end = certificate.not_after().unwrap();
        assert_eq!(end.to_string(), text);
        let (end, second) = (SystemTime::from(end), Duration::from_secs(1));
        for (now, left) in [
            (end - 3 * DAY, 3),
            (end - 3 * DAY + second, 2),
            (end - second, 0),
            (end, 0),
            (end + second, -1),
            (end + 2 * DAY, -3),
        ] {
            assert_eq!(certificate.days_left(now), Some(left));
        }
    }
}

#[test]
fn a_time_before_1970_is_reported() {
    for (year, text) in
        [(1950, "1950-01-01T00:00:00Z"), (1969, "1969-01-01T00:00:00Z"), (1, "0001-01-01T00:00:00Z")]
    {
        let mut params = named([(DnType::CommonName, "old".into())]);
        params.not_before = rcgen::date_time_ymd(year, 1, 1);
        let certificate = own(&params);
        let begin = certificate.not_before().unwrap();
        assert_eq!(begin.to_string(), text);
        assert!(SystemTime::from(begin) < SystemTime::UNIX_EPOCH);
        assert_eq!(certificate.subject(), "CN=old");
    }
}

/// A value of DER with a tag and at most 64 KiB.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    match length {
        [0, short @ ..0x80] => [&[tag, short], content].concat(),
        [0, long] => [&[tag, 0x81, long], content].concat(),
        [high, low] => [&[tag, 0x82, high, low], content].concat(),
    }
}

#[test]
fn unique_identifiers_hide_nothing() {
    let name =
        value(0x30, &value(0x31, &value(0x30, &[&[6, 3, 0x55, 4, 3, 28, 4][..], &[0, 0, 0, 0x41]].concat())));
    let algorithm = value(0x30, &[6, 3, 0x2b, 0x65, 0x70]);
    let time = |text: &str| value(0x17, text.as_bytes());
    let validity = value(0x30, &[time("500101000000Z"), time("491231235959Z")].concat());
    let key = value(0x30, &[algorithm.clone(), value(3, &[0; 33])].concat());
    let names = value(0x30, &value(0x82, b"example.org"));
    let names = value(0x30, &[&[6, 3, 0x55, 0x1d, 0x11][..], &value(4, &names)].concat());
    let fields = [
        vec![0xa0, 3, 2, 1, 2],
        vec![2, 1, 7],
        algorithm.clone(),
        name.clone(),
        validity,
        name,
        key,
        value(0x81, &[0, 1]),
        value(0x82, &[0, 2]),
        value(0xa3, &value(0x30, &names)),
    ];
    let signed = value(0x30, &fields.concat());
    let certificate = Certificate::from_der(value(0x30, &[signed, algorithm, value(3, &[0; 65])].concat()));
    assert_eq!((certificate.subject(), certificate.issuer()), ("CN=A".to_owned(), "CN=A".to_owned()));
    assert_eq!(
        (certificate.names(), certificate.key()),
        (vec!["example.org".to_owned()], "Ed25519".to_owned())
    );
    assert_eq!(certificate.not_before().unwrap().to_string(), "1950-01-01T00:00:00Z");
    assert_eq!(certificate.not_after().unwrap().to_string(), "2049-12-31T23:59:59Z");
}

#[test]
fn keys_are_reported_by_kind_and_size() {
    for (kind, name) in [
        (&PKCS_ECDSA_P256_SHA256, "EC P-256"),
        (&PKCS_ECDSA_P384_SHA384, "EC P-384"),
        (&PKCS_ED25519, "Ed25519"),
    ] {
        let key = KeyPair::generate_for(kind).unwrap();
        let made = named([]).self_signed(&key).unwrap();
        assert_eq!(Certificate::from_der(made.der().as_ref()).key(), name);
    }
    for (size, name) in [(rcgen::RsaKeySize::_2048, "RSA 2048"), (rcgen::RsaKeySize::_3072, "RSA 3072")] {
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size).unwrap();
        let made = named([]).self_signed(&key).unwrap();
        assert_eq!(Certificate::from_der(made.der().as_ref()).key(), name);
    }
}

#[test]
fn serial_number_and_pin_are_those_that_were_made() {
    let mut params = named([]);
    for (number, expected) in
        [(vec![0x0a, 0xff, 0x00], "0aff00"), (vec![0xf0, 0x76], "f076"), (vec![0], "00")]
    {
        params.serial_number = Some(SerialNumber::from(number));
        assert_eq!(own(&params).serial(), expected);
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("both.pem");
    let key = KeyPair::generate().unwrap();
    let made = named([]).self_signed(&key).unwrap();
    std::fs::write(&file, made.pem() + &key.serialize_pem()).unwrap();
    let identity = Identity::from_pem_files(&file, &file).unwrap();
    let certificate = Certificate::from_der(made.der().as_ref());
    assert_eq!(certificate.pin(), Some(identity.pin()));
    assert_eq!(certificate.to_pem().replace('\n', ""), made.pem().replace(['\r', '\n'], ""));
    assert!(certificate.to_pem().lines().all(|line| line.len() <= 64));
}

#[test]
fn bytes_that_are_no_certificate_are_unreadable_and_no_panic() {
    let whole = own(&named([(DnType::CommonName, "x".into())]));
    let unreadable = |certificate: &Certificate| {
        assert_eq!(certificate.subject(), "(unreadable)");
        assert_eq!(certificate.issuer(), "(unreadable)");
        assert_eq!(certificate.key(), "(unreadable)");
        assert_eq!(certificate.serial(), "(unreadable)");
        assert_eq!((certificate.names(), certificate.pin()), (vec![], None));
        assert_eq!((certificate.not_before(), certificate.not_after()), (None, None));
        assert_eq!(certificate.days_left(SystemTime::now()), None);
    };
    for length in 0..whole.der().len() {
        unreadable(&Certificate::from_der(&whole.der()[..length]));
    }
    unreadable(&Certificate::from_der(&b"GET / HTTP/1.1\r\n\r\n"[..]));
    // Any byte that differs may change what is reported, and nothing else.
    for at in 0..whole.der().len() {
        for byte in [0x00, 0x30, 0x7f, 0x80, 0x84, 0xff] {
            let mut der = whole.der().to_vec();
            der[at] = byte;
            let certificate = Certificate::from_der(der);
            let _ = format!("{certificate:?} {:?} {}", certificate.names(), certificate.key());
            let _ = (certificate.not_before(), certificate.days_left(SystemTime::now()), certificate.pin());
        }
    }
}
