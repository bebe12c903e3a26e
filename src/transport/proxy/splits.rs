//! For tests: every answer of a proxy, split at every point and in every wrong way.

use proptest::prelude::*;

use super::{http, socks4, socks5};
use crate::transport::dialogue::Reply;
use crate::transport::verdicts::{assert_taken_whole, check_final, parts_of};

type Read = fn(&[u8]) -> Reply;

const READERS: [(&str, Read); 5] = [
    ("choice", socks5::choice),
    ("verdict", socks5::verdict),
    ("socks5", socks5::answer),
    ("socks4", socks4::answer),
    ("http", http::head),
];

fn reader(name: &str) -> Read {
    READERS.iter().find(|(other, _)| *other == name).unwrap().1
}

/// Complete answers.
const ANSWERS: [(&str, &[u8]); 13] = [
    ("choice", &[5, 0]),
    ("choice", &[5, 0xff]),
    ("verdict", &[1, 0]),
    ("verdict", &[1, 9]),
    ("socks5", &[5, 0, 0, 1, 127, 0, 0, 1, 4, 56]),
    ("socks5", &[5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 56]),
    ("socks5", b"\x05\0\0\x03\x0alocal.test\x04\x38"),
    ("socks5", &[5, 0, 0, 3, 0, 0, 0]),
    ("socks4", &[0, 90, 0, 0, 0, 0, 0, 0]),
    ("http", b"HTTP/1.1 200 Connection established\r\n\r\n"),
    ("http", b"HTTP/1.0 200\r\nContent-Length: 5\r\n\r\n"),
    ("http", b"HTTP/1.1  299 \nX: y\n\n"),
    ("http", b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a, b\"\r\n\r\n"),
];

#[test]
fn an_answer_is_taken_when_it_is_complete_and_not_a_byte_further() {
    for (name, answer) in ANSWERS {
        assert_taken_whole(name, reader(name), answer);
    }
}

#[test]
fn a_refusal_is_known_by_its_first_two_bytes() {
    for (name, refusal) in
        [("socks5", [5, 1]), ("socks5", [5, 0xff]), ("socks4", [0, 91]), ("socks4", [0, 93])]
    {
        assert_eq!(reader(name)(&refusal[..1]), Reply::More);
        assert_eq!(reader(name)(&refusal), Reply::Done(2));
    }
}

/// What is no answer, and the words with which it is refused.
const OTHERS: [(&str, &[u8], &str); 15] = [
    ("choice", b"\x04\x01", "does not speak SOCKS5; it answered"),
    ("choice", b"HTTP/1.1 400 Bad Request\r\n", "SOCKS5; it answered \"HTTP/1.1 400 Bad Request\""),
    ("verdict", b"\x05\0", "does not speak SOCKS5"),
    ("socks5", b"\0Z", "does not speak SOCKS5"),
    ("socks5", b"\x05\0\0\x02", "an address of kind 2"),
    ("socks4", b"\x05\xff", "does not speak SOCKS4"),
    ("socks4", b"\0\0", "does not speak SOCKS4"),
    ("socks4", b"\x04\x5a", "does not speak SOCKS4"),
    ("http", b"SSH-2.0-x\r\n", "does not speak HTTP; it answered \"SSH-2.0-x\""),
    ("http", b"HTTP/2.0 200 OK\r\n\r\n", "does not speak HTTP"),
    ("http", b"HTTP/1.1 200poo\r\n\r\n", "does not speak HTTP"),
    ("http", b"HTTP/1.1 99 x\r\n\r\n", "does not speak HTTP"),
    ("http", b"HTTP/1.1 099 x\r\n\r\n", "does not speak HTTP"),
    ("http", b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "does not speak HTTP"),
    ("http", b"\x15\x03\x01\0\x02\x02\x28", "does not speak HTTP"),
];

#[test]
fn what_is_no_answer_is_refused_with_its_words() {
    for (name, received, words) in OTHERS {
        let Reply::No(reason) = reader(name)(received) else { panic!("{name}: {received:?}") };
        assert!(reason.contains(words), "{reason}");
    }
    let headers = "X: y\r\n".repeat(101);
    assert!(matches!(http::head(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()), Reply::No(_)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_a_verdict_stands_and_takes_no_more_than_there_is(received in parts_of(
        ANSWERS.map(|(_, answer)| answer).into_iter().chain(OTHERS.map(|(_, other, _)| other)).collect()
    )) {
        for (_, read) in READERS {
            check_final(read, &received)?;
        }
    }
}
