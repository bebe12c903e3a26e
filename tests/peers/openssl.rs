//! `openssl s_server` and `s_client`. The server sends session tickets after every handshake, which a
//! client that never read would answer with a reset; the client takes some of its stdin for commands.

use rustix::io::ioctl_fionread;

use crate::listening::{on_any_port, peer, until};
use crate::pages::{has_body, request, write_pages};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::certs::{Issued, arg};
use crate::support::{Program, Running, noise};
use crate::transfer::{DOWN, UP};

#[test]
fn an_upload_to_s_server_is_complete_in_spite_of_its_session_tickets() {
    for version in VERSIONS {
        for options in [&[][..], &["--send-only"]] {
            let site = site();
            // With an open stdin, whose end it would take for the command to leave.
            let (server, port) = s_server(&site, version, |server| server.args(["-quiet"]).open_stdin());
            let client = site.connect(&port).args(options).input(UP.as_slice()).run().status(0).stdout(b"");
            server.wait().status(0).stdout(&UP);
            version.was_spoken(&client.stderr);
        }
    }
}

#[test]
fn s_server_answers_each_line_after_our_end() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = s_server(&site, version, |server| server.args(["-rev"]));
        let client =
            site.connect(&port).input("stressed\nlived\n").run().status(0).stdout(b"desserts\ndevil\n");
        server.wait().status(0);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn s_server_gives_a_file_after_our_end() {
    for version in VERSIONS {
        let site = site();
        write_pages(site.authority.folder());
        let (server, port) =
            s_server(&site, version, |server| server.args(["-WWW"]).dir(site.authority.folder()));
        let client = site.connect(&port).input(request("/long")).run().status(0);
        has_body(&client, &DOWN);
        server.wait().status(0);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn s_server_describes_the_session() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = s_server(&site, version, |server| server.args(["-www"]));
        let client = site.connect(&port).input("GET / HTTP/1.0\r\n\r\n").run().status(0);
        let page = String::from_utf8_lossy(&client.stdout);
        assert!(page.starts_with("HTTP/1.0 200 ok\r\n") && page.trim_end().ends_with("</HTML>"), "{page}");
        assert!(page.contains(version.name()), "{page}");
        server.wait().status(0);
    }
}

#[test]
fn a_conversation_with_s_server_goes_on_after_new_keys() {
    let (mut client, mut server) = conversation(&[]);
    // A command: new keys for what it sends, and we are asked for ours.
    server.write_stdin(b"K\n");
    until("s_server reads it by itself", || ioctl_fionread(server.stdin.as_ref().unwrap()).unwrap() == 0);
    client.write_stdin(b"300\n");
    server.stdout_line("300");
    server.write_stdin(b"400\n");
    client.stdout_line("400");
    client.close_stdin();
    client.wait().status(0).stdout(b"200\n400\n");
    server.wait().status(0);
}

#[test]
fn s_server_leaves_without_close_notify_which_is_reported() {
    for (options, status) in [(&[][..], 7), (&["--ignore-unexpected-eof"], 0)] {
        let (mut client, mut server) = conversation(options);
        // At this command it closes the socket and says nothing.
        server.write_stdin(b"Q\n");
        server.wait().status(0);
        client.close_stdin();
        client.wait().status(status).stdout(b"200\n");
    }
}

#[test]
fn s_client_uploads_to_a_listener_without_stdin() {
    // It reads its commands in stdin, at the start of a chunk: Q, R, k, K. Digits are none.
    let digits: Vec<u8> = noise(3_000_000).iter().map(|byte| b'0' + byte % 10).collect();
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        s_client(&site, version, &server).input(digits.as_slice()).run().status(0);
        let server = server.wait().status(0).stdout(&digits);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn s_client_prints_what_a_listener_has() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        // Without -quiet it would leave at its own end.
        s_client(&site, version, &server).args(["-quiet"]).run().status(0).stdout(&DOWN);
        let server = server.wait().status(0).stdout(b"");
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn a_certificate_that_s_server_requires_is_presented() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = demanding(&site, version);
        let ours = site.authority.issue("client", &["client.test"]);
        let client = site
            .connect(&port)
            .args(["--cert".as_ref(), ours.cert.as_os_str(), "--key".as_ref(), ours.key.as_os_str()])
            .input(UP.as_slice())
            .run()
            .status(0);
        server.wait().status(0).stdout(&UP);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn a_client_that_s_server_refuses_has_status_6_and_a_reason() {
    // Under TLS 1.3 the client is done, and has sent its data, before the server looks.
    for (version, alert) in
        [(Version::Tls12, "alert HandshakeFailure"), (Version::Tls13, "alert CertificateRequired")]
    {
        for options in [&[][..], &["--send-only"], &["--recv-only"], &["--no-shutdown"]] {
            let site = site();
            let (server, port) = demanding(&site, version);
            let client = site.connect(&port).args(options).input("secret\n").run().status(6).stdout(b"");
            let line = client.stderr.lines().last().unwrap_or_default();
            let is_reported =
                [alert, "requires a client certificate", "--cert"].iter().all(|words| line.contains(words));
            let (server_is, handshake) =
                (format!("astream: localhost:{port}: TLS"), "astream: TLS handshake with");
            let is_named = line.starts_with(&server_is) || line.starts_with(handshake);
            assert!(is_named && is_reported, "{}", client.description());
            server.wait().stdout(b"");
        }
    }
}

/// A client and a server that have said something. The client begins: before that the server, whose
/// reads block, may wait for it and see nothing else.
fn conversation(options: &[&str]) -> (Running, Running) {
    let site = site();
    let (mut server, port) = s_server(&site, Version::Tls13, Program::open_stdin);
    let mut client = site.connect(&port).args(options).open_stdin().start();
    client.write_stdin(b"100\n");
    server.stdout_line("100");
    server.write_stdin(b"200\n");
    client.stdout_line("200");
    (client, server)
}

/// A server that refuses clients without a certificate.
fn demanding(site: &Site, version: Version) -> (Running, String) {
    s_server(site, version, |server| {
        server.args(["-quiet", "-Verify", "1", "-verify_return_error", "-CAfile", site.ca()]).open_stdin()
    })
}

pub fn s_server(site: &Site, version: Version, more: impl FnOnce(Program) -> Program) -> (Running, String) {
    let server = peer("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", only(version)])
        .args(["-cert", site.cert(), "-key", site.key()]);
    on_any_port(more(server))
}

pub fn s_client(site: &Site, version: Version, server: &Running) -> Program {
    peer("openssl")
        .args(["s_client", "-connect", &format!("localhost:{}", server.port()), only(version)])
        .args(["-CAfile", site.ca(), "-verify_return_error", "-verify_hostname", "localhost"])
}

fn only(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "-tls1_2",
        Version::Tls13 => "-tls1_3",
    }
}

#[test]
fn s_client_of_an_old_version_is_recognized_and_refused_with_the_alert_for_that() {
    let site = site();
    let server = site.listen().input("hello").start();
    let at = format!("localhost:{}", server.port());
    for version in ["-tls1", "-tls1_1"] {
        let old = ["s_client", "-connect", &at, version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let client = peer("openssl").args(old).run();
        assert!(
            client.code() != 0 && client.stderr.contains("alert protocol version"),
            "{}",
            client.description()
        );
        server.stderr_line("the peer supports none of our versions of TLS");
    }
    let client = peer("openssl").args(["s_client", "-connect", &at, "-quiet", "-CAfile", site.ca()]);
    client.run().status(0).stdout(b"hello");
    server.wait().status(0);
}

/// A certificate with an RSA key, which suites without elliptic curves need.
fn with_rsa_key(site: &mut Site) {
    let folder = site.authority.folder();
    let issued = Issued { cert: folder.join("rsa.pem"), key: folder.join("rsa.key") };
    let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=localhost"];
    let files = ["-keyout", arg(&issued.key), "-out", arg(&issued.cert)];
    peer("openssl").args(made).args(files).run().status(0);
    site.issued = issued;
}

#[test]
fn s_server_with_cbc_dhe_or_static_rsa_only_is_recognized() {
    let mut site = site();
    with_rsa_key(&mut site);
    for suite in ["ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256", "AES128-SHA"] {
        let (_server, port) =
            s_server(&site, Version::Tls12, |server| server.args(["-quiet", "-cipher", suite]).open_stdin());
        let client = site.connect(&port).run().status(6);
        let words = ["alert HandshakeFailure", "no cipher suite or key exchange", "CBC, DHE and static RSA"];
        assert!(words.iter().all(|words| client.stderr.contains(words)), "{}", client.description());
    }
}

#[test]
fn s_server_that_insists_on_renegotiation_is_recognized() {
    let site = site();
    let (mut server, port) = s_server(&site, Version::Tls12, Program::open_stdin);
    let mut client = site.connect(&port).open_stdin().start();
    client.write_stdin(b"100\n");
    server.stdout_line("100");
    server.write_stdin(b"r\n");
    let client = client.wait().status(6);
    assert!(
        client.stderr.contains("asked to renegotiate, which is not supported"),
        "{}",
        client.description()
    );
}
