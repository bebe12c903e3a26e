//! `-z`, `--show-certs` and `--json` against OpenSSL: what we report of certificates is what it reports, and
//! it reads what we print.

use std::path::Path;

use serde_json::Value;

use crate::listening::{on_any_port, peer};
use crate::site::site;
use crate::support::certs::arg;
use crate::support::peer::refusing;
use crate::support::{Finished, Running, astream};

/// Keys of every kind that a certificate may have: how OpenSSL makes one, and what we call it.
const KEYS: [(&[&str], &str); 6] = [
    (&["rsa:2048"], "RSA 2048"),
    (&["rsa:3072"], "RSA 3072"),
    (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "EC P-256"),
    (&["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "EC P-384"),
    (&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "EC P-521"),
    (&["ed25519"], "Ed25519"),
];

#[test]
fn the_chain_of_s_server_is_printed_as_s_client_prints_it() {
    for (kind, _) in &KEYS[..3] {
        let folder = tempfile::tempdir().unwrap();
        chain(folder.path(), kind);
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (_server, port) = s_server(folder.path(), 2);
        let theirs = peer("openssl")
            .args([
                "s_client",
                "-showcerts",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-CAfile",
                &file("root.pem"),
            ])
            .run()
            .status(0);
        let ours = astream(["connect", "-z", "127.0.0.1", &port, "--tls", "--show-certs", "--cacert"]);
        let ours = ours.args([file("root.pem")]).run().status(0);
        assert_eq!(blocks(&ours), blocks(&theirs));
        assert_eq!(blocks(&ours).len(), 2, "{}", ours.description());
    }
}

#[test]
fn what_is_reported_of_a_certificate_is_what_openssl_reports() {
    for (kind, name) in KEYS {
        let folder = tempfile::tempdir().unwrap();
        chain(folder.path(), kind);
        let (_server, port) = s_server(folder.path(), 1);
        let args = ["connect", "-z", "127.0.0.1", &port, "--tls", "--show-certs", "--insecure", "--json"];
        let said = astream(args).run().status(0);
        let event: Value = serde_json::from_str(said.stderr.lines().last().unwrap()).unwrap();
        let certificates = event["certificates"].as_array().unwrap();
        assert_eq!(certificates.len(), 2, "{}", said.description());
        for (certificate, pem) in certificates.iter().zip(blocks(&said)) {
            is_reported_alike(certificate, &pem);
        }
        assert_eq!(certificates[0]["key"], name);
        assert_eq!(
            certificates[0]["names"],
            Value::from(vec!["localhost", "127.0.0.1", "::1", "me@a.test", "http://a.test/"])
        );
    }
}

#[test]
fn a_list_of_ports_of_s_server_has_the_status_of_the_worst() {
    let site = site();
    let server = |issued: &crate::support::certs::Issued| {
        on_any_port(
            peer("openssl")
                .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-quiet"])
                .args(["-cert", arg(&issued.cert), "-key", arg(&issued.key)])
                .open_stdin(),
        )
    };
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let now = std::time::SystemTime::now();
    let ending = |name: &str, end: std::time::SystemTime| {
        site.authority.issue_with(name, &["localhost"], |params| params.not_after = end.into())
    };
    let expired = server(&ending("expired", now - day));
    let soon = server(&ending("soon", now + 5 * day));
    let good = server(&site.issued);
    let (_socket, closed) = refusing();
    let ports = format!("{},{},{},{}", good.1, closed.port(), soon.1, expired.1);
    let said = site.connect(&ports).args(["-z", "--expires-within", "7d"]).run().status(6);
    let report = std::str::from_utf8(&said.stdout).unwrap();
    let open: Vec<_> = report
        .lines()
        .filter(|line| line.contains(&format!(":{}", good.1)) && line.contains(": open"))
        .collect();
    assert_eq!(open.len(), 1, "{}", said.description());
    for expected in [
        &format!("localhost:{} ({closed}): refused", closed.port()),
        &format!("TLS with localhost:{}: the certificate of", soon.1),
        &format!("TLS handshake with localhost:{}", expired.1),
    ] {
        assert!(report.contains(expected), "{expected}: {}", said.description());
    }
    // All have ended by our close_notify, and none by a reset.
    for (server, _) in [good, soon] {
        server.wait().status(0).stdout(b"");
    }
}

/// Compares with each answer of `openssl x509`.
#[track_caller]
fn is_reported_alike(certificate: &Value, pem: &str) {
    let ask = |args: &[&str]| {
        let said = peer("openssl").args(["x509", "-noout"]).args(args).input(pem).run().status(0);
        let text = String::from_utf8(said.stdout).unwrap();
        text.trim_end().split_once('=').map_or(text.clone(), |(_, value)| value.to_owned())
    };
    let field = |name: &str| certificate[name].as_str().unwrap_or_default().to_owned();
    let names = ["-nameopt", "RFC2253,-esc_msb,utf8"];
    assert_eq!(field("subject"), ask(&[&["-subject"], &names[..]].concat()));
    assert_eq!(field("issuer"), ask(&[&["-issuer"], &names[..]].concat()));
    assert_eq!(field("serial"), ask(&["-serial"]).to_lowercase());
    assert_eq!(field("sha256"), ask(&["-fingerprint", "-sha256"]).replace(':', "").to_lowercase());
    for (name, asked) in [("not_before", "-startdate"), ("not_after", "-enddate")] {
        assert_eq!(field(name).replace('T', " "), ask(&[asked, "-dateopt", "iso_8601"]));
    }
    let script = "openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64";
    let pin = peer("bash").args(["-c", script]).input(pem).run().status(0).stdout;
    assert_eq!(field("pin"), format!("sha256//{}", String::from_utf8(pin).unwrap().trim_end()));
}

/// A root, an authority under it and a certificate of that one, whose names have all that is awkward.
fn chain(folder: &Path, kind: &[&str]) {
    let make = |name: &str, more: &[&str]| {
        let (key, cert) = (format!("{name}.key"), format!("{name}.pem"));
        peer("openssl")
            .dir(folder)
            .args([
                "req", "-x509", "-utf8", "-nodes", "-days", "40", "-keyout", &key, "-out", &cert, "-newkey",
            ])
            .args(more)
            .run()
            .status(0);
    };
    let ca = ["-addext", "keyUsage=critical,keyCertSign"];
    make(
        "root",
        &[&["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/C=DE/O=Root, Inc./CN=root"], &ca[..]]
            .concat(),
    );
    let under = [
        "-subj",
        "/C=DE/ST=x/O=Ex \"am\" ple+Co;<>#/CN=an authority \\\\ ü",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
    ];
    make("middle", &[kind, &under[..], &ca[..]].concat());
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,email:me@a.test,URI:http://a.test/";
    let own = [
        "-subj",
        "/DC=test/DC=a/L=Köln/OU=#1/CN=localhost/emailAddress=me@a.test",
        "-CA",
        "middle.pem",
        "-CAkey",
        "middle.key",
        "-addext",
        "basicConstraints=critical,CA:false",
        "-addext",
        names,
    ];
    make("own", &[kind, &own[..]].concat());
}

fn s_server(folder: &Path, clients: u8) -> (Running, String) {
    let server = peer("openssl")
        .dir(folder)
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", &clients.to_string(), "-quiet"])
        .args(["-cert", "own.pem", "-key", "own.key", "-cert_chain", "middle.pem"])
        .open_stdin();
    on_any_port(server)
}

/// The certificates in PEM, of the ways to write them the one with 64 characters in a line.
fn blocks(said: &Finished) -> Vec<String> {
    let text = String::from_utf8_lossy(&said.stdout);
    let (begin, end) = ("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n");
    text.split(begin)
        .skip(1)
        .map(|block| format!("{begin}{}{end}", block.split(end).next().unwrap()))
        .collect()
}
