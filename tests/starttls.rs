//! STARTTLS in the program, every protocol against a peer that follows a script.

mod support;

#[path = "data/starttls.rs"]
mod conversations;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use conversations::{CONVERSATIONS, Turns};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::certs::{Authority, arg, authority};
use support::peer::{Peer, end_tls, peer, read_all, tls_peer};
use support::{Program, astream};

/// The first conversation of each protocol.
fn one_of_each() -> impl Iterator<Item = (&'static str, Turns)> {
    let is_first = |index: usize| index == 0 || CONVERSATIONS[index - 1].0 != CONVERSATIONS[index].0;
    (0..CONVERSATIONS.len()).filter(move |index| is_first(*index)).map(|index| CONVERSATIONS[index])
}

fn tls_config() -> (Authority, Arc<ServerConfig>) {
    let authority = authority();
    let config = authority.server(&authority.localhost(), false);
    (authority, config)
}

fn connect<T>(protocol: &str, peer: &Peer<T>, more: &[&str]) -> Program {
    astream(["connect", "localhost", &peer.port(), "-4", "--starttls", protocol]).args(more)
}

/// The server's side of a conversation, in pieces of some size.
fn follow(stream: &mut TcpStream, turns: Turns, piece: usize) {
    stream.set_nodelay(true).unwrap();
    for (wanted, reply) in turns {
        expect(stream, wanted);
        reply.chunks(piece).for_each(|piece| stream.write_all(piece).unwrap());
    }
}

fn expect(stream: &mut TcpStream, wanted: &[u8]) {
    let mut said = vec![0; wanted.len()];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(said.escape_ascii().to_string(), wanted.escape_ascii().to_string());
}

#[test]
fn after_every_dialogue_in_whatever_pieces_the_stream_is_under_tls() {
    let (authority, config) = tls_config();
    for (protocol, turns) in CONVERSATIONS {
        for piece in [1, usize::MAX] {
            let config = Arc::clone(&config);
            let server = peer(move |mut stream| {
                follow(&mut stream, turns, piece);
                let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                let got = read_all(&mut tls);
                tls.write_all(b"under TLS").unwrap();
                end_tls(&mut tls);
                got
            });
            let client = connect(protocol, &server, &["--shutdown", "--cacert", arg(&authority.ca)]);
            client.input("secret").run().status(0).stdout(b"under TLS").silent();
            assert_eq!(server.join(), b"secret");
        }
    }
}

#[test]
fn our_end_comes_after_the_servers_unless_it_is_asked_for() {
    let (authority, config) = tls_config();
    for (more, is_first) in [
        (&[][..], false),
        (&["--shutdown", "--no-shutdown"], false),
        (&["--shutdown"], true),
        (&["--no-shutdown", "--shutdown"], true),
    ] {
        let config = Arc::clone(&config);
        let server = peer(move |mut stream| {
            follow(&mut stream, CONVERSATIONS[0].1, usize::MAX);
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            tls.read_exact(&mut [0; 4]).unwrap();
            tls.sock
                .set_read_timeout(Some(Duration::from_millis(if is_first { 60_000 } else { 200 })))
                .unwrap();
            let early = tls.read(&mut [0]).ok();
            tls.sock.set_read_timeout(Some(support::DEADLINE)).unwrap();
            tls.write_all(b"221 bye").unwrap();
            end_tls(&mut tls);
            assert_eq!(read_all(&mut tls), b"");
            early
        });
        let client = connect("smtp", &server, &["--cacert", arg(&authority.ca)]).args(more);
        client.input("QUIT").run().status(0).stdout(b"221 bye").silent();
        assert_eq!(server.join(), is_first.then_some(0), "{more:?}");
    }
}

#[test]
fn bytes_that_came_with_the_last_reply_are_refused_and_no_handshake_begins() {
    for (protocol, turns) in one_of_each() {
        let server = peer(move |mut stream| {
            let replies = turns.iter().filter(|(_, reply)| !reply.is_empty()).count();
            follow(&mut stream, &turns[..replies - 1], usize::MAX);
            expect(&mut stream, turns[replies - 1].0);
            stream.write_all(&[turns[replies - 1].1, b"* OK evil\r\n"].concat()).unwrap();
            if let Some((last, _)) = turns.get(replies) {
                expect(&mut stream, last);
            }
            read_all(&mut stream)
        });
        let client = connect(protocol, &server, &["--insecure", "--quiet"]).input("secret").run();
        client.status(6).stdout(b"").says(&[
            &format!("STARTTLS ({protocol}) with localhost:"),
            "before the handshake, which were refused",
        ]);
        assert_eq!(server.join(), b"");
    }
}

/// What a server answers at its last turn when it refuses, and what is reported of it.
const REFUSALS: [(&str, &[u8], &str); 11] = [
    ("smtp", b"454 4.7.0 \x1b[31mTLS\0 not available\r\n", "declined: \"454 4.7.0 \\u{1b}[31mTLS\\0 not"),
    ("lmtp", b"502 5.5.1 no\r\n", "declined: \"502 5.5.1 no\""),
    ("imap", b"* OK wait\r\na BAD no\r\n", "declined: \"a BAD no\""),
    ("pop3", b"-ERR no\r\n", "declined: \"-ERR no\""),
    ("ftp", b"530-no\r\n530 anonymous only\r\n", "declined: \"530-no 530 anonymous only\""),
    ("nntp", b"580 no\r\n", "declined: \"580 no\""),
    ("xmpp", b"<failure xmlns='x'/></stream:stream>", "declined: \"<failure xmlns='x'/>\""),
    ("postgres", b"N", "declined: \"N\""),
    ("mysql", b"\x0a\0\0\0\xff\x10\x04no more", "declined: \"no more\""),
    ("ldap", b"\x30\x0e\x02\x01\x01\x78\x09\x0a\x01\x02\x04\0\x04\x02no", "declined: \"result 2 no\""),
    ("sieve", b"NO \"no\"\r\n", "declined: \"NO \\\"no\\\"\""),
];

#[test]
fn a_server_that_declines_is_status_6_with_its_words_and_receives_no_more() {
    for ((protocol, turns), (name, refusal, expected)) in one_of_each().zip(REFUSALS) {
        assert_eq!(protocol, name);
        let server = peer(move |mut stream| {
            let turns = if protocol == "mysql" { &turns[..1] } else { turns };
            let ((last, _), before) = turns.split_last().unwrap();
            follow(&mut stream, before, usize::MAX);
            expect(&mut stream, last);
            stream.write_all(refusal).unwrap();
            read_all(&mut stream)
        });
        let client = connect(protocol, &server, &["--insecure", "--quiet"]).input("secret").run();
        let client = client.status(6).stdout(b"").says(&[&format!("STARTTLS ({protocol}) with "), expected]);
        assert!(!client.stderr.contains(['\x1b', '\0']), "{}", client.description());
        assert_eq!(server.join(), b"");
    }
}

#[test]
fn a_mail_server_that_does_not_offer_it_is_not_asked() {
    let server = peer(|mut stream| {
        stream.write_all(b"220 mail.test\r\n").unwrap();
        expect(&mut stream, b"EHLO [127.0.0.1]\r\n");
        stream.write_all(b"250-mail.test\r\n250 8BITMIME\r\n").unwrap();
        read_all(&mut stream)
    });
    let client = connect("smtp", &server, &["--insecure", "--quiet"]).run();
    client.status(6).says(&["does not offer it: \"250-mail.test 250 8BITMIME\""]);
    assert_eq!(server.join(), b"");
}

#[test]
fn a_server_that_leaves_in_the_middle_is_status_6_and_what_was_expected_is_reported() {
    for (protocol, turns) in one_of_each() {
        for (turn, (wanted, reply)) in turns.iter().enumerate().filter(|(_, (_, reply))| !reply.is_empty()) {
            for partial in [&b""[..], &reply[..reply.len() - 1]] {
                let server = peer(move |mut stream| {
                    follow(&mut stream, &turns[..turn], usize::MAX);
                    expect(&mut stream, wanted);
                    stream.write_all(partial).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                    read_all(&mut stream)
                });
                let client = connect(protocol, &server, &["--insecure", "--quiet"]).run();
                let rest = if partial.is_empty() { "" } else { "was complete: \"" };
                client.status(6).says(&["the connection was closed before the ", rest]);
                assert_eq!(server.join(), b"");
            }
        }
    }
}

#[test]
fn a_reply_without_an_end_is_status_6_and_is_not_read_for_ever() {
    for (protocol, first, then) in [
        ("smtp", &b"220-"[..], &b"x"[..]),
        ("smtp", b"", b"220-and so on\r\n"),
        ("ftp", b"220-\r\n", b"and so on\r\n"),
        ("imap", b"* OK ", b"x"),
        ("imap", b"* OK hello\r\n", b"* X\r\n"),
        ("imap", b"* OK {4000000000}\r\n", b"x"),
        ("pop3", b"+OK ", b"\0"),
        ("sieve", b"", b"\"SIEVE\"\r\n"),
        ("xmpp", b"<", b"x"),
        ("xmpp", b"<a>", b"<b/>"),
        ("nntp", b"200 ", b"x"),
        ("ldap", b"\x30\x82\xff\xf0", b"\0"),
        ("mysql", b"\xf0\xff\0\0", b"\x0a"),
        ("postgres", b"E\0\0\xff\xf0", b"M"),
    ] {
        let server = peer(move |mut stream| {
            let _ = stream.write_all(first);
            while stream.write_all(&then.repeat(100)).is_ok() {}
        });
        let client = connect(protocol, &server, &["--insecure", "--quiet"]).run();
        let client = client.status(6).says(&["STARTTLS"]);
        assert!(client.stderr.len() < 2000, "{}", client.description());
        server.join();
    }
}

#[test]
fn a_silent_server_is_status_5_and_what_was_waited_for_is_reported() {
    for (protocol, expected) in [
        ("smtp", "waiting for the greeting: timed out after 300 ms"),
        ("sieve", "waiting for the capabilities"),
        ("xmpp", "waiting for the stream's features"),
        ("postgres", "waiting for the answer to SSLRequest"),
    ] {
        // What is given up is reset.
        let mute = peer(|mut stream| stream.read_to_end(&mut Vec::new()).unwrap_err());
        let client = connect(protocol, &mute, &["--insecure", "--quiet", "-w", "300ms"]).run();
        client.status(5).says(&[expected, "-w TIME", "--tls without --starttls"]);
        mute.join();
    }
}

#[test]
fn a_server_that_speaks_tls_at_once_is_recognized() {
    let (_authority, config) = tls_config();
    for protocol in ["xmpp", "postgres", "ldap"] {
        let server = tls_peer(Arc::clone(&config), |mut tls| {
            let failed = tls.conn.complete_io(&mut tls.sock).is_err();
            let _ = tls.sock.read(&mut [0; 100]);
            failed
        });
        let client = connect(protocol, &server, &["--insecure", "--quiet"]).run();
        client.status(6).says(&["speaks TLS from the start", "--tls without --starttls"]);
        assert!(server.join());
    }
}

#[test]
fn the_handshake_after_it_is_verified_as_ever() {
    let (_authority, config) = tls_config();
    let other = authority();
    let server = peer(move |mut stream| {
        follow(&mut stream, CONVERSATIONS[0].1, usize::MAX);
        let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        tls.conn.complete_io(&mut tls.sock).is_err()
    });
    let client = connect("smtp", &server, &["--tls", "--cacert", arg(&other.ca)]).input("secret").run();
    client.status(6).stdout(b"").says(&["TLS handshake with localhost:", "issuer is unknown"]);
    assert!(server.join());
}

#[test]
fn a_probe_asks_first_too() {
    let (authority, config) = tls_config();
    let server = peer(move |mut stream| {
        follow(&mut stream, CONVERSATIONS[0].1, usize::MAX);
        read_all(&mut StreamOwned::new(ServerConnection::new(config).unwrap(), stream))
    });
    connect("smtp", &server, &["-z", "--cacert", arg(&authority.ca)]).run().status(0).silent();
    assert_eq!(server.join(), b"");
}
