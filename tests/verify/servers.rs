//! Certificates of servers, as a client checks them.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::support::certs::arg;
use crate::support::peer::{end_tls, tls_peer};
use crate::support::{Finished, Running, astream};
use crate::workshop::{Made, Plan, authority, make};

/// A server presents the made certificate, and a client that trusts the root connects.
fn meet(plan: &Plan, made: &Made) -> (Running, Finished) {
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).input("hello").start();
    let client = ["connect", plan.host, &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
    let lists = made.lists.iter().flat_map(|file| ["--crl", arg(file)]);
    let client = astream(client).args(lists).args(plan.options).run();
    (server, client)
}

/// With `control` alone the two communicate; with `fault` on top they do not, for the reported reason.
#[track_caller]
pub fn check(names: &[&str], control: fn(&mut Plan), fault: fn(&mut Plan), words: &[&str], alert: &str) {
    let mut plan = Plan::new(names);
    control(&mut plan);
    let (server, client) = meet(&plan, &make(&plan));
    client.status(0).stdout(b"hello").silent();
    server.wait().status(0);
    fault(&mut plan);
    let (server, client) = meet(&plan, &make(&plan));
    client.status(6).stdout(b"").says(&["TLS handshake with", "issued by CN="]).says(words);
    server.stderr_line(&format!("alert {alert}"));
}

const LOCAL: &[&str] = &["localhost", "127.0.0.1"];

fn good(_: &mut Plan) {}

#[test]
fn validity() {
    let expired = |plan: &mut Plan| plan.end.not_after = date_time_ymd(2001, 1, 1);
    check(
        LOCAL,
        good,
        expired,
        &["the certificate has expired", "until 2001-01-01", "--pin sha256//"],
        "CertificateExpired",
    );
    let early = |plan: &mut Plan| plan.end.not_before = date_time_ymd(3001, 1, 1);
    check(LOCAL, good, early, &["not valid yet", "from 3001-01-01", "--pin sha256//"], "CertificateExpired");
    let issuer = |plan: &mut Plan| plan.between[0].not_after = date_time_ymd(2001, 1, 1);
    check(
        LOCAL,
        good,
        issuer,
        &["the certificate of its issuer CN=between has expired"],
        "CertificateExpired",
    );
    let root = |plan: &mut Plan| plan.root.not_after = date_time_ymd(2001, 1, 1);
    check(
        LOCAL,
        good,
        root,
        &["the trusted certificate of its issuer CN=the root expired on 200"],
        "UnknownCA",
    );
}

#[test]
fn names() {
    let expected = &[
        "the certificate is not for 'localhost'",
        "it is for www.example.org, example.org, issued by CN=between",
    ];
    let other = |plan: &mut Plan| plan.end.subject_alt_names = dns(&["www.example.org", "example.org"]);
    check(LOCAL, good, other, expected, "BadCertificate");
    let only_common = |plan: &mut Plan| {
        plan.end.subject_alt_names.clear();
        plan.end.distinguished_name.push(DnType::CommonName, "localhost");
    };
    check(
        LOCAL,
        good,
        only_common,
        &[
            "is not for 'localhost'; it is CN=localhost, without a subjectAltName (a CN is not used, RFC 9525)",
            " (trust this key with --pin sha256//",
            ", or make a certificate with a subjectAltName)",
        ],
        "BadCertificate",
    );
    let asked = |plan: &mut Plan| plan.options = &["--servername", "a.example.org"];
    let other = |plan: &mut Plan| plan.options = &["--servername", "b.example.org"];
    check(
        &["a.example.org"],
        asked,
        other,
        &["not for 'b.example.org'", "for a.example.org", "--servername"],
        "BadCertificate",
    );
}

#[test]
fn a_wildcard_stands_for_one_whole_label() {
    let one = |plan: &mut Plan| plan.options = &["--servername", "a.example.org"];
    let deep = |plan: &mut Plan| plan.options = &["--servername", "a.b.example.org"];
    check(
        &["*.example.org"],
        one,
        deep,
        &["not for 'a.b.example.org'", "for *.example.org"],
        "BadCertificate",
    );
    let none = |plan: &mut Plan| plan.options = &["--servername", "example.org"];
    check(&["*.example.org"], one, none, &["not for 'example.org'"], "BadCertificate");
    let part = |plan: &mut Plan| plan.end.subject_alt_names = dns(&["a*.example.org"]);
    check(&["*.example.org"], one, part, &["not for 'a.example.org'"], "BadCertificate");
    let within = |plan: &mut Plan| plan.end.subject_alt_names = dns(&["a.*.org"]);
    check(&["*.example.org"], one, within, &["not for 'a.example.org'"], "BadCertificate");
}

#[test]
fn addresses() {
    let by_address = |plan: &mut Plan| plan.host = "127.0.0.1";
    let other = |plan: &mut Plan| {
        plan.end.subject_alt_names =
            vec![SanType::IpAddress([127, 0, 0, 2].into()), dns(&["localhost"]).remove(0)];
    };
    check(
        LOCAL,
        by_address,
        other,
        &["is not for '127.0.0.1'", "it is for 127.0.0.2, localhost"],
        "BadCertificate",
    );
    let as_name = |plan: &mut Plan| plan.end.subject_alt_names = dns(&["127.0.0.1"]);
    check(LOCAL, by_address, as_name, &["is not for '127.0.0.1'", "DNS:127.0.0.1"], "BadCertificate");
}

#[test]
fn chains() {
    let itself = |plan: &mut Plan| plan.is_self_signed = true;
    check(LOCAL, good, itself, &["not trusted", "self-signed", "--cacert", "--pin sha256//"], "UnknownCA");
    let unknown = |plan: &mut Plan| plan.is_root_unknown = true;
    check(LOCAL, good, unknown, &["not trusted", "the chain ends at CN=the root"], "UnknownCA");
    let alone = |plan: &mut Plan| plan.is_sent_alone = true;
    check(
        LOCAL,
        good,
        alone,
        &["its issuer is unknown, and the peer did not send the issuer's certificate"],
        "UnknownCA",
    );
    let forged = |plan: &mut Plan| plan.is_forged = true;
    check(LOCAL, good, forged, &["its issuer's key did not sign it"], "DecryptError");
    let direct = |plan: &mut Plan| plan.between.clear();
    check(LOCAL, direct, |plan| plan.is_root_unknown = true, &["its issuer is unknown"], "UnknownCA");
}

#[test]
fn another_that_is_trusted_may_have_the_name_of_the_issuer() {
    for other in [
        |plan: &mut Plan| plan.namesake = Some(&rcgen::PKCS_ECDSA_P256_SHA256),
        |plan: &mut Plan| plan.namesake = Some(&rcgen::PKCS_ED25519),
    ] {
        check(LOCAL, other, |plan| plan.is_self_signed = true, &["it is self-signed"], "UnknownCA");
    }
    let of_its_kind = |plan: &mut Plan| {
        (plan.is_end_trusted, plan.namesake) = (true, Some(&rcgen::PKCS_ECDSA_P256_SHA256));
    };
    let of_another = |plan: &mut Plan| {
        (plan.is_end_trusted, plan.namesake) = (true, Some(&rcgen::PKCS_ED25519));
    };
    let expired = |plan: &mut Plan| plan.end.not_after = date_time_ymd(2001, 1, 1);
    for itself in [of_its_kind, of_another] {
        check(LOCAL, itself, expired, &["has expired"], "CertificateExpired");
    }
}

#[test]
fn a_root_that_has_expired_is_no_hindrance_where_it_was_renewed() {
    let renewed = |plan: &mut Plan| plan.is_root_renewed = true;
    let both = |plan: &mut Plan| plan.root.not_after = date_time_ymd(2002, 1, 1);
    check(
        LOCAL,
        renewed,
        both,
        &["the trusted certificate of its issuer CN=the root expired on 200"],
        "UnknownCA",
    );
}

#[test]
fn a_certificate_that_is_itself_trusted_needs_no_issuer_but_all_else() {
    let itself = |plan: &mut Plan| plan.is_end_trusted = true;
    let expired = |plan: &mut Plan| plan.end.not_after = date_time_ymd(2001, 1, 1);
    check(LOCAL, itself, expired, &["has expired"], "CertificateExpired");
    let other = |plan: &mut Plan| plan.end.subject_alt_names = dns(&["example.org"]);
    check(LOCAL, itself, other, &["not for 'localhost'"], "BadCertificate");
    let clients = |plan: &mut Plan| plan.end.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    check(LOCAL, itself, clients, &["not for servers"], "UnsupportedCertificate");
    let listed = |plan: &mut Plan| plan.revoked = Some(vec![1]);
    check(LOCAL, itself, listed, &["no CRL of its issuer"], "CertificateUnknown");
}

#[test]
fn a_peer_without_the_key_of_its_certificate_is_always_refused() {
    let made = make(&Plan::new(LOCAL));
    let pin = pin_of(&made);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (key, status) in [(std::fs::read_to_string(&made.shown.key).unwrap(), 0), (other, 6)] {
        for trust in [&["--cacert", arg(&made.trusted)][..], &["--pin", &pin], &["--insecure", "--quiet"]] {
            let server = tls_peer(server_with(&made.shown.cert, &key), |mut tls| {
                let _ = tls.write_all(b"hello");
                let _ = tls.flush();
                if tls.conn.is_handshaking() {
                    return;
                }
                end_tls(&mut tls);
                let _ = tls.read(&mut [0]);
            });
            let client = astream(["connect", "localhost", &server.port(), "-4", "--tls"]).args(trust).run();
            let client = client.status(status).stdout(if status == 0 { b"hello" } else { b"" });
            if status == 6 {
                client.says(&["the peer does not have the key of its certificate"]);
            }
        }
    }
}

/// The pin of the made certificate, as our own listener prints it to clients with another pin.
fn pin_of(made: &Made) -> String {
    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).start();
    let client = astream(["connect", "127.0.0.1", &server.port(), "--tls", "--pin", other]).run().status(6);
    let pin = client.stderr.split("its pin is ").nth(1).unwrap();
    pin.split(';').next().unwrap().to_owned()
}

/// A server that presents a certificate with a key that may belong to another.
fn server_with(cert: &Path, key: &str) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = CertificateDer::pem_file_iter(cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(shown)))
}

#[test]
fn authorities() {
    let no_authority = |plan: &mut Plan| plan.between[0].is_ca = IsCa::ExplicitNoCa;
    check(LOCAL, good, no_authority, &["its issuer is not an authority"], "CertificateUnknown");
    let unsaid = |plan: &mut Plan| plan.between[0].is_ca = IsCa::NoCa;
    check(LOCAL, good, unsaid, &["its issuer is not an authority"], "CertificateUnknown");
    let root = |plan: &mut Plan| plan.root.is_ca = IsCa::ExplicitNoCa;
    check(LOCAL, good, root, &["CN=the root may not issue it"], "AccessDenied");
    let own = |plan: &mut Plan| plan.end.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    check(LOCAL, good, own, &["it is an authority's"], "CertificateUnknown");
    let early_root = |plan: &mut Plan| plan.root.not_before = date_time_ymd(3001, 1, 1);
    let expected = "the trusted certificate of its issuer CN=the root is not valid before 3001-01-01";
    check(LOCAL, good, early_root, &[expected], "UnknownCA");
    let never = |plan: &mut Plan| {
        plan.end.not_before = date_time_ymd(2031, 1, 1);
        plan.end.not_after = date_time_ymd(2030, 1, 1);
    };
    check(
        LOCAL,
        good,
        never,
        &["the validity of the certificate ends before it begins"],
        "CertificateExpired",
    );
}

#[test]
fn path_length() {
    let two = |plan: &mut Plan| {
        plan.between.push(authority("the second"));
        plan.between[0].is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        plan.root.is_ca = IsCa::Ca(BasicConstraints::Constrained(2));
    };
    let none = |plan: &mut Plan| plan.between[0].is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    check(LOCAL, two, none, &["too long", "path length"], "CertificateUnknown");
    let root = |plan: &mut Plan| plan.root.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    check(LOCAL, two, root, &["CN=the root may not issue it"], "AccessDenied");
}

#[test]
fn name_constraints() {
    let permitted = |plan: &mut Plan| plan.between[0].name_constraints = Some(only(&["localhost"]));
    let other = |plan: &mut Plan| plan.between[0].name_constraints = Some(only(&["example.org"]));
    check(&["localhost"], permitted, other, &["name constraints"], "CertificateUnknown");
    let root = |plan: &mut Plan| plan.root.name_constraints = Some(only(&["example.org"]));
    check(&["localhost"], permitted, root, &["name constraints"], "CertificateUnknown");
    let excluded = |plan: &mut Plan| {
        let excluded_subtrees = vec![GeneralSubtree::DnsName("localhost".to_owned())];
        plan.between[0].name_constraints =
            Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees });
    };
    check(&["localhost"], good, excluded, &["name constraints"], "CertificateUnknown");
    let address = |plan: &mut Plan| {
        let network = CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8);
        let permitted_subtrees = vec![GeneralSubtree::IpAddress(network)];
        plan.between[0].name_constraints =
            Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    };
    let by_address = |plan: &mut Plan| plan.host = "127.0.0.1";
    check(LOCAL, by_address, address, &["name constraints"], "CertificateUnknown");
}

#[test]
fn key_usage() {
    let signs = |plan: &mut Plan| plan.end.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let encrypts = |plan: &mut Plan| plan.end.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    check(LOCAL, signs, encrypts, &["key usage", "may not sign a handshake"], "UnsupportedCertificate");
    let issuer = |plan: &mut Plan| plan.between[0].key_usages = vec![KeyUsagePurpose::CrlSign];
    check(LOCAL, good, issuer, &["CN=between may not issue it", "key usage"], "AccessDenied");
    let root = |plan: &mut Plan| plan.root.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    check(LOCAL, good, root, &["CN=the root may not issue it", "key usage"], "AccessDenied");
}

#[test]
fn extended_key_usage() {
    let both = |plan: &mut Plan| {
        plan.end.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    };
    let clients = |plan: &mut Plan| plan.end.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    check(LOCAL, both, clients, &["not for servers", "--pin sha256//"], "UnsupportedCertificate");
    let issuer =
        |plan: &mut Plan| plan.between[0].extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    check(LOCAL, both, issuer, &["not for servers"], "UnsupportedCertificate");
}

#[test]
fn a_message_is_one_line_of_a_bounded_length_whatever_the_certificate_holds() {
    let many = |plan: &mut Plan| {
        let names: Vec<_> = (0..300).map(|n| format!("{n}.{}.example.org", "x".repeat(60))).collect();
        plan.end.subject_alt_names = names.iter().flat_map(|name| dns(&[name])).collect();
        plan.between[0].distinguished_name.push(DnType::CommonName, "\u{1b}[31m".repeat(100));
    };
    let mut plan = Plan::new(LOCAL);
    many(&mut plan);
    let (_server, client) = meet(&plan, &make(&plan));
    let client = client.status(6).says(&["not for 'localhost'", "and 295 more", "\\1B[31m"]);
    assert!(!client.stderr.contains('\u{1b}') && client.stderr.len() < 1200, "{}", client.description());
}

fn dns(names: &[&str]) -> Vec<SanType> {
    names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect()
}

fn only(names: &[&str]) -> NameConstraints {
    let permitted_subtrees = names.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
    NameConstraints { permitted_subtrees, excluded_subtrees: vec![] }
}
