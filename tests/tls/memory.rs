//! Roots, chains, keys and revocation lists from bytes, without a file.

use astream::{
    ConnectOptions, Error, Identity, ServerOptions, StreamReader, StreamWriter, TlsClient, TlsServer,
    open_connection, start_server,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::streams_support::{IDENTITY, soon};

/// An authority, and a certificate that it has issued by way of another one.
struct Made {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
    leaf: Certificate,
    key: KeyPair,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn made() -> Made {
    let key = || KeyPair::generate().unwrap();
    let root = CertifiedIssuer::self_signed(authority("root"), key()).unwrap();
    let between = CertifiedIssuer::signed_by(authority("between"), key(), &root).unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.serial_number = Some(SerialNumber::from(7));
    let key = key();
    let leaf = params.signed_by(&key, &between).unwrap();
    Made { root, between, leaf, key }
}

impl Made {
    fn chain_in_der(&self) -> Vec<u8> {
        [&self.leaf.der()[..], self.between.der()].concat()
    }

    fn chain_in_pem(&self) -> String {
        self.leaf.pem() + &self.between.pem()
    }

    /// A list of the issuer of the leaf with this serial number in it.
    fn list(&self, serial: u64) -> rcgen::CertificateRevocationList {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer: &Issuer<'_, _> = &self.between;
        list.signed_by(issuer).unwrap()
    }
}

/// What came of a connection: nothing, or the message of either side's error.
async fn outcome(server: TlsServer, client: TlsClient) -> String {
    let handler = |mut reader: StreamReader, writer: StreamWriter| async move {
        writer.write(&reader.readline().await?.unwrap_or_default());
        writer.wait_closed().await
    };
    let options = ServerOptions::new().tls(server);
    let server = match start_server(handler, &"127.0.0.1:0".parse().unwrap(), &options).await {
        Ok(server) => server,
        Err(error) => return error.to_string(),
    };
    let to = (&server.local_addrs()[0]).try_into().unwrap();
    let options = ConnectOptions::new().tls(client.server_name("localhost"));
    let talk = async {
        let (mut reader, writer) = open_connection(&to, &options).await?;
        writer.write(b"hello\n");
        writer.drain().await?;
        assert_eq!(reader.readline().await?.unwrap(), "hello\n");
        Ok::<_, Error>(())
    };
    soon("the answer", talk).await.err().map_or_else(String::new, |error| error.to_string())
}

#[tokio::test]
async fn roots_chains_and_keys_may_be_pem_or_der() {
    let made = made();
    let (pem, key) = (made.chain_in_pem(), made.key.serialize_pem());
    let both = pem.clone() + &key;
    let several = [&made.between.der()[..], made.root.der()].concat();
    for identity in [
        Identity::from_bytes(&pem, &key),
        Identity::from_bytes(made.chain_in_der(), made.key.serialize_der()),
        Identity::from_bytes(&both, &both),
    ] {
        let server = TlsServer::new(identity.unwrap());
        for roots in [made.root.pem().into_bytes(), made.root.der().to_vec(), several.clone()] {
            assert_eq!(outcome(server.clone(), TlsClient::new().roots_from_bytes(roots)).await, "");
        }
    }
}

#[tokio::test]
async fn clients_are_known_by_roots_from_bytes() {
    let made = made();
    let identity = Identity::from_bytes(made.chain_in_der(), made.key.serialize_der()).unwrap();
    let server = || TlsServer::new(IDENTITY.clone()).client_roots_from_bytes(made.root.pem());
    let client = || TlsClient::new().pin(IDENTITY.pin());
    assert_eq!(outcome(server(), client().identity(identity.clone())).await, "");
    assert_ne!(outcome(server(), client()).await, "");
    let revoked = server().client_revocations_from_bytes(made.list(7).der());
    assert_ne!(outcome(revoked, client().identity(identity)).await, "");
}

#[tokio::test]
async fn lists_from_bytes_revoke() {
    let made = made();
    let identity = Identity::from_bytes(made.chain_in_der(), made.key.serialize_der()).unwrap();
    for (serial, is_revoked) in [(7, true), (8, false)] {
        let list = made.list(serial);
        for bytes in [list.der().to_vec(), list.pem().unwrap().into_bytes()] {
            let client = TlsClient::new().roots_from_bytes(made.root.der()).revocations_from_bytes(bytes);
            let outcome = outcome(TlsServer::new(identity.clone()), client).await;
            assert_eq!(outcome.contains("revoked"), is_revoked, "{outcome}");
            assert_eq!(outcome.is_empty(), !is_revoked, "{outcome}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_bytes_is_reported_as_theirs() {
    let (made, other) = (made(), made());
    let (pem, key) = (made.chain_in_pem(), made.key.serialize_pem());
    for (certificate, key, expected) in [
        (pem.as_bytes(), other.key.serialize_pem().as_bytes(), "the key does not belong to the certificate"),
        (b"", key.as_bytes(), "no certificate in PEM or DER form in them"),
        (pem.as_bytes(), b"nothing", "no private key in PEM or DER form in them"),
        (key.as_bytes(), key.as_bytes(), "no certificate in PEM or DER form in them"),
        (key.as_bytes(), b"x", "line 1: expected a certificate, found a private key (PRIVATE KEY)"),
        (&made.key.serialize_der(), b"x", "expected a certificate, found a private key (PRIVATE KEY)"),
        (b"0\x03\x01\x01\xff", b"x", "it is something in DER"),
    ] {
        let error = Identity::from_bytes(certificate, key).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Tls { .. }) && message.starts_with("the given bytes: "), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("openssl"), "{message}");
    }
    let client = TlsClient::new().roots_from_bytes("no root");
    let expected = outcome(TlsServer::new(IDENTITY.clone()), client).await;
    assert_eq!(expected, "the given bytes: no certificate in PEM or DER form in them");
}
