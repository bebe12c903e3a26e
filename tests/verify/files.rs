//! Files of certificates, keys and revocation lists: everything in them is used or reported, whatever an
//! editor has made of them.

use std::path::Path;

use astream::Certificate;

use crate::lists::{List, value};
use crate::support::certs::arg;
use crate::support::{Finished, astream};
use crate::workshop::{END, Made, Plan, make};

const LOCAL: &[&str] = &["localhost"];

/// What editors and `cat` make of two files.
fn disguises(first: &str, second: &str) -> Vec<(&'static str, String)> {
    let bare = |text: &str| text.trim_end().to_owned();
    vec![
        ("glued", bare(first) + second),
        ("with dashes for one line", bare(first) + &second[5..]),
        ("after a byte order mark", format!("\u{feff}{first}\u{feff}{second}")),
        ("indented", format!("  {}", (first.to_owned() + second).replace('\n', "\n  "))),
        ("with CRLF", (bare(first) + "\n" + second).replace("\r\n", "\n").replace('\n', "\r\n")),
        ("with text around", format!("subject=x\n{}\nissuer: y {second} the end", bare(first))),
    ]
}

/// A file in the folder of what was made.
fn file(made: &Made, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = made.folder().join(name);
    std::fs::write(&path, content).unwrap();
    arg(&path).to_owned()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// A client that trusts these certificates, with a server that presents those.
fn meet(made: &Made, chain: &str, trusted: &str, options: &[&str]) -> Finished {
    let server = ["listen", "127.0.0.1", "0", "--tls", "--cert", chain, "--key", arg(&made.shown.key)];
    let server = astream(server).input("hello").start();
    let client = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", trusted];
    astream(client).args(options).run()
}

#[test]
fn a_list_that_names_the_certificate_counts_however_it_is_written() {
    let made = make(&Plan::new(LOCAL));
    let list = || List::by(&made.issuers[1], "between");
    let (empty, revoked) = (list().pem(), list().entry(END).pem());
    let old_label = revoked.replace("X509 CRL", "CRL");
    let mut files = disguises(&empty, &revoked);
    files.extend(disguises(&revoked, &empty));
    files.push(("with an old label", empty + &old_label));
    for (how, content) in files {
        println!("{how}");
        let crl = file(&made, "lists.pem", content);
        let client = meet(&made, arg(&made.shown.cert), arg(&made.trusted), &["--crl", &crl]);
        client.status(6).says(&["the certificate is revoked"]);
    }
}

#[test]
fn no_certificate_is_lost_however_it_is_written() {
    let made = make(&Plan::new(LOCAL));
    let chain = text(&made.shown.cert);
    let (own, between) = chain.split_at(chain.rfind("-----BEGIN").unwrap());
    let other = make(&Plan::new(LOCAL)).issuers[0].pem();
    let old_label = |text: &str| text.replace(" CERTIFICATE", " X509 CERTIFICATE");
    let mut chains = disguises(own, between);
    chains.push(("with an old label", own.to_owned() + &old_label(between)));
    for (how, content) in chains {
        println!("{how}");
        meet(&made, &file(&made, "c.pem", content), arg(&made.trusted), &[])
            .status(0)
            .stdout(b"hello")
            .silent();
    }
    let root = text(&made.trusted);
    let mut roots = disguises(&root, &other);
    roots.extend(disguises(&other, &root));
    roots.push(("with an old label", old_label(&root)));
    for (how, content) in roots {
        println!("{how}");
        meet(&made, arg(&made.shown.cert), &file(&made, "r.pem", content), &[]).status(0).silent();
    }
}

/// The program with this file for one option, and good ones for the others.
fn with(made: &Made, option: &str, path: &str) -> Finished {
    let lists = file(made, "good.crl", List::by(&made.issuers[1], "between").pem());
    let good = [
        ("--cacert", arg(&made.trusted)),
        ("--crl", &lists),
        ("--cert", arg(&made.shown.cert)),
        ("--key", arg(&made.shown.key)),
    ];
    let chosen = good.map(|(name, good)| [name, if name == option { path } else { good }]);
    astream(["listen", "127.0.0.1", "0", "--tls"]).args(chosen.concat()).run()
}

#[test]
fn what_is_not_used_is_reported_with_its_line() {
    let made = make(&Plan::new(LOCAL));
    let (certificate, key) = (text(&made.trusted), text(&made.shown.key));
    let certificate = certificate.replace('\r', "");
    let lines = certificate.lines().count() + 1;
    let list = List::by(&made.issuers[1], "between").pem();
    let as_label = |label: &str| list.replace("X509 CRL", label);
    for (option, content, expected) in [
        ("--cacert", certificate.clone() + &list, "found a revocation list (X509 CRL)"),
        ("--cacert", certificate.clone() + &key, "found a private key (PRIVATE KEY)"),
        ("--cacert", certificate.clone() + &as_label("NOTHING KNOWN"), "found a block (NOTHING KNOWN)"),
        ("--cacert", certificate.clone() + &as_label("PKCS7"), "openssl pkcs7 -print_certs"),
        ("--cacert", certificate.clone() + &as_label("CERTIFICATE"), "this certificate cannot be read"),
        ("--cacert", certificate.clone() + "-----BEGIN CERTIFICATE-----\nMII\n", "CERTIFICATE has no END"),
        ("--cert", certificate.clone() + &key, "found a private key (PRIVATE KEY)"),
        ("--cert", certificate.clone() + &as_label("DH PARAMETERS"), "parameters for keys (DH PARAMETERS)"),
        ("--key", certificate.clone(), "expected a private key, found a certificate (CERTIFICATE)"),
        ("--key", key.clone() + &key, "a second private key"),
        ("--key", as_label("PUBLIC KEY"), "found a public key (PUBLIC KEY)"),
        ("--key", as_label("ENCRYPTED PRIVATE KEY"), "the key is encrypted; decrypt it first: openssl pkey"),
        ("--crl", list.clone() + &certificate, "expected a CRL, found a certificate (CERTIFICATE)"),
        (
            "--crl",
            list.clone() + &certificate.replace(" CERTIFICATE", " X509 CRL"),
            "this CRL cannot be read",
        ),
        ("--crl", list.replace("-----BEGIN", "----BEGIN"), "an END has no BEGIN before it"),
    ] {
        let path = file(&made, "tried.pem", content.replace('\r', ""));
        let first = content.starts_with(&certificate) && option != "--key";
        let line = if first { format!("{path}: line {lines}: ") } else { format!("{path}: line ") };
        with(&made, option, &path).status(2).stdout(b"").says(&[&line, expected]);
    }
}

#[test]
fn another_form_is_reported_with_the_command_that_converts_it() {
    let made = make(&Plan::new(LOCAL));
    let certificate = made.issuers[0].der().to_vec();
    let list = List::by(&made.issuers[1], "between").der();
    let key = key_in_der(&text(&made.shown.key));
    // The beginnings of a bundle (RFC 2315), and of one with a key (RFC 7292).
    let bundle = value(0x30, &value(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]));
    let data = value(0x30, &value(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]));
    let store = value(0x30, &[value(2, &[3]), data].concat());
    let utf16: Vec<u8> =
        format!("\u{feff}{}", text(&made.trusted)).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let reversed: Vec<u8> = utf16.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    for (content, expected) in [
        (certificate, "it is a certificate in DER, not in PEM: openssl x509 -inform DER -in"),
        (list, "it is a CRL in DER, not in PEM: openssl crl -inform DER -in"),
        (key, "it is a key in DER, not in PEM: openssl pkey -inform DER -in"),
        (bundle, "it is a bundle of certificates in DER, not in PEM: openssl pkcs7 -inform DER -in"),
        (store, "it is PKCS#12, not PEM: openssl pkcs12 -in"),
        (utf16, "it is text in UTF-16: iconv -f UTF-16 -t UTF-8"),
        (reversed, "it is text in UTF-16: iconv -f UTF-16 -t UTF-8"),
        (b"hello".to_vec(), "in PEM form"),
        (Vec::new(), "in PEM form"),
    ] {
        let path = file(&made, "other", content);
        for option in ["--cacert", "--crl", "--cert", "--key"] {
            with(&made, option, &path).status(2).stdout(b"").says(&[&path, expected]);
        }
    }
}

fn key_in_der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap().secret_der().to_vec()
}

/// A certificate in the form of OpenSSL's trusted ones, with these settings.
fn trusted(der: &[u8], settings: &[Vec<u8>]) -> String {
    let whole = [der, &value(0x30, &settings.concat())].concat();
    Certificate::from_der(whole).to_pem().replace(" CERTIFICATE", " TRUSTED CERTIFICATE")
}

#[test]
fn a_trusted_certificate_counts_for_what_its_settings_allow() {
    let made = make(&Plan::new(LOCAL));
    let root = made.issuers[0].der();
    let purpose = |number: u8| value(6, &[0x2b, 6, 1, 5, 5, 7, 3, number]);
    let any = value(6, &[0x55, 0x1d, 0x25, 0]);
    let allow = |purpose: &[u8]| value(0x30, purpose);
    let reject = |purpose: &[u8]| value(0xa0, purpose);
    let alias = value(0x81, b"my root");
    for (settings, servers, clients) in [
        (vec![], true, true),
        (vec![alias], true, true),
        (vec![allow(&purpose(1))], true, false),
        (vec![allow(&purpose(2))], false, true),
        (vec![allow(&any)], true, true),
        (vec![allow(&[])], false, false),
        (vec![reject(&purpose(1))], false, true),
        (vec![reject(&any)], false, false),
        (vec![allow(&any), reject(&purpose(2))], true, false),
    ] {
        let path = file(&made, "trusted-root.pem", trusted(root, &settings));
        let expected = |whom: &str| format!("{path}: line 1: its trust settings do not trust it for {whom}");
        let client = meet(&made, arg(&made.shown.cert), &path, &[]);
        if servers {
            client.status(0)
        } else {
            client.status(2).says(&[&expected("servers")])
        };
        let listen = ["listen", "127.0.0.1", "0", "--tls", "--cacert", &path];
        if clients {
            astream(listen).start().port();
        } else {
            astream(listen).run().status(2).says(&[&expected("clients")]);
        }
    }
}

#[test]
fn the_trust_settings_of_a_presented_certificate_are_ignored() {
    let made = make(&Plan::new(LOCAL));
    let own = text(&made.shown.cert);
    let own = &own[..own.rfind("-----BEGIN").unwrap()];
    let reject = value(0xa0, &value(6, &[0x55, 0x1d, 0x25, 0]));
    let chain = file(&made, "chain.pem", own.to_owned() + &trusted(made.issuers[1].der(), &[reject]));
    meet(&made, &chain, arg(&made.trusted), &[]).status(0).stdout(b"hello").silent();
}

#[test]
fn a_certificate_and_its_key_may_be_in_one_file_by_any_name() {
    let made = make(&Plan::new(LOCAL));
    // Before the key, as `openssl ecparam -genkey` writes it.
    let parameters = value(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    let parameters = Certificate::from_der(parameters).to_pem().replace("CERTIFICATE", "EC PARAMETERS");
    let both = file(&made, "both.pem", text(&made.shown.cert) + &parameters + &text(&made.shown.key));
    let folder = made.folder().file_name().unwrap().to_str().unwrap();
    let by_another_name = made.folder().join("..").join(folder).join("both.pem");
    for key in [&both, arg(&by_another_name)] {
        let server =
            astream(["listen", "127.0.0.1", "0", "--tls", "--cert", &both, "--key", key]).input("hello");
        let server = server.start();
        let client = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&made.trusted)];
        astream(client).run().status(0).stdout(b"hello").silent();
    }
}

#[test]
fn a_trusted_certificate_that_cannot_be_read_is_no_fault_of_the_peers() {
    let made = make(&Plan::new(LOCAL));
    let good = made.issuers[0].der().to_vec();
    // Its validity begins in the thirteenth month.
    let at = good.windows(4).position(|bytes| bytes == b"7501").expect("rcgen begins in January 1975");
    let mut bad = good.clone();
    bad[at + 3] = b'3';
    bad[at + 2] = b'1';
    let path = file(&made, "bad.pem", Certificate::from_der(bad).to_pem());
    let client = astream(["connect", "localhost", "9", "--tls", "--cacert", &path]).run().status(2);
    let client = client.says(&[&path, "line 1: the validity of this certificate cannot be read"]);
    assert!(!client.stderr.contains("peer"), "{}", client.description());
}
