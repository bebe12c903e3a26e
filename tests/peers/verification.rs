//! OpenSSL makes what rcgen cannot: forgeable signatures, short keys, old versions. Each row has a control
//! that differs only in the one fault and passes.

use std::path::Path;

use crate::listening::{on_any_port, peer};
use crate::support::certs::arg;
use crate::support::{Finished, Running, astream};

/// What to make a certificate of.
#[derive(Clone, Copy)]
struct Plan {
    authority_bits: &'static str,
    bits: &'static str,
    digest: &'static str,
    server: &'static [&'static str],
}

const GOOD: Plan = Plan { authority_bits: "2048", bits: "2048", digest: "-sha256", server: &[] };

/// OpenSSL refuses these by default.
const ALLOWED: [&str; 2] = ["-cipher", "DEFAULT@SECLEVEL=0"];

fn openssl(folder: &Path, args: &[&str]) {
    peer("openssl").dir(folder).args(args).run().status(0);
}

/// An authority, and a certificate for localhost that it has signed.
fn make(folder: &Path, plan: Plan) {
    let of = |bits: &str| format!("rsa:{bits}");
    let new_key = ["-nodes", "-newkey"];
    let authority = of(plan.authority_bits);
    openssl(
        folder,
        &[
            "req",
            "-x509",
            "-subj",
            "/CN=the authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            new_key[0],
            new_key[1],
            &authority,
        ],
    );
    let own = of(plan.bits);
    openssl(
        folder,
        &[
            "req",
            "-new",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "own.key",
            "-out",
            "own.csr",
            new_key[0],
            new_key[1],
            &own,
        ],
    );
    std::fs::write(folder.join("names"), "subjectAltName = DNS:localhost\n").unwrap();
    let sign = ["x509", "-req", "-in", "own.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(folder, &[&sign[..], &["-extfile", "names", "-out", "own.pem", plan.digest]].concat());
}

fn meet(plan: Plan, trust: &[&str]) -> (Running, Finished) {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), plan);
    let server =
        ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", "own.pem", "-key", "own.key"];
    let server =
        peer("openssl").dir(folder.path()).args(server).args(ALLOWED).args(["-rev"]).args(plan.server);
    let (server, port) = on_any_port(server);
    let ca = folder.path().join("ca.pem");
    let trust = if trust.is_empty() { vec!["--cacert", arg(&ca)] } else { trust.to_vec() };
    let client =
        astream(["connect", "localhost", &port, "-4", "--tls"]).args(trust).input("stressed\n").run();
    (server, client)
}

#[track_caller]
fn check(plan: Plan, words: &[&str]) -> Finished {
    let (server, client) = meet(GOOD, &[]);
    client.status(0).stdout(b"desserts\n").silent();
    server.wait().status(0);
    let (_server, client) = meet(plan, &[]);
    client.status(6).stdout(b"").says(&["TLS handshake with localhost"]).says(words)
}

#[test]
fn signatures_that_can_be_forged_are_refused() {
    check(Plan { digest: "-md5", ..GOOD }, &["signed with MD5", "for localhost", "--pin sha256//"]);
    check(Plan { digest: "-sha1", ..GOOD }, &["signed with SHA-1", "for localhost", "--pin sha256//"]);
}

#[test]
fn short_rsa_keys_are_refused_even_by_pin_and_insecure() {
    let short = Plan { bits: "1024", ..GOOD };
    let expected = &["RSA key has 1024 bits; at least 2048 are required"];
    let client = check(short, expected);
    // No pin helps.
    assert!(!client.stderr.contains("--pin"), "{}", client.description());
    let any = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for trust in [&["--insecure"][..], &["--pin", any]] {
        let (_server, client) = meet(short, trust);
        client.status(6).says(expected);
    }
    check(
        Plan { authority_bits: "1024", ..GOOD },
        &["its issuer CN=the authority has 1024 bits", "--pin sha256//"],
    );
}

#[test]
fn our_own_short_key_is_refused_before_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), Plan { bits: "1024", ..GOOD });
    let (cert, key) = (folder.path().join("own.pem"), folder.path().join("own.key"));
    let listen = ["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&cert), "--key", arg(&key)];
    astream(listen).run().status(2).says(&["own.pem", "1024 bits", "2048"]);
}

#[test]
fn a_certificate_of_the_first_version_is_recognized_by_both_ends_whatever_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), GOOD);
    openssl(folder.path(), &["x509", "-req", "-in", "own.csr", "-signkey", "own.key", "-out", "own.pem"]);
    let (cert, key) = (folder.path().join("own.pem"), folder.path().join("own.key"));
    let listen = ["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&cert), "--key", arg(&key)];
    astream(listen).run().status(2).says(&["own.pem", "old version of X.509", "-extfile"]);
    let server = ["s_server", "-accept", "127.0.0.1:0", "-cert", "own.pem", "-key", "own.key"];
    let (server, port) = on_any_port(peer("openssl").dir(folder.path()).args(server).args(["-rev"]));
    let connect = ["connect", "127.0.0.1", &port, "--servername", "localhost", "--tls"];
    let pin = format!("sha256//{}=", "A".repeat(43));
    for trust in [&["--insecure"][..], &["--pin", &pin], &["--cacert", arg(&folder.path().join("ca.pem"))]] {
        let said = astream(connect).args(trust).run().status(6).says(&["old version of X.509"]);
        assert!(!said.stderr.contains("trust this key"), "{}", said.description());
    }
    drop(server);
}

#[test]
fn servers_of_an_old_version_of_tls_are_recognized() {
    for version in [&["-tls1"][..], &["-tls1_1"]] {
        check(Plan { server: version, ..GOOD }, &["none of our versions of TLS", "before 1.2"]);
    }
}

#[test]
fn servers_of_one_version_are_refused_where_another_is_required() {
    for (version, demand, spoken) in
        [("-tls1_2", ["--tls-min", "1.3"], "1.2"), ("-tls1_3", ["--tls-max", "1.2"], "1.3")]
    {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), GOOD);
        let ca = folder.path().join("ca.pem");
        let trust = ["--cacert", arg(&ca)];
        for (options, status) in [(&[][..], 0), (&demand[..], 6)] {
            let server = [
                "s_server",
                "-accept",
                "127.0.0.1:0",
                "-naccept",
                "1",
                "-cert",
                "own.pem",
                "-key",
                "own.key",
            ];
            let server = peer("openssl").dir(folder.path()).args(server).args([version, "-rev"]);
            let (_server, port) = on_any_port(server);
            let client = astream(["connect", "localhost", &port, "-4", "--tls"]).args(trust).args(options);
            let client = client.input("stressed\n").run().status(status);
            assert!(
                status == 0 || client.stderr.contains("none of our versions"),
                "{spoken}: {}",
                client.description()
            );
        }
    }
}

#[test]
fn application_protocols_are_agreed_on_or_refused_with_openssl_on_either_side() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), GOOD);
    let ca = folder.path().join("ca.pem");
    for (offered, status) in [("gopher,h2", 0), ("gopher", 6)] {
        let server =
            ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", "own.pem", "-key", "own.key"];
        let server = peer("openssl").dir(folder.path()).args(server).args(["-rev", "-alpn", "h2,http/1.1"]);
        let (_server, port) = on_any_port(server);
        let client =
            ["connect", "localhost", &port, "-4", "-v", "--tls", "--cacert", arg(&ca), "--alpn", offered];
        let client = astream(client).input("stressed\n").run().status(status);
        let expected = if status == 0 { "ALPN h2" } else { "alert NoApplicationProtocol" };
        assert!(client.stderr.contains(expected), "{}", client.description());
    }
    let (cert, key) = (folder.path().join("own.pem"), folder.path().join("own.key"));
    for offered in [&["-alpn", "gopher"][..], &[]] {
        let listen =
            ["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&cert), "--key", arg(&key), "--alpn", "h2"];
        let server = astream(listen).input("hello").start();
        let at = format!("localhost:{}", server.port());
        let client = peer("openssl").args(["s_client", "-connect", &at]).args(offered).run();
        assert!(client.stderr.contains("alert no application protocol"), "{}", client.description());
        let client = peer("openssl").args(["s_client", "-connect", &at, "-alpn", "gopher,h2", "-quiet"]);
        client.args(["-CAfile", arg(&ca), "-verify_return_error"]).run().status(0).stdout(b"hello");
        server.wait().status(0);
    }
}
