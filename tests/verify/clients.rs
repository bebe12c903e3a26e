//! Certificates of clients, as a server finds them; both sides tell.

use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};

use crate::support::certs::arg;
use crate::support::{Finished, Running, astream};
use crate::workshop::{END, Made, Plan, make};

/// A client shows what was made to a server that trusts the root.
fn meet(made: Option<&Made>, trusted: &Made, options: &[&str]) -> (Running, Finished) {
    let lists = trusted.lists.iter().flat_map(|file| ["--crl", arg(file)]);
    let server = ["listen", "127.0.0.1", "0", "--tls", "--cacert", arg(&trusted.trusted)];
    let server = astream(server).args(lists).input("hello").start();
    let port = server.port();
    let line = server.stderr_line("--pin ");
    let pin = line.split("--pin ").nth(1).unwrap();
    let shown = made.iter().flat_map(|made| ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)]);
    let client = astream(["connect", "127.0.0.1", &port, "--tls", "--pin", pin]);
    (server, client.args(shown).args(options).run())
}

const VERSIONS: [&[&str]; 2] = [&["--tls-max", "1.2"], &["--tls-min", "1.3"]];

/// With `control` alone the two talk, with `fault` on top they do not: the server says why, and the
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
        client.status(6).stdout(b"").says(&["alert CertificateRequired", "demands a certificate", "--cert"]);
        server.stderr_line("the peer shows no certificate");
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
    check(good, itself, &["signed by itself"], &["UnknownCA"]);
    let alone = |plan: &mut Plan| plan.is_sent_alone = true;
    check(good, alone, &["no certificate of it was sent"], &["UnknownCA"]);
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
