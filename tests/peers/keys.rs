//! Keys as OpenSSL writes them: every kind and form is read, and what cannot be is named.

use std::path::Path;

use crate::listening::peer;
use crate::support::certs::arg;
use crate::support::{Program, astream};

/// A kind of key, and how it is made in the form of PKCS#8.
const KINDS: [(&str, &[&str]); 5] = [
    ("RSA", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("P-256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("P-384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("P-521", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("Ed25519", &["-algorithm", "ED25519"]),
];

fn openssl(folder: &Path, args: &[&str]) {
    peer("openssl").dir(folder).args(args).run().status(0);
}

/// A key, and a certificate for localhost that it signs itself.
fn make(folder: &Path, how: &[&str]) {
    openssl(folder, &[&["genpkey", "-out", "pkcs8.key"], how].concat());
    let names = "subjectAltName = DNS:localhost";
    openssl(
        folder,
        &["req", "-x509", "-key", "pkcs8.key", "-subj", "/CN=me", "-addext", names, "-out", "me.pem"],
    );
}

fn listen(folder: &Path, key: &str) -> Program {
    let (cert, key) = (folder.join("me.pem"), folder.join(key));
    let listen = [
        "listen",
        "127.0.0.1",
        "0",
        "--tls",
        "--cacert",
        arg(&cert),
        "--cert",
        arg(&cert),
        "--key",
        arg(&key),
    ];
    astream(listen).input("hello")
}

/// Both sides show this key, and trust nothing but its certificate.
#[track_caller]
fn is_usable(folder: &Path, key: &str) {
    let (cert, key_file) = (folder.join("me.pem"), folder.join(key));
    let server = listen(folder, key).start();
    let client = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&cert)];
    let shown = ["--cert", arg(&cert), "--key", arg(&key_file)];
    astream(client).args(shown).run().status(0).stdout(b"hello").silent();
    server.wait().status(0);
}

#[test]
fn keys_of_every_kind_in_pkcs8_and_in_their_own_form_are_usable() {
    for (kind, how) in KINDS {
        println!("{kind}");
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        make(folder, how);
        is_usable(folder, "pkcs8.key");
        if kind != "Ed25519" {
            // PKCS#1 for RSA, SEC1 for the curves.
            openssl(folder, &["pkey", "-in", "pkcs8.key", "-traditional", "-out", "own.key"]);
            let text = std::fs::read_to_string(folder.join("own.key")).unwrap();
            assert!(text.starts_with("-----BEGIN RSA") || text.starts_with("-----BEGIN EC"), "{text}");
            is_usable(folder, "own.key");
        }
    }
}

#[test]
fn a_key_after_the_parameters_of_its_curve_is_usable() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-out", "pkcs8.key"]);
    let text = std::fs::read_to_string(folder.join("pkcs8.key")).unwrap();
    assert!(text.starts_with("-----BEGIN EC PARAMETERS"), "{text}");
    let names = "subjectAltName = DNS:localhost";
    openssl(
        folder,
        &["req", "-x509", "-key", "pkcs8.key", "-subj", "/CN=me", "-addext", names, "-out", "me.pem"],
    );
    is_usable(folder, "pkcs8.key");
}

#[test]
fn an_encrypted_key_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder, KINDS[0].1);
    let lock = ["-in", "pkcs8.key", "-passout", "pass:secret", "-aes128", "-out"];
    openssl(folder, &[&["pkey"], &lock[..], &["locked.key"]].concat());
    openssl(folder, &[&["rsa", "-traditional"], &lock[..], &["old.key"]].concat());
    for key in ["locked.key", "old.key"] {
        listen(folder, key).run().status(2).says(&[key, "encrypted", "decrypt it first"]);
    }
}

#[test]
fn a_key_of_a_kind_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make(folder, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]);
    listen(folder, "pkcs8.key").run().status(2).says(&["pkcs8.key", "cannot be used"]);
}
