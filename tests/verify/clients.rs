//! Certificates of clients, as a server checks them; both sides report the failure.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rcgen::{DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConnection, SignatureScheme, StreamOwned, SupportedProtocolVersion, version};

use crate::support::certs::{self, arg};
use crate::support::peer::read_all;
use crate::support::{Finished, Running, astream};
use crate::workshop::{END, Made, Plan, authority, make};

/// A client presents the made certificate to a server that trusts the root.
fn meet(made: Option<&Made>, trusted: &Made, options: &[&str]) -> (Running, Finished) {
    let lists = trusted.lists.iter().flat_map(|file| ["--crl", arg(file)]);
    let server = ["listen", "127.0.0.1", "0", "--tls", "--cacert", arg(&trusted.trusted)];
    let server = astream(server).args(lists).input("hello").start();
    let port = server.port();
    let line = server.stderr_line("--pin ");
    let pin = line.split("--pin ").nth(1).unwrap();
    let shown = made.iter().flat_map(|made| ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)]);
    // What it says of its own certificate is tested in own_certificate.rs.
    let client = astream(["connect", "127.0.0.1", &port, "--tls", "--pin", pin, "--quiet"]);
    (server, client.args(shown).args(options).run())
}

const VERSIONS: [&[&str]; 2] = [&["--tls-max", "1.2"], &["--tls-min", "1.3"]];

/// With `control` alone the two communicate, with `fault` on top they do not: the server reports why, and the
/// client what the alert means.
#[track_caller]
fn check(control: fn(&mut Plan), fault: fn(&mut Plan), server_says: &[&str], client_says: &[&str]) {
    let mut plan = Plan::new(&["a client"]);
    control(&mut plan);
    let good = make(&plan);
    fault(&mut plan);
    let bad = make(&plan);
    for version in VERSIONS {
        let (server, client) = meet(Some(&good), &good, version);
        client.status(0).stdout(b"hello").silent();
        server.wait().status(0);
        let (server, client) = meet(Some(&bad), &bad, version);
        client.status(6).stdout(b"").says(client_says);
        let line = server.stderr_line("TLS handshake with");
        for words in server_says.iter().chain(&["issued by CN="]) {
            assert!(line.contains(words), "the server does not say {words:?}: {line}");
        }
    }
}

fn good(_: &mut Plan) {}

#[test]
fn an_absent_certificate() {
    let made = make(&Plan::new(&["a client"]));
    for version in VERSIONS {
        let (server, client) = meet(None, &made, version);
        client.status(6).stdout(b"").says(&[
            "alert CertificateRequired",
            "requires a client certificate",
            "--cert",
        ]);
        server.stderr_line("the peer presented no certificate");
    }
}

#[test]
fn validity() {
    let expired = |plan: &mut Plan| plan.end.not_after = date_time_ymd(2001, 1, 1);
    check(good, expired, &["has expired", "until 2001-01-01", "a client"], &["CertificateExpired", "--cert"]);
}

#[test]
fn issuers() {
    let unknown = |plan: &mut Plan| plan.is_root_unknown = true;
    check(good, unknown, &["not trusted", "CN=the root"], &["UnknownCA", "does not know the issuer"]);
    let itself = |plan: &mut Plan| plan.is_self_signed = true;
    check(good, itself, &["self-signed"], &["UnknownCA"]);
    let alone = |plan: &mut Plan| plan.is_sent_alone = true;
    check(good, alone, &["the peer did not send the issuer's certificate"], &["UnknownCA"]);
}

#[test]
fn usage() {
    let clients = |plan: &mut Plan| plan.end.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let servers = |plan: &mut Plan| plan.end.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    check(clients, servers, &["not for clients"], &["UnsupportedCertificate", "not for this purpose"]);
    let encrypts = |plan: &mut Plan| plan.end.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    check(good, encrypts, &["key usage"], &["UnsupportedCertificate"]);
}

#[test]
fn revocation() {
    let listed = |plan: &mut Plan| plan.revoked = Some(vec![1]);
    let revoked = |plan: &mut Plan| plan.revoked = Some(vec![END]);
    check(
        listed,
        revoked,
        &["the certificate is revoked"],
        &["CertificateRevoked", "our certificate is revoked"],
    );
}

/// A client that takes note of the issuers that are named to it.
#[derive(Debug)]
struct Asked {
    key: Arc<CertifiedKey>,
    issuers: Mutex<Vec<Vec<u8>>>,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.issuers.lock().unwrap() = issuers.iter().map(|name| name.to_vec()).collect();
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// `count` authorities with long names, all with one key.
fn authorities(count: usize) -> String {
    let key = KeyPair::generate().unwrap();
    let made = (0..count).map(|index| {
        let mut params = authority(&format!("authority {index}"));
        params.distinguished_name.push(DnType::OrganizationName, "x".repeat(1000));
        params.self_signed(&key).unwrap().pem()
    });
    made.collect()
}

/// A handshake with a server that trusts `others` beside the authority of the client: how many issuers it names.
fn named_issuers(others: &str, version: &'static SupportedProtocolVersion) -> usize {
    let authority = certs::authority();
    let (own, client) = (authority.localhost(), authority.issue("client", &["a client"]));
    let trusted = authority.folder().join("trusted.pem");
    std::fs::write(&trusted, std::fs::read_to_string(&authority.ca).unwrap() + others).unwrap();
    let server = ["listen", "127.0.0.1", "0", "--tls", "--cacert", arg(&trusted)];
    let shown = ["--cert", arg(&own.cert), "--key", arg(&own.key)];
    let server = astream(server).args(shown).input("hello").start();
    let mut config = authority.client_of(&[version]);
    let chain = CertificateDer::pem_file_iter(&client.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&client.key).unwrap();
    let key = Arc::new(CertifiedKey::from_der(chain, key, config.crypto_provider()).unwrap());
    let asked = Arc::new(Asked { key, issuers: Mutex::default() });
    config.client_auth_cert_resolver = Arc::<Asked>::clone(&asked);
    let tls = ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, TcpStream::connect(server.address()).unwrap());
    assert_eq!(read_all(&mut stream), b"hello");
    asked.issuers.lock().unwrap().len()
}

#[test]
fn the_trusted_issuers_are_named_unless_they_are_too_many_for_a_handshake() {
    let (few, many) = (authorities(20), authorities(100));
    for version in [&version::TLS12, &version::TLS13] {
        assert_eq!(named_issuers(&few, version), 21);
        assert_eq!(named_issuers(&many, version), 0);
    }
}
