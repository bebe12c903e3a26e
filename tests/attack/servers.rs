//! Servers that do not speak TLS: a client reports that, with status 6 and what they sent.

use std::io::{Read, Write};
use std::net::Shutdown;

use rustls::{ServerConfig, ServerConnection};

use crate::hello::{ALERT, DATA, HANDSHAKE, TOO_LONG, record};
use crate::sealed::Sealed;
use crate::support::certs::{arg, authority};
use crate::support::peer::{peer, refusing};
use crate::support::{Finished, astream, noise};

/// The outcome of a client whose server answers with these bytes and ends.
fn report_on(answer: &[u8]) -> Finished {
    let answer = answer.to_vec();
    let server = peer(move |mut stream| {
        let _ = stream.write_all(&answer);
        let _ = stream.shutdown(Shutdown::Write);
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    let finished = astream(["connect", "127.0.0.1", &server.port(), "--tls"]).input("secret").run();
    server.join();
    finished.status(6).stdout(b"")
}

#[test]
fn what_is_not_tls_is_reported_with_its_first_words() {
    let long = format!("220 {}\r\n", "x".repeat(1000));
    for (answer, said) in [
        (&b"HTTP/1.1 400 Bad Request\r\nServer: there\r\n\r\n"[..], r#""HTTP/1.1 400 Bad Request""#),
        (b"220 mail.test ESMTP\r\n", r#""220 mail.test ESMTP""#),
        (b"no\n", r#""no""#),
        (b"\x1b]0;title\x07it's \"here\"\r\n", r#""\u{1b}]0;title\u{7}it's \"here\"""#),
        (long.as_bytes(), &format!("\"220 {}\"", "x".repeat(76))),
        (&[0; 16 * 1024], r#""\0\0\0"#),
    ] {
        let finished = report_on(answer).says(&["TLS handshake with", "--starttls"]);
        let words = format!("the peer does not speak TLS; it sent {said}");
        assert!(finished.stderr.contains(&words), "{words}\n{}", finished.description());
        assert!(finished.stderr.len() < 500, "{}", finished.description());
    }
}

#[test]
fn bad_records_are_reported() {
    for answer in [
        [&[HANDSHAKE][..], &noise(100_000)].concat(),
        [&[HANDSHAKE, 3, 3, 0xff, 0xff][..], &noise(0xffff)].concat(),
        record(HANDSHAKE, &noise(TOO_LONG)),
        record(HANDSHAKE, &[]).repeat(10_000),
        record(ALERT, &[1, 90]).repeat(10_000),
        record(DATA, b"data"),
        record(HANDSHAKE, &[2, 0, 0, 70, 3, 3]),
        record(HANDSHAKE, &[1, 0xff, 0xff, 0xff]),
        Vec::new(),
    ] {
        report_on(&answer).says(&["TLS handshake with"]);
    }
}

#[test]
fn a_plain_echo_is_reported() {
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let client = astream(["connect", "127.0.0.1", &echo.port(), "--tls"]).run();
    client.status(6).says(&["TLS handshake with"]);
}

#[test]
fn a_refused_connection_is_not_reported_as_a_failure_of_tls() {
    let (_socket, dead) = refusing();
    astream(["connect", &dead.to_string(), "--tls"]).run().status(4).says(&["connection refused"]);
}

/// A `HelloRequest` (RFC 5246, 7.4.1.1).
const RENEGOTIATE: [u8; 4] = [0; 4];
const HANDSHAKE_FAILURE: [u8; 2] = [2, 40];

#[test]
fn a_server_that_insists_on_renegotiation_is_recognized() {
    for (requests, expected) in [(1, "it asked to renegotiate"), (1000, "renegotiate again and again")] {
        let authority = authority();
        let mut config = ServerConfig::clone(&authority.server(&authority.localhost(), false));
        config.enable_secret_extraction = true;
        let server = peer(move |mut stream| {
            let mut tls = ServerConnection::new(config.into()).unwrap();
            tls.complete_io(&mut stream).unwrap();
            let mut session = Sealed::new(stream, tls.dangerous_extract_secrets().unwrap().tx);
            let flood: Vec<_> = (0..requests).flat_map(|_| session.seal(HANDSHAKE, &RENEGOTIATE)).collect();
            session.socket.write_all(&flood).unwrap();
            // The client declines, and OpenSSL answers with this alert.
            session.socket.read_exact(&mut [0]).unwrap();
            let refusal = session.seal(ALERT, &HANDSHAKE_FAILURE);
            session.flood(&refusal);
        });
        let port = server.port();
        let connect = ["connect", "localhost", &port, "-4", "--tls", "--tls-max", "1.2", "--cacert"];
        let client = astream(connect).args([arg(&authority.ca)]).open_stdin().run();
        client.status(6).stdout(b"").says(&[expected, "not supported here"]);
        server.join();
    }
}
