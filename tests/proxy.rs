//! Proxies: each protocol against a peer that follows a script, and chains and TLS through proxies that relay.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use astream::{ConnectOptions, Proxy, open_connection};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::certs::{arg, authority};
use support::peer::{Peer, black_hole, end_tls, peer, peers, read_all, refusing, tls_peer};
use support::{Program, astream};

/// What a client of a proxy says at each turn, and what the proxy answers.
type Turns = &'static [(&'static [u8], &'static [u8])];

const AUTH: &str = "ASTREAM_PROXY_AUTH";

/// `astream connect` to `target` through one proxy.
fn connect<T>(scheme: &str, proxy: &Peer<T>, target: &[&str]) -> Program {
    astream(["connect", "-x", &format!("{scheme}://{}", proxy.address)]).args(target)
}

fn expect(stream: &mut impl Read, wanted: &[u8]) {
    let mut said = vec![0; wanted.len()];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(said.escape_ascii().to_string(), wanted.escape_ascii().to_string());
}

/// The proxy's side of a conversation, its answers in pieces of some size.
fn follow(stream: &mut TcpStream, turns: Turns, piece: usize) {
    stream.set_nodelay(true).unwrap();
    for (wanted, answer) in turns {
        expect(stream, wanted);
        answer.chunks(piece).for_each(|piece| stream.write_all(piece).unwrap());
    }
}

/// Conversations that end with a connection: scheme, USER:SECRET, host of the target (its port is 4711), turns.
const CONVERSATIONS: &[(&str, &str, &str, Turns)] = &[
    (
        "socks5",
        "",
        "target.test",
        &[(b"\x05\x01\0", b"\x05\0"), (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\0\0\x01\x7f\0\0\x01\x01\x02")],
    ),
    (
        "socks5h",
        "",
        "127.0.0.7",
        &[(b"\x05\x01\0", b"\x05\0"), (b"\x05\x01\0\x01\x7f\0\0\x07\x12\x67", b"\x05\0\0\x03\x0abound.test\x01\x02")],
    ),
    (
        "socks5",
        "",
        "::7",
        &[
            (b"\x05\x01\0", b"\x05\0"),
            (
                b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x12\x67",
                b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02",
            ),
        ],
    ),
    (
        "socks5",
        "me:hunter2:x",
        "target.test",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x02me\x09hunter2:x", b"\x01\0"),
            (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\0\0\x03\0\0\0"),
        ],
    ),
    (
        "socks5",
        "me:hunter2",
        "target.test",
        &[
            (b"\x05\x02\0\x02", b"\x05\0"),
            (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\0\0\x01\0\0\0\0\0\0"),
        ],
    ),
    ("socks4", "", "127.0.0.7", &[(b"\x04\x01\x12\x67\x7f\0\0\x07\0", b"\0\x5a\0\0\0\0\0\0")]),
    ("socks4", "", "localhost", &[(b"\x04\x01\x12\x67\x7f\0\0\x01\0", b"\0\x5a\0\0\0\0\0\0")]),
    ("socks4a", "me:hunter2", "127.0.0.7", &[(b"\x04\x01\x12\x67\x7f\0\0\x07me\0", b"\0\x5a\x01\x02\x03\x04\x05\x06")]),
    ("socks4a", "", "target.test", &[(b"\x04\x01\x12\x67\0\0\0\x01\0target.test\0", b"\0\x5a\0\0\0\0\0\0")]),
    (
        "http",
        "me:hunter2",
        "target.test",
        &[(
            b"CONNECT target.test:4711 HTTP/1.1\r\nHost: target.test:4711\r\n\r\n",
            b"HTTP/1.1 200 Connection established\r\n\r\n",
        )],
    ),
    (
        "http",
        "",
        "::7",
        &[(
            b"CONNECT [::7]:4711 HTTP/1.1\r\nHost: [::7]:4711\r\n\r\n",
            b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.0  299\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        )],
    ),
    (
        "http",
        "me:hunter2",
        "127.0.0.7",
        &[
            (
                b"CONNECT 127.0.0.7:4711 HTTP/1.1\r\nHost: 127.0.0.7:4711\r\n\r\n",
                b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: Basic realm=\"a, b\"\r\n\
                  Content-Length: 3\r\n\r\nwho",
            ),
            (
                b"CONNECT 127.0.0.7:4711 HTTP/1.1\r\nHost: 127.0.0.7:4711\r\n\
                  Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n\r\n",
            ),
        ],
    ),
];

#[test]
fn after_every_dialogue_in_whatever_pieces_the_stream_begins_and_loses_nothing() {
    for (scheme, auth, host, turns) in CONVERSATIONS {
        for piece in [1, 3, usize::MAX] {
            let proxy = peer(move |mut stream| {
                let ((last, answer), before) = turns.split_last().unwrap();
                follow(&mut stream, before, piece);
                expect(&mut stream, last);
                // The target speaks first, in the segment of the answer.
                let whole = [answer, &b"220 target\r\n"[..]].concat();
                whole.chunks(piece).for_each(|piece| stream.write_all(piece).unwrap());
                let got = read_all(&mut stream);
                stream.write_all(b"221 bye\r\n").unwrap();
                got
            });
            let client = connect(scheme, &proxy, &[host, "4711"]).input("QUIT\r\n");
            let client = if auth.is_empty() { client } else { client.env(AUTH, auth) };
            client.run().status(0).stdout(b"220 target\r\n221 bye\r\n").silent();
            assert_eq!(proxy.join(), b"QUIT\r\n", "{scheme} {host} {piece}");
        }
    }
}

/// Answers that are no connection: scheme, USER:SECRET, turns, and what is said of the last.
const REFUSALS: &[(&str, &str, Turns, &[&str])] = &[
    (
        "socks5",
        "",
        &[(b"\x05\x01\0", b"\x05\xff")],
        &["it demands a user and a secret", "ASTREAM_PROXY_AUTH"],
    ),
    (
        "socks5",
        "",
        &[(b"\x05\x01\0", b"\x05\x02")],
        &["it demands a user and a secret", "ASTREAM_PROXY_AUTH"],
    ),
    (
        "socks5",
        "me:x",
        &[(b"\x05\x02\0\x02", b"\x05\xff")],
        &["authentication other than by a user and a secret"],
    ),
    ("socks5", "", &[(b"\x05\x01\0", b"\x05\x01")], &["authentication 1, which was not offered"]),
    (
        "socks5",
        "me:x",
        &[(b"\x05\x02\0\x02", b"\x05\x02"), (b"\x01\x02me\x01x", b"\x01\x01")],
        &["it rejects the user or the secret", "ASTREAM_PROXY_AUTH"],
    ),
    ("socks5", "", &[(b"\x05\x01\0", b"\x04\x5b")], &["does not speak SOCKS5; it answered", "socks4a://"]),
    (
        "socks5",
        "",
        &[(b"\x05\x01\0", b"HTTP/1.1 400 Bad Request\r\n")],
        &["it answered \"HTTP/1.1 400 Bad", "http://"],
    ),
    (
        "socks5",
        "",
        &[(b"\x05\x01\0", b"\x05\0"), (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\x02")],
        &["it did not connect to target.test:4711: its rules forbid it"],
    ),
    (
        "socks5",
        "",
        &[
            (b"\x05\x01\0", b"\x05\0"),
            (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\x05\0\x01\0\0\0\0\0\0"),
        ],
        &["it did not connect to target.test:4711: connection refused"],
    ),
    (
        "socks5",
        "",
        &[(b"\x05\x01\0", b"\x05\0"), (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\0\0\x09")],
        &["its answer holds an address of kind 9"],
    ),
    (
        "socks4a",
        "",
        &[(b"\x04\x01\x12\x67\0\0\0\x01\0target.test\0", b"\0\x5b\0\0\0\0\0\0")],
        &["it did not connect to target.test:4711: rejected or failed"],
    ),
    (
        "socks4a",
        "",
        &[(b"\x04\x01\x12\x67\0\0\0\x01\0target.test\0", b"\x05\xff")],
        &["does not speak SOCKS4", "socks5://"],
    ),
    (
        "http",
        "",
        &[(b"CONNECT ", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\n\r\n<p>not\r\n\x1b[31mhere</p>")],
        &["it answered \"403 Forbidden\", and said \"<p>not \\u{1b}[31mhere</p>\""],
    ),
    (
        "http",
        "",
        &[(
            b"CONNECT ",
            b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: Chunked\r\n\r\n6;x=y\r\nno way\r\n8\r\n through\r\n0\r\n\r\nx",
        )],
        &["\"503 Busy\", and said \"no way through\""],
    ),
    (
        "http",
        "",
        &[(b"CONNECT ", b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\ncut sho")],
        &["\"503 Busy\", and said \"cut sho\""],
    ),
    ("http", "", &[(b"CONNECT ", b"HTTP/1.1 401 No\r\n\r\n")], &["did not connect to target.test:4711", "401 No"]),
    (
        "http",
        "",
        &[(b"CONNECT ", b"HTTP/1.0 502 Bad\r\n\r\nno route")],
        &["\"502 Bad\", and said \"no route\""],
    ),
    (
        "http",
        "",
        &[(b"CONNECT ", b"HTTP/1.1 405 No\r\nAllow: GET\r\n\r\n")],
        &["405 No", "it may be a web server"],
    ),
    ("http", "", &[(b"CONNECT ", b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")], &["302 Found"]),
    (
        "http",
        "",
        &[(b"CONNECT ", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")],
        &["it demands a user and a secret: it answered \"407 Who?\"", "ASTREAM_PROXY_AUTH"],
    ),
    (
        "http",
        "me:x",
        &[(b"CONNECT ", b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Negotiate, NTLM\r\n\r\n")],
        &["in a way that is not supported (Negotiate, NTLM)"],
    ),
    (
        "http",
        "me:x",
        &[(
            b"CONNECT ",
            b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Digest realm=x, nonce=y, algorithm=SHA-1\r\n\r\n",
        )],
        &["in a way that is not supported (Digest)"],
    ),
    ("http", "me:x", &[(b"CONNECT ", b"HTTP/1.1 407 Who?\r\n\r\n")], &["and does not say how"]),
    ("http", "", &[(b"CONNECT ", b"\x05\xff")], &["does not speak HTTP", "socks5://"]),
    ("http", "", &[(b"CONNECT ", b"HTTP/1.1 200 OK\r\nno header\r\n\r\n")], &["does not speak HTTP"]),
];

#[test]
fn a_proxy_that_does_not_connect_is_status_4_with_its_reason_and_is_sent_no_more() {
    for (scheme, auth, turns, words) in REFUSALS {
        let proxy = peer(move |mut stream| {
            let ((last, answer), before) = turns.split_last().unwrap();
            follow(&mut stream, before, usize::MAX);
            expect(&mut stream, last);
            if *last == b"CONNECT " {
                expect(&mut stream, b"target.test:4711 HTTP/1.1\r\nHost: target.test:4711\r\n\r\n");
            }
            stream.write_all(answer).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&mut stream)
        });
        let client = connect(scheme, &proxy, &["target.test", "4711", "--quiet"]).input("payload");
        let client = if auth.is_empty() { client } else { client.env(AUTH, auth) };
        let said =
            client.run().status(4).stdout(b"").says(&[&format!("the proxy {scheme}://{}: ", proxy.address)]);
        let said = said.says(words);
        assert!(!said.stderr.contains('\x1b') && said.stderr.len() < 1500, "{}", said.description());
        assert_eq!(proxy.join(), b"", "{}", said.description());
    }
}

#[test]
fn a_proxy_that_leaves_in_the_middle_is_status_4() {
    for (scheme, auth, host, turns) in CONVERSATIONS {
        for (turn, (wanted, answer)) in turns.iter().enumerate() {
            for partial in [&b""[..], &answer[..answer.len() - 1]] {
                let proxy = peer(move |mut stream| {
                    follow(&mut stream, &turns[..turn], usize::MAX);
                    expect(&mut stream, wanted);
                    stream.write_all(partial).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                    read_all(&mut stream)
                });
                let client = connect(scheme, &proxy, &[host, "4711", "--quiet"]).input("payload");
                let client = if auth.is_empty() { client } else { client.env(AUTH, auth) };
                let ended = client.run().status(4).stdout(b"");
                match partial {
                    // Once it has asked who we are, it is asked again on another connection, which is refused here.
                    b"" if scheme.starts_with("http") && turn > 0 => ended.says(&["refused"]),
                    b"" => ended.says(&["the connection was closed before its "]),
                    _ => ended.says(&["the connection was closed before ", " was complete: \""]),
                };
                assert_eq!(proxy.join(), b"");
            }
        }
    }
}

#[test]
fn a_proxy_that_hangs_is_status_5_and_the_step_is_named() {
    for (scheme, first, step) in [
        ("socks5", &b""[..], "waiting for its choice of authentication: timed out after 300 ms"),
        ("socks5", b"\x05\0\x05", "waiting for its answer: timed out after 300 ms"),
        ("socks4a", b"\0", "waiting for its answer"),
        ("http", b"HTTP/1.1 200 OK\r\n", "waiting for its answer to CONNECT"),
        ("https", b"", "TLS handshake with the proxy https://"),
    ] {
        let mute = peer(move |mut stream| {
            stream.write_all(first).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let client =
            connect(scheme, &mute, &["target.test", "4711", "--quiet", "-w", "300ms"]).input("payload");
        client.run().status(5).stdout(b"").says(&["the proxy", step, "-w TIME"]);
        mute.join();
    }
    let hole = black_hole("127.0.0.1");
    let url = format!("socks5://{}", hole.address);
    let client = astream(["connect", "-x", &url, "target.test", "4711", "-w", "300ms"]).run();
    client.status(5).says(&[&format!("the proxy {url}: connecting to {}", hole.address), "-w TIME"]);
}

#[test]
fn an_answer_without_an_end_is_status_4_and_is_not_read_for_ever() {
    for (first, then) in [
        (&b""[..], &b"\r\n"[..]),
        (b"HTTP/1.1 200 ", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 403 No\r\n\r\n", b"x"),
    ] {
        let proxy = peer(move |mut stream| {
            let _ = stream.write_all(first);
            while stream.write_all(&then.repeat(100)).is_ok() {}
        });
        let said =
            connect("http", &proxy, &["target.test", "4711", "--quiet"]).run().status(4).says(&["the proxy"]);
        assert!(said.stderr.len() < 2000, "{}", said.description());
        proxy.join();
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_with_the_status_of_that() {
    let (_socket, address) = refusing();
    for scheme in ["socks5", "socks4", "http", "https"] {
        let url = format!("{scheme}://{address}");
        let client = astream(["connect", "-x", &url, "127.0.0.1", "4711"]).run().status(4);
        client.says(&[&format!("the proxy {url}: cannot connect to {address}: connection refused")]);
    }
    let client = astream(["connect", "-n", "-x", "http://localhost:1", "127.0.0.1", "4711"]).run().status(3);
    client.says(&["the proxy http://localhost:1: cannot resolve 'localhost'", "without -n"]);
}

/// A proxy of HTTP for some connections, each with its number and what was asked first.
fn asked<T: Send + 'static>(
    connections: usize,
    serve: impl Fn(usize, String, TcpStream) -> T + Send + 'static,
) -> Peer<Vec<T>> {
    peers(connections, move |number, mut stream| {
        let request = head(&mut stream);
        serve(number, request, stream)
    })
}

/// A head of HTTP, to its empty line.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8(head).unwrap()
}

const DIGEST: &str = "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256";

#[test]
fn a_proxy_that_closes_after_its_question_is_asked_again_on_another_connection() {
    for question in [
        "HTTP/1.0 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nProxy-Connection: x, Close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\n\r\nwho?",
        // It says nothing of closing, and does.
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 1000000000000\r\n\r\nwho?",
    ] {
        let proxy = asked(2, move |number, request, mut stream| {
            if number == 0 {
                assert!(!request.contains("Authorization"), "{request}");
                stream.write_all(question.as_bytes()).unwrap();
                let _ = stream.shutdown(Shutdown::Write);
                return head(&mut stream);
            }
            assert!(request.contains("\r\nProxy-Authorization: Basic bWU6aHVudGVyMg==\r\n"), "{request}");
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            String::from_utf8(read_all(&mut stream)).unwrap()
        });
        let client =
            connect("http", &proxy, &["target.test", "4711"]).env(AUTH, "me:hunter2").input("payload");
        client.run().status(0).stdout(b"hello");
        let [first, second] = &proxy.join()[..] else { panic!("two connections") };
        assert!(first.is_empty() || first.starts_with("CONNECT "), "{first}");
        assert_eq!(second, "payload");
    }
}

#[test]
fn digest_is_preferred_and_basic_is_never_sent_where_it_is_not_offered() {
    for (offered, sent) in [
        ("Basic realm=\"x\", DIGEST", "Digest username=\"me\""),
        ("DIGEST\r\nProxy-Authenticate: Basic realm=\"x\"", "Digest username=\"me\""),
        ("DIGEST", "Digest username=\"me\""),
        ("Digest realm=x, nonce=y, algorithm=MD4\r\nProxy-Authenticate: DIGEST", "algorithm=SHA-256"),
        ("Digest realm=x, nonce=y, algorithm=MD4, Basic realm=\"x\"", "Basic bWU6aHVudGVyMg=="),
        ("basic", "Basic bWU6aHVudGVyMg=="),
    ] {
        let question = format!(
            "HTTP/1.1 407 Who?\r\nProxy-Authenticate: {}\r\nContent-Length: 0\r\n\r\n",
            offered.replace("DIGEST", DIGEST)
        );
        let proxy = asked(1, move |_, request, mut stream| {
            assert!(!request.contains("Authorization"), "{request}");
            stream.write_all(question.as_bytes()).unwrap();
            let request = head(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let _ = read_all(&mut stream);
            request
        });
        connect("http", &proxy, &["target.test", "4711"]).env(AUTH, "me:hunter2").run().status(0).silent();
        let request = proxy.join().remove(0);
        assert!(request.contains(sent), "{offered}: {request}");
        assert_eq!(request.contains("Basic "), sent.contains("Basic "), "{request}");
        assert!(!request.contains("hunter2"), "{request}");
    }
}

#[test]
fn a_rejected_secret_is_status_4_and_a_challenge_that_was_too_old_is_answered_anew() {
    let question = |challenge: &str| {
        format!("HTTP/1.1 407 Who?\r\nProxy-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n")
    };
    let stale = format!("{}, stale=TRUE", DIGEST.replace("n1", "n2"));
    for (challenges, requests, status) in [
        (vec!["Basic realm=x", "Basic realm=x"], 2, 4),
        (vec![DIGEST, DIGEST], 2, 4),
        (vec![DIGEST, &stale], 3, 0),
        (vec![DIGEST, &stale, &stale, &stale], 4, 4),
    ] {
        let questions: Vec<_> = challenges.iter().map(|challenge| question(challenge)).collect();
        let proxy = asked(1, move |_, first, mut stream| {
            let mut requests = vec![first];
            for question in &questions {
                stream.write_all(question.as_bytes()).unwrap();
                requests.push(head(&mut stream));
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
            requests.retain(|request| !request.is_empty());
            requests
        });
        let client =
            connect("http", &proxy, &["target.test", "4711", "--quiet"]).env(AUTH, "me:hunter2").run();
        let client = client.status(status);
        if status == 4 {
            client.says(&["it rejects the user or the secret: it answered \"407 Who?\"", AUTH]);
        }
        let sent = proxy.join().remove(0);
        assert_eq!(sent.len(), requests, "{sent:?}");
        assert!(status == 4 || sent[2].contains("nonce=\"n2\""), "{sent:?}");
    }
}

#[test]
fn a_secret_that_is_answered_with_401_is_rejected_too() {
    let proxy = asked(1, |_, _, mut stream| {
        let ask = b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(ask).unwrap();
        head(&mut stream);
        stream.write_all(b"HTTP/1.0 401 Unauthorized\r\n\r\n<p>no</p>").unwrap();
    });
    let client = connect("http", &proxy, &["target.test", "4711"]).env(AUTH, "me:hunter2").run().status(4);
    client.says(&["it rejects the user or the secret: it answered \"401 Unauthorized\"", AUTH]);
}

#[test]
fn a_secret_is_shown_nowhere_also_if_the_proxy_repeats_it() {
    for more in [&["-vv"][..], &["-vv", "--json"]] {
        let proxy = asked(1, |_, _, mut stream| {
            stream
                .write_all(
                    b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
                )
                .unwrap();
            let request = head(&mut stream);
            let echo = format!("HTTP/1.1 403 No hunter2\r\n\r\n{request} me:hunter2");
            stream.write_all(echo.as_bytes()).unwrap();
        });
        let client =
            connect("http", &proxy, &["target.test", "4711"]).args(more).env(AUTH, "me:hunter2").run();
        let client = client.status(4).stdout(b"");
        assert!(client.stderr.contains("(redacted: "), "{}", client.description());
        assert!(
            !client.stderr.contains("hunter2") && !client.stderr.contains("bWU6"),
            "{}",
            client.description()
        );
        proxy.join();
    }
    let proxy = peer(|mut stream| {
        follow(
            &mut stream,
            &[(b"\x05\x02\0\x02", b"\x05\x02"), (b"\x01\x02me\x07hunter2", b"hunter2\r\n")],
            usize::MAX,
        );
    });
    let client =
        connect("socks5", &proxy, &["target.test", "4711", "-vv"]).env(AUTH, "me:hunter2").run().status(4);
    assert!(
        client.stderr.contains("(redacted: ") && !client.stderr.contains("hunter2"),
        "{}",
        client.description()
    );
}

/// Command lines that cannot be used: what is connected to, and what is said.
const UNUSABLE: &[(&str, &[&str])] = &[
    (
        "-x http://me:hunter2@127.0.0.1:1 127.0.0.1 1",
        &["the proxy http://…@127.0.0.1:1: ", "ASTREAM_PROXY_AUTH"],
    ),
    ("-x socks5://127.0.0.1:1 -x hunter2@127.0.0.1:1 127.0.0.1 1", &["…@127.0.0.1:1", "ASTREAM_PROXY_AUTH"]),
    ("-x http://me:hunter2@127.0.0.1:1 127.0.0.1 1 --frob", &["--frob"]),
    ("-x 127.0.0.1:1080 127.0.0.1 1", &["'127.0.0.1:1080': a proxy is written SCHEME://HOST:PORT"]),
    ("-x gopher://127.0.0.1 127.0.0.1 1", &["a proxy is written SCHEME://HOST:PORT"]),
    ("-x socks5://127.0.0.1:1 unix:/a", &["'unix:/a': a Unix socket cannot be reached through a proxy"]),
    ("-x socks4://127.0.0.1:1 ::1 1", &["'[::1]:1': SOCKS4 reaches IPv4 addresses only"]),
    ("-x socks4a://127.0.0.1:1 -x http://[::1]:1 127.0.0.1 1", &["'[::1]:1': SOCKS4 reaches IPv4"]),
    ("-x socks5://127.0.0.1:1 fe80::1%lo 1", &["zones of this machine"]),
    ("-x http://127.0.0.1:1 a*b 1", &["not a name that a proxy can be asked for"]),
    ("-x http://127.0.0.1:1 münchen.test 1", &["xn--"]),
    ("-x http://127.0.0.1:1 target.test 0", &["port 0"]),
    ("-x https://127.0.0.1:1 --proxy-cacert /nowhere target.test 1", &["/nowhere"]),
    ("--proxy-cacert /nowhere target.test 1", &["--proxy <URL>"]),
];

#[test]
fn what_cannot_be_used_is_status_2_before_anything_is_connected_to() {
    for (line, words) in UNUSABLE {
        let client = astream(["connect"]).args(line.split(' ')).run().status(2).stdout(b"").says(words);
        assert!(!client.stderr.contains("hunter2"), "{}", client.description());
    }
    for auth in ["hunter2", ":hunter2", &format!("{}:hunter2", "x".repeat(256)), "me\n:hunter2"] {
        let client =
            astream(["connect", "-x", "socks5://127.0.0.1:1", "127.0.0.1", "1"]).env(AUTH, auth).run();
        let client = client.status(2).says(&["USER:SECRET"]);
        assert!(!client.stderr.contains("hunter2"), "{}", client.description());
    }
}

#[test]
fn without_look_ups_the_target_is_an_address_too() {
    for scheme in ["socks5", "socks4", "socks4a", "http"] {
        let client =
            astream(["connect", "-n", "-x", &format!("{scheme}://127.0.0.1:1"), "localhost", "1"]).run();
        client.status(3).says(&["cannot resolve 'localhost': not an IP address", "without -n"]);
    }
}

/// A proxy by HTTP for one connection, which it relays; and what it was asked for.
fn relaying() -> Peer<String> {
    peer(|mut stream| {
        let target = head(&mut stream).split(' ').nth(1).unwrap().to_owned();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        relay(stream, TcpStream::connect(&target).unwrap());
        target
    })
}

/// The same by SOCKS5, which demands a user and a secret and is asked for an IPv4 address.
fn relaying_socks5() -> Peer<String> {
    peer(|mut stream| {
        let turns: Turns = &[(b"\x05\x02\0\x02", b"\x05\x02"), (b"\x01\x03two\x04two2", b"\x01\0")];
        follow(&mut stream, turns, usize::MAX);
        expect(&mut stream, b"\x05\x01\0\x01");
        let mut address = [0; 6];
        stream.read_exact(&mut address).unwrap();
        let [a, b, c, d, high, low] = address;
        let target = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
        stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0").unwrap();
        relay(stream, TcpStream::connect(target).unwrap());
        target.to_string()
    })
}

/// Both ways, each to its own end.
fn relay(mut client: TcpStream, mut target: TcpStream) {
    let (mut back, mut from) = (client.try_clone().unwrap(), target.try_clone().unwrap());
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut client, &mut target);
        let _ = target.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut from, &mut back);
    let _ = back.shutdown(Shutdown::Write);
    up.join().unwrap();
}

#[test]
fn a_chain_is_walked_in_its_order_each_proxy_with_its_own_secret() {
    let target = peer(|mut stream| {
        stream.write_all(b"220 target\r\n").unwrap();
        let got = read_all(&mut stream);
        stream.write_all(b"221 bye\r\n").unwrap();
        got
    });
    let (first, second, third) = (relaying(), relaying_socks5(), relaying());
    let (second_address, third_address, port) =
        (format!("localhost:{}", second.port()), third.address.to_string(), target.port());
    let urls = [
        format!("http://{}", first.address),
        format!("socks5://{second_address}"),
        format!("http://{third_address}"),
    ];
    let chain = urls.iter().flat_map(|url| ["-x", url]);
    let client = astream(["connect", "localhost", &port]).args(chain).input("QUIT\r\n");
    let client = client.env("ASTREAM_PROXY_AUTH_2", "two:two2").env("ASTREAM_PROXY_AUTH_3", "three:hunter3");
    client.run().status(0).stdout(b"220 target\r\n221 bye\r\n").silent();
    assert_eq!(target.join(), b"QUIT\r\n");
    assert_eq!(first.join(), second_address);
    assert_eq!(second.join(), third_address);
    assert_eq!(third.join(), format!("localhost:{port}"));
}

#[test]
fn in_a_chain_the_proxy_that_fails_is_named() {
    let (_socket, refused) = refusing();
    let first = asked(1, move |_, request, mut stream| {
        stream.write_all(b"HTTP/1.1 502 Bad\r\nContent-Length: 7\r\n\r\nrefused").unwrap();
        let _ = read_all(&mut stream);
        request
    });
    let (one, two) = (format!("http://{}", first.address), format!("socks5://{refused}"));
    let client = astream(["connect", "-x", &one, "-x", &two, "target.test", "4711"]).run().status(4);
    client.says(&[&format!(
        "the proxy {one}: it did not connect to {refused}: it answered \"502 Bad\", and said \"refused\""
    )]);
    assert!(first.join()[0].starts_with(&format!("CONNECT {refused} ")));
}

const SOCKS5: Turns =
    &[(b"\x05\x01\0", b"\x05\0"), (b"\x05\x01\0\x03\x0btarget.test\x12\x67", b"\x05\0\0\x01\0\0\0\0\0\0")];

#[test]
fn under_tls_the_target_is_verified_for_its_name_and_not_the_proxy() {
    let authority = authority();
    for (names, status, words) in [
        (["target.test"], 0, ""),
        (["127.0.0.1"], 6, "TLS handshake with target.test:4711 (through socks5://127.0.0.1:"),
    ] {
        let config = authority.server(&authority.issue(names[0], &names), false);
        let proxy = peer(move |mut stream| {
            follow(&mut stream, SOCKS5, 1);
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let mut got = Vec::new();
            let read = tls.read_to_end(&mut got);
            if read.is_ok() {
                tls.write_all(b"under TLS").unwrap();
                end_tls(&mut tls);
            }
            got
        });
        let client =
            connect("socks5", &proxy, &["target.test", "4711", "--tls", "--cacert", arg(&authority.ca)]);
        let client = client.input("secret").run().status(status);
        assert!(client.stderr.contains(words), "{}", client.description());
        assert_eq!(client.stdout, if status == 0 { &b"under TLS"[..] } else { b"" });
        assert_eq!(proxy.join(), if status == 0 { &b"secret"[..] } else { b"" });
    }
}

#[test]
fn under_tls_the_proxy_sees_no_end_before_that_of_the_target() {
    let authority = authority();
    let config = authority.server(&authority.issue("target", &["target.test"]), false);
    for by_streams in ["", "1"] {
        let config = Arc::clone(&config);
        let proxy = peer(move |mut stream| {
            follow(&mut stream, SOCKS5, usize::MAX);
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            assert_eq!(read_all(&mut tls), b"request");
            // Many proxies would end both directions at an end that they see.
            tls.sock.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let seen = tls.sock.read(&mut [0]).map_err(|error| error.kind());
            tls.write_all(b"answer").unwrap();
            end_tls(&mut tls);
            seen
        });
        let client =
            connect("socks5", &proxy, &["target.test", "4711", "--tls", "--cacert", arg(&authority.ca)]);
        let client = if by_streams.is_empty() { client } else { client.env("ASTREAM_NO_SPLICE", by_streams) };
        client.input("request").run().status(0).stdout(b"answer").silent();
        assert_eq!(proxy.join(), Err(ErrorKind::WouldBlock), "{by_streams}");
    }
}

#[test]
fn a_proxy_that_takes_our_end_for_a_hang_up_is_pointed_out() {
    for (more, hint) in [(&[][..], "hint: "), (&["--send-only"], ""), (&["--no-shutdown"], "")] {
        let proxy = peer(move |mut stream| {
            follow(&mut stream, SOCKS5, usize::MAX);
            expect(&mut stream, b"request");
            if hint.is_empty() {
                stream.shutdown(Shutdown::Write).unwrap();
            }
            read_all(&mut stream)
        });
        let client =
            connect("socks5", &proxy, &["target.test", "4711"]).args(more).input("request").run().status(0);
        assert_eq!(
            client.stderr.contains("--no-shutdown sends our end"),
            !hint.is_empty(),
            "{}",
            client.description()
        );
        proxy.join();
    }
}

#[test]
fn a_relay_reaches_its_target_through_a_proxy_too() {
    let target = peer(|mut stream| {
        stream.write_all(b"220 target\r\n").unwrap();
        let got = read_all(&mut stream);
        stream.write_all(b"221 bye\r\n").unwrap();
        got
    });
    let proxy = relaying();
    let (url, address) = (format!("http://{}", proxy.address), format!("localhost:{}", target.port()));
    let server = astream(["listen", "127.0.0.1", "0", "--once", "--forward", &address, "-x", &url]).start();
    let client = astream(["connect", &server.address().to_string()]).input("QUIT\r\n").run();
    client.status(0).stdout(b"220 target\r\n221 bye\r\n");
    assert_eq!(target.join(), b"QUIT\r\n");
    assert_eq!(proxy.join(), address);
    server.wait().status(0);
    let (_socket, refused) = refusing();
    let url = format!("socks5://{refused}");
    let server = astream(["listen", "127.0.0.1", "0", "--once", "--forward", &address, "-x", &url]).start();
    astream(["connect", &server.address().to_string()]).run().status(1);
    let server = server.wait().status(4);
    assert!(
        server.stderr.contains(&format!("the target: the proxy {url}: cannot connect to")),
        "{}",
        server.description()
    );
    astream(["listen", "127.0.0.1", "0", "-x", &url]).run().status(2).says(&["--forward"]);
}

#[test]
fn starttls_and_a_probe_go_through_too() {
    let authority = authority();
    let config = authority.server(&authority.issue("target", &["target.test"]), false);
    for more in [&["--shutdown"][..], &["-z"]] {
        let config = Arc::clone(&config);
        let proxy = peer(move |mut stream| {
            let ((last, answer), before) = SOCKS5.split_last().unwrap();
            follow(&mut stream, before, usize::MAX);
            expect(&mut stream, last);
            // The greeting is in the segment of the answer.
            stream.write_all(&[answer, &b"+OK hello\r\n"[..]].concat()).unwrap();
            follow(&mut stream, &[(b"STLS\r\n", b"+OK\r\n")], usize::MAX);
            let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let got = read_all(&mut tls);
            let _ = tls.write_all(b"+OK bye");
            end_tls(&mut tls);
            got
        });
        let line = ["target.test", "4711", "--starttls", "pop3", "--cacert", arg(&authority.ca)];
        let client = connect("socks5", &proxy, &line).args(more).input("QUIT").run().status(0).silent();
        let is_probe = more == ["-z"];
        let stdout = String::from_utf8_lossy(&client.stdout);
        if is_probe {
            let words = format!("target.test:4711 (through socks5://{}): open, TLSv1.3 with ", proxy.address);
            assert!(stdout.starts_with(&words), "{}", client.description());
        } else {
            assert_eq!(stdout, "+OK bye");
        }
        assert_eq!(proxy.join(), if is_probe { &b""[..] } else { b"QUIT" });
    }
}

#[test]
fn a_probe_of_several_ports_reports_each_with_the_words_of_the_proxy() {
    let proxy = peers(3, |_, mut stream| {
        let request = head(&mut stream);
        let answer =
            if request.contains(":2 ") { "HTTP/1.1 503 No\r\n\r\n" } else { "HTTP/1.1 200 OK\r\n\r\nhello" };
        stream.write_all(answer.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let url = format!("http://{}", proxy.address);
    let client = connect("http", &proxy, &["-z", "target.test", "1-3"]).run().status(4).silent();
    let report = client.untimed();
    assert_eq!(
        report.lines().collect::<Vec<_>>(),
        [
            format!("target.test:1 (through {url}): open"),
            format!("the proxy {url}: it did not connect to target.test:2: it answered \"503 No\""),
            format!("target.test:3 (through {url}): open"),
        ]
    );
    proxy.join();
}

/// A proxy under TLS, to its answer to CONNECT.
fn under_tls<T: Send + 'static>(
    config: Arc<ServerConfig>,
    serve: impl FnOnce(support::peer::Tls) -> T + Send + 'static,
) -> Peer<Option<T>> {
    tls_peer(config, |mut tls| {
        tls.conn.complete_io(&mut tls.sock).ok()?;
        assert!(head(&mut tls).starts_with("CONNECT target.test:4711 HTTP/1.1\r\n"));
        tls.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello, ").unwrap();
        Some(serve(tls))
    })
}

#[test]
fn a_proxy_under_tls_is_verified_by_its_own_authority_or_that_of_the_target() {
    let (authority, other) = (authority(), authority());
    let config = authority.server(&authority.localhost(), false);
    let (ours, theirs) = (arg(&authority.ca), arg(&other.ca));
    for (trusted, status) in [
        (&["--proxy-cacert", ours][..], 0),
        (&["--cacert", ours], 0),
        (&["--proxy-cacert", ours, "--cacert", theirs], 0),
        (&["--proxy-cacert", theirs, "--cacert", ours], 6),
        (&["--cacert", theirs], 6),
        (&[], 6),
    ] {
        let proxy = under_tls(Arc::clone(&config), |mut tls| {
            let got = read_all(&mut tls);
            tls.write_all(b"target").unwrap();
            end_tls(&mut tls);
            got
        });
        let client = connect("https", &proxy, &["target.test", "4711"]).args(trusted).input("payload").run();
        let client = client.status(status);
        if status == 0 {
            client.stdout(b"hello, target").silent();
            assert_eq!(proxy.join().unwrap(), b"payload");
        } else {
            client.stdout(b"").says(&[
                "the proxy https://127.0.0.1:",
                "TLS handshake",
                "--proxy-cacert FILE",
            ]);
            assert!(proxy.join().is_none());
        }
    }
}

#[test]
fn a_proxy_under_tls_that_ends_without_saying_so_is_status_7() {
    let authority = authority();
    let proxy = under_tls(authority.server(&authority.localhost(), false), |mut tls| {
        let got = read_all(&mut tls);
        tls.sock.shutdown(Shutdown::Write).unwrap();
        got
    });
    let client = connect("https", &proxy, &["target.test", "4711", "--cacert", arg(&authority.ca)]);
    client.input("payload").run().status(7).stdout(b"hello, ").says(&["without close_notify"]);
    assert_eq!(proxy.join().unwrap(), b"payload");
}

#[test]
fn tls_with_the_target_runs_inside_of_that_with_the_proxy() {
    let authority = authority();
    let config = authority.server(&authority.localhost(), false);
    let inner = authority.server(&authority.issue("target", &["target.test"]), false);
    let noise = support::noise(300_000);
    let answer = noise.clone();
    let proxy = tls_peer(config, move |mut tls| {
        assert!(head(&mut tls).starts_with("CONNECT target.test:4711 HTTP/1.1\r\n"));
        tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut target = StreamOwned::new(ServerConnection::new(inner).unwrap(), tls);
        let got = read_all(&mut target);
        target.write_all(&answer).unwrap();
        target.conn.send_close_notify();
        target.flush().unwrap();
        end_tls(&mut target.sock);
        // What is not read would reset the connection.
        let _ = target.sock.read_to_end(&mut Vec::new());
        got
    });
    let client =
        connect("https", &proxy, &["target.test", "4711", "--tls", "--cacert", arg(&authority.ca), "-v"]);
    let client = client.input(noise.clone()).run().status(0).stdout(&noise);
    assert_eq!(client.stderr.matches("TLSv1.3 with ").count(), 2, "{}", client.description());
    assert!(proxy.join() == noise);
}

#[test]
fn a_server_without_tls_is_no_proxy_under_tls() {
    let proxy = peer(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let client = connect("https", &proxy, &["target.test", "4711"]).run().status(6);
    client.says(&["does not speak TLS", "400 Bad Request", "(http://, if it does not speak TLS)"]);
    proxy.join();
}

#[test]
fn the_environment_is_asked_only_if_it_is_named() {
    let direct = |variables: &[(&str, &str)], more: &[&str]| {
        let server = peer(|mut stream| read_all(&mut stream));
        let client = astream(["connect", "127.0.0.1", &server.port()]).args(more).input("direct");
        variables.iter().fold(client, |client, (name, value)| client.env(name, value)).run().status(0);
        assert_eq!(server.join(), b"direct");
    };
    let nowhere = "http://me:hunter2@127.0.0.1:1";
    direct(&[("ALL_PROXY", nowhere), ("HTTPS_PROXY", nowhere)], &[]);
    direct(&[], &["-x", "env"]);
    direct(&[("ALL_PROXY", nowhere), ("NO_PROXY", "127.0.0.0/8")], &["-x", "env"]);
    for (variable, auth) in [("ALL_PROXY", ""), ("https_proxy", "you:other")] {
        let proxy = asked(1, |_, _, mut stream| {
            stream
                .write_all(
                    b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
                )
                .unwrap();
            let request = head(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let _ = read_all(&mut stream);
            request
        });
        let client = astream(["connect", "target.test", "4711", "-x", "env"]);
        let client = client.env(variable, format!("http://me:hunter%32@{}", proxy.address));
        let client = if auth.is_empty() { client } else { client.env(AUTH, auth) };
        client.run().status(0).silent();
        // That of astream's own variable counts more.
        let sent = if auth.is_empty() { "bWU6aHVudGVyMg==" } else { "eW91Om90aGVy" };
        assert!(proxy.join()[0].contains(sent));
    }
    let client =
        astream(["connect", "127.0.0.1", "1", "-x", "env"]).env("ALL_PROXY", nowhere).run().status(4);
    assert!(client.stderr.contains("the proxy http://127.0.0.1:1: ") && !client.stderr.contains("hunter2"));
}

#[tokio::test]
async fn the_library_gives_the_bytes_after_the_answer_first_and_shows_no_secret() {
    let proxy = peer(|mut stream| {
        follow(&mut stream, &[(b"\x05\x02\0\x02", b"\x05\0")], usize::MAX);
        expect(&mut stream, SOCKS5[1].0);
        stream.write_all(&[SOCKS5[1].1, b"one\ntwo\n"].concat()).unwrap();
        let got = read_all(&mut stream);
        stream.write_all(b"three\n").unwrap();
        got
    });
    let url: Proxy = format!("socks5://{}", proxy.address).parse().unwrap();
    let options = ConnectOptions::new().proxy(url.login("me", "hunter2"));
    assert!(!format!("{options:?}").contains("hunter2"));
    assert_eq!(options.proxies()[0].endpoint().to_string(), proxy.address.to_string());
    let (mut reader, writer) = open_connection(&"target.test:4711".parse().unwrap(), &options).await.unwrap();
    assert_eq!(reader.peer_addr().to_string(), proxy.address.to_string());
    assert!(reader.tls().is_none());
    assert_eq!(reader.readline().await.unwrap().unwrap(), "one\n");
    writer.write(b"four");
    writer.write_eof();
    assert_eq!(reader.readline().await.unwrap().unwrap(), "two\n");
    assert_eq!(reader.readline().await.unwrap().unwrap(), "three\n");
    assert_eq!(reader.readline().await.unwrap(), None);
    writer.wait_closed().await.unwrap();
    assert_eq!(proxy.join(), b"four");
}

#[tokio::test]
async fn a_connection_through_a_proxy_that_is_aborted_is_reset() {
    let proxy = peer(|mut stream| {
        follow(&mut stream, SOCKS5, usize::MAX);
        stream.write_all(b"x").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap_err().kind()
    });
    let options = ConnectOptions::new().proxy(format!("socks5://{}", proxy.address).parse().unwrap());
    let (mut reader, writer) = open_connection(&"target.test:4711".parse().unwrap(), &options).await.unwrap();
    assert_eq!(reader.readexactly(1).await.unwrap(), "x");
    writer.abort();
    let kind = tokio::task::spawn_blocking(|| proxy.join()).await.unwrap();
    assert_eq!(kind, ErrorKind::ConnectionReset);
}
