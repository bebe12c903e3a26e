//! Revocation lists that rcgen has made, as they are and damaged.

use proptest::prelude::*;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, IsCa, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

use super::*;

/// A list with these serial numbers and every extension, and a certificate of its issuer with the first of them.
fn made(serials: &[u64]) -> (Vec<u8>, Certificate) {
    let key = || KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, key()).unwrap();
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: Some(date_time_ymd(2019, 1, 1)),
    };
    let uris = vec!["http://example.org/".to_owned()];
    let point = CrlDistributionPoint { uris: uris.clone() };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 2),
        next_update: date_time_ymd(2050, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris },
            scope: Some(CrlScope::UserCertsOnly),
        }),
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let mut own = CertificateParams::default();
    own.serial_number = serials.first().map(|serial| SerialNumber::from(*serial));
    own.crl_distribution_points = vec![point];
    let own = own.signed_by(&key(), &issuer).unwrap();
    (list.signed_by(&issuer).unwrap().der().to_vec(), Certificate::from_der(own.der().as_ref()))
}

/// Asks a list everything.
fn ask(list: &RevocationList, certificate: &Certificate) -> (bool, bool, Listed) {
    let _ = (list.begin(), list.end(), list.obstacle(), list.signature());
    let covers = list.covers(certificate, false);
    (list.is_by_issuer_of(certificate), covers, list.find(certificate))
}

#[test]
fn a_list_says_what_was_put_in() {
    let (der, certificate) = made(&[7, 0x0102_0304]);
    let list = RevocationList::from_der(&der).unwrap();
    assert_eq!(ask(&list, &certificate), (true, true, Listed::Revoked));
    assert!(!list.covers(&certificate, true));
    assert_eq!(list.begin().to_string(), "2020-01-02T00:00:00Z");
    assert_eq!((list.end().unwrap().to_string().as_str(), list.obstacle()), ("2050-01-01T00:00:00Z", None));
    let (_, other) = made(&[9]);
    assert_eq!(list.find(&other), Listed::No);
}

#[test]
fn a_list_that_is_cut_short_is_none() {
    let (der, _) = made(&[7]);
    for length in 0..der.len() {
        assert!(RevocationList::from_der(&der[..length]).is_none());
    }
    assert!(RevocationList::from_der(&[&der[..], &[0]].concat()).is_none());
}

proptest! {
    #[test]
    fn a_damaged_list_is_no_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        thread_local!(static MADE: (Vec<u8>, Certificate) = made(&[7, 8, 9]));
        MADE.with(|(der, certificate)| {
            let mut der = der.clone();
            for (at, byte) in changes {
                let at = at.index(der.len());
                der[at] = byte;
            }
            if let Some(list) = RevocationList::from_der(&der) {
                ask(&list, certificate);
            }
        });
    }

    #[test]
    fn any_bytes_are_no_panic(der in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = RevocationList::from_der(&der);
        let _ = super::super::Form::of(&der);
        let _ = super::super::TrustSettings::split(&der);
    }
}
