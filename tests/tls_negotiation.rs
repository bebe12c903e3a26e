//! What the two sides agree on: versions of TLS and application protocols, or a refusal on both sides.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use support::certs::{arg, authority};
use support::peer::{end_tls, peer, read_all, tls_peer};
use support::{Finished, Running, astream};

/// A listener with a fresh key and these options, which has something to send.
fn listen(options: &[&str]) -> (Running, String, String) {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "-v"]).args(options).input("hello").start();
    let port = listener.port();
    let line = listener.stderr_line("--pin ");
    (listener, port, line.split("--pin ").nth(1).unwrap().to_owned())
}

fn connect(port: &str, pin: &str, options: &[&str]) -> Finished {
    astream(["connect", "127.0.0.1", port, "--tls", "--pin", pin]).args(options).run()
}

#[test]
fn the_best_version_of_both_is_spoken() {
    for (server, client, spoken) in [
        (&[][..], &[][..], "TLSv1.3"),
        (&["--tls-max", "1.2"], &[], "TLSv1.2"),
        (&[], &["--tls-max", "1.2"], "TLSv1.2"),
        (&["--tls-min", "1.3"], &["--tls-min", "1.3"], "TLSv1.3"),
        (&["--tls-min", "1.2", "--tls-max", "1.2"], &["--tls-min", "1.2"], "TLSv1.2"),
    ] {
        let (listener, port, pin) = listen(server);
        connect(&port, &pin, client).status(0).stdout(b"hello").silent();
        listener.stderr_line(spoken);
        listener.wait().status(0);
    }
}

#[test]
fn without_a_common_version_both_sides_refuse_and_the_listener_goes_on() {
    for (server, client) in
        [(["--tls-max", "1.2"], ["--tls-min", "1.3"]), (["--tls-min", "1.3"], ["--tls-max", "1.2"])]
    {
        let (listener, port, pin) = listen(&server);
        connect(&port, &pin, &client)
            .status(6)
            .stdout(b"")
            .says(&["none of our versions of TLS", "--tls-min"]);
        listener.stderr_line("none of our versions of TLS");
        connect(&port, &pin, &[]).status(0).stdout(b"hello");
        listener.wait().status(0);
    }
}

/// What a server that knows nothing newer than TLS 1.1 says to any client: a `ServerHello` of that
/// version, or an alert.
#[test]
fn a_server_of_an_old_version_is_recognized() {
    for minor in [1, 2] {
        let hello =
            [&[22, 3, minor, 0, 44, 2, 0, 0, 40, 3, minor][..], &[7; 32], &[0, 0, 0x2f, 0, 0, 0]].concat();
        let alert = vec![21, 3, minor, 0, 2, 2, 70];
        for answer in [hello, alert] {
            let old = peer(move |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(&answer).unwrap();
                let _ = stream.read(&mut [0; 4096]);
            });
            let client =
                astream(["connect", "127.0.0.1", &old.port(), "--tls", "--insecure", "--quiet"]).run();
            client.status(6).says(&["TLS handshake", "none of our versions of TLS", "before 1.2"]);
        }
    }
}

/// The alert that a listener answers these bytes with, and what it says.
fn answer(options: &[&str], hello: &[u8]) -> (Vec<u8>, String) {
    let (listener, port, _) = listen(options);
    let mut client = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    client.set_read_timeout(Some(support::DEADLINE)).unwrap();
    client.write_all(hello).unwrap();
    (read_all(&mut client), listener.stderr_line("TLS handshake with"))
}

/// A `ClientHello` without extensions, as before TLS 1.2 (RFC 4346, 7.4.1.2), of this version.
fn old_hello(minor: u8) -> Vec<u8> {
    let body = [&[3, minor][..], &[7; 32], &[0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, minor, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;
const NO_APPLICATION_PROTOCOL: u8 = 120;

#[test]
fn a_client_of_an_old_version_is_refused_with_the_alert_for_that() {
    // SSL 3.0, TLS 1.0 and 1.1, which get the alert in their own version.
    for minor in 0..3 {
        let (alert, message) = answer(&[], &old_hello(minor));
        assert_eq!(alert, [21, 3, minor, 0, 2, 2, PROTOCOL_VERSION]);
        assert!(message.contains("none of our versions of TLS"), "{message}");
    }
    // The same of TLS 1.2 may be meant, with SHA-1.
    let (alert, message) = answer(&[], &old_hello(3));
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE]);
    assert!(message.contains("SHA-1"), "{message}");
}

#[test]
fn a_first_message_in_many_records_is_read() {
    let authority = authority();
    let issued = authority.localhost();
    let shown = ["--cert", arg(&issued.cert), "--key", arg(&issued.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).input("hello").start();
    let mut client =
        rustls::ClientConnection::new(authority.client(), "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    for part in hello[5..].chunks(100) {
        let head = [22, 3, 1, 0, u8::try_from(part.len()).unwrap()];
        stream.write_all(&[&head[..], part].concat()).unwrap();
    }
    let mut stream = rustls::StreamOwned::new(client, stream);
    assert_eq!(read_all(&mut stream), b"hello");
}

#[test]
fn a_client_that_offers_no_application_protocol_is_refused_with_the_alert_for_that() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = Arc::new(authority().client_of(&[version]));
        let mut client = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let (alert, message) = answer(&["--alpn", "h2,http/1.1"], &hello);
        assert_eq!(alert, [21, 3, 3, 0, 2, 2, NO_APPLICATION_PROTOCOL]);
        assert!(message.contains("offered no application protocol"), "{message}");
    }
}

#[test]
fn a_server_that_supports_nothing_of_ours_is_recognized() {
    let refusing = peer(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(&[21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE]).unwrap();
        let _ = stream.read(&mut [0; 4096]);
    });
    let client = astream(["connect", "127.0.0.1", &refusing.port(), "--tls", "--insecure", "--quiet"]).run();
    client.status(6).says(&[
        "alert HandshakeFailure",
        "no cipher suite or key exchange",
        "CBC, DHE and static RSA",
    ]);
}

#[test]
fn a_client_that_supports_nothing_of_ours_is_recognized() {
    // Signatures and curves that are ours, and one suite with CBC.
    let extensions = [0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23];
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x09, 1, 0, 0, 16], &extensions].concat();
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let (alert, message) = answer(&[], &hello);
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, HANDSHAKE_FAILURE]);
    assert!(message.contains("no cipher suite or key exchange"), "{message}");
}

#[test]
fn a_common_application_protocol_is_agreed_on_the_servers_best_first() {
    let (listener, port, pin) = listen(&["--alpn", "h2,http/1.1"]);
    connect(&port, &pin, &["--alpn", "gopher,http/1.1"]).status(0).stdout(b"hello").silent();
    listener.wait().status(0);
}

#[test]
fn without_a_common_application_protocol_both_sides_refuse() {
    let (listener, port, pin) = listen(&["--alpn", "h2,http/1.1"]);
    let other = connect(&port, &pin, &["--alpn", "gopher"]).status(6).stdout(b"");
    other.says(&["alert NoApplicationProtocol", "--alpn"]);
    listener.stderr_line("only other application protocols");
    // A client that offers none may have been diverted from another server.
    let silent = connect(&port, &pin, &[]).status(6).stdout(b"");
    silent.says(&["alert NoApplicationProtocol", "--alpn"]);
    listener.stderr_line("offered no application protocol");
    connect(&port, &pin, &["--alpn", "http/1.1"]).status(0).stdout(b"hello");
    listener.wait().status(0);
}

#[test]
fn a_server_that_chooses_no_application_protocol_is_refused() {
    for (offered, status) in [(&["--alpn", "h2,gopher"][..], 6), (&[], 0)] {
        let authority = authority();
        let server = tls_peer(authority.server(&authority.localhost(), false), |mut tls| {
            let _ = tls.write_all(b"hello");
            let _ = tls.flush();
            if tls.conn.alpn_protocol().is_none() {
                end_tls(&mut tls);
            }
            let _ = tls.read(&mut [0]);
        });
        let args = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&authority.ca)];
        let client = astream(args).args(offered).run().status(status);
        if status == 6 {
            client.stdout(b"").says(&["none of the protocols h2, gopher", "--alpn"]);
        }
    }
}

#[test]
fn what_can_never_be_agreed_on_is_status_2() {
    for command in ["connect", "listen"] {
        for (options, message) in [
            (&["--tls-min", "1.3", "--tls-max", "1.2"][..], &["1.3", "above", "1.2"][..]),
            (&["--tls-min", "1.1"], &["1.1", "versions before 1.2 are unsafe"]),
            (&["--alpn", "h2,,x"], &["application protocol", "1 to 255"]),
            (&["--alpn", &"x".repeat(256)], &["application protocol", "1 to 255"]),
            (&["--alpn", &"x,".repeat(8193)[..16385]], &["'x'", "8192 other application protocols"]),
        ] {
            let args = [command, "127.0.0.1", "0", "--tls"];
            astream(args).args(options).run().status(2).says(message);
        }
        let args = [command, "127.0.0.1", "0"];
        for options in [["--tls-min", "1.2"], ["--tls-max", "1.3"], ["--alpn", "h2"]] {
            astream(args).args(options).run().status(2).says(&["--tls"]);
        }
    }
}
