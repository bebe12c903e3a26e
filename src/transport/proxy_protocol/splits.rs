//! Headers, whole and cut anywhere, right and wrong.

use std::net::SocketAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Ends, Header, ProxyProtocol, read, receive};
use crate::endpoint::Address;
use crate::transport::Transport;

fn tcp(text: &str) -> Address {
    Address::Tcp(text.parse().unwrap())
}

fn named(peer: &str, local: &str) -> Ends {
    Ends { peer: tcp(peer), local: tcp(local) }
}

/// A header of version 2: its command and version, its family and protocol, and what comes after the length.
fn v2(command: u8, kind: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, kind][..], &length, block].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0, 80, 1, 187];

fn unix(peer: &[u8], local: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 216];
    block[..peer.len()].copy_from_slice(peer);
    block[108..108 + local.len()].copy_from_slice(local);
    block
}

fn right() -> Vec<(Vec<u8>, Option<Ends>)> {
    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    let v4 = || Some(named("192.0.2.1:80", "198.51.100.1:443"));
    let path = |path: &str| Address::Unix(Some(PathBuf::from(path)));
    let fields = [&V4[..], &[1, 0, 2, b'h', b'2', 4, 0, 0]].concat();
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(longest.len(), 107);
    vec![
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 80 443\r\n".to_vec(), v4()),
        (
            b"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n".to_vec(),
            Some(named("0.0.0.0:0", "255.255.255.255:65535")),
        ),
        (b"PROXY TCP6 :: 2001:DB8::1 1 2\r\n".to_vec(), Some(named("[::]:1", "[2001:db8::1]:2"))),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f:f ffff 65535 \r x \xff\r\n".to_vec(), None),
        (longest.into_bytes(), None),
        (v2(0x21, 0x11, &V4), v4()),
        (v2(0x21, 0x11, &fields), v4()),
        (v2(0x21, 0x21, &v6), Some(named("[::1]:3", "[::2]:4"))),
        (
            v2(0x21, 0x31, &unix(b"/a\0rest", b"\0name")),
            Some(Ends { peer: path("/a"), local: path("@name") }),
        ),
        (v2(0x21, 0x31, &unix(b"", b"@a")), Some(Ends { peer: Address::Unix(None), local: path("./@a") })),
        // What is no stream, and what the proxy itself does not know.
        (v2(0x21, 0x12, &V4), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x00, b"anything"), None),
        // The proxy itself: nothing else counts.
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &V4), None),
        (v2(0x20, 0xff, b"anything"), None),
        (v2(0x20, 0x00, &vec![7; 0xffff]), None),
    ]
}

fn wrong() -> Vec<Vec<u8>> {
    let line = |text: &str| format!("{text}\r\n").into_bytes();
    let mut all: Vec<_> = [
        "GET / HTTP/1.1",
        "proxy TCP4 192.0.2.1 198.51.100.1 80 443",
        "PROXYTCP4 192.0.2.1 198.51.100.1 80 443",
        "PROXY  TCP4 192.0.2.1 198.51.100.1 80 443",
        "PROXY TCP4 192.0.2.1 198.51.100.1 80 443 ",
        "PROXY TCP4 192.0.2.1 198.51.100.1 80",
        "PROXY TCP4 192.0.2.1  198.51.100.1 80 443",
        "PROXY TCP4 192.0.2.1 198.51.100.1 80 65536",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +80 443",
        "PROXY TCP4 192.0.2.1 198.51.100.1 080 443",
        "PROXY TCP4 192.0.2.1 198.51.100.1 -1 443",
        "PROXY TCP4 192.0.2.01 198.51.100.1 80 443",
        "PROXY TCP4 192.0.2.1 ::1 80 443",
        "PROXY TCP6 192.0.2.1 198.51.100.1 80 443",
        "PROXY TCP6 fe80::1%1 ::1 80 443",
        "PROXY TCP5 192.0.2.1 198.51.100.1 80 443",
        "PROXY UDP4 192.0.2.1 198.51.100.1 80 443",
        "PROXY UNKNOWNx          ",
        "PROXY TCP4 a b c d     ",
        "PROXY ",
    ]
    .map(line)
    .into();
    all.push(format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)).into_bytes());
    all.push([b"PROXY UNKNOWN "[..].to_vec(), vec![b'\n'; 200]].concat());
    all.extend([
        v2(0x11, 0x11, &V4),
        v2(0x22, 0x11, &V4),
        v2(0x21, 0x11, &V4[..11]),
        v2(0x21, 0x41, &V4),
        v2(0x21, 0x13, &V4),
        v2(0x21, 0x03, &[]),
        v2(0x21, 0x21, &V4),
        v2(0x21, 0x31, &[b'/'; 215]),
        v2(0x21, 0x11, &[&V4[..], &[1, 0]].concat()),
        v2(0x21, 0x11, &[&V4[..], &[1, 0, 2, 0]].concat()),
        b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
    ]);
    all
}

#[test]
fn a_header_is_read_whole_and_cut_anywhere() {
    for (header, client) in right() {
        let length = header.len();
        for known in 0..length {
            let Header::More(more) = read(&header[..known]) else {
                panic!("{known}: {}", header.escape_ascii())
            };
            assert!((1..=length - known).contains(&more), "{more} of {} after {known}", length - known);
        }
        for after in [&b""[..], b"\r\n", b"the stream", b"PROXY "] {
            let all = [&header[..], after].concat();
            assert_eq!(read(&all), Header::Done(length, client.clone()), "{}", header.escape_ascii());
        }
    }
}

#[test]
fn what_is_no_header_is_refused_for_good() {
    for header in wrong() {
        let refused = (0..=header.len()).find(|known| matches!(read(&header[..*known]), Header::No(_)));
        let Some(first) = refused else { panic!("{} is accepted", header.escape_ascii()) };
        assert!((first..=header.len()).all(|known| matches!(read(&header[..known]), Header::No(_))));
        assert!(first <= 300);
    }
}

/// What `receive` returns of these bytes, sent in pieces of this length, and what it left of them.
async fn received(sent: &[u8], piece: usize) -> (Result<Option<Ends>, String>, Vec<u8>) {
    let (ours, mut theirs) = duplex(piece);
    let sent = sent.to_vec();
    let sending = tokio::spawn(async move {
        // It fails where the header is refused.
        let _ = theirs.write_all(&sent).await;
    });
    let mut rest = Vec::new();
    let client = match receive(Transport::over(ours)).await {
        Ok((mut io, client)) => {
            io.read_to_end(&mut rest).await.unwrap();
            Ok(client)
        }
        Err(reason) => Err(reason),
    };
    sending.await.unwrap();
    (client, rest)
}

#[tokio::test]
async fn no_byte_after_a_header_is_read() {
    for (header, client) in right() {
        // The longest takes too long byte by byte.
        for piece in [1, 7, 1 << 17].into_iter().filter(|piece| header.len() / piece < 1000) {
            let (got, rest) = received(&[&header[..], b"the stream"].concat(), piece).await;
            assert_eq!(got.unwrap(), client);
            assert_eq!(rest, b"the stream");
        }
    }
    for header in wrong() {
        received(&header, 1 << 17).await.0.unwrap_err();
    }
    for (sent, reason) in [
        (&b""[..], "the connection was closed"),
        (b"PROXY TCP4", "the connection was closed after \"PROXY TCP4\""),
        (b"GET / HTTP/1.1\r\n", "it began with \"GET / HTTP/1.1\""),
        (b"PROXY TCP4 x\r\n  ", "its line is \"PROXY TCP4 x\""),
    ] {
        assert_eq!(received(sent, 1 << 17).await.0.unwrap_err(), reason);
    }
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for (peer, local, as_read) in [
        ("192.0.2.1:80", "198.51.100.1:443", ["192.0.2.1:80", "198.51.100.1:443"]),
        ("[2001:db8::1]:1", "[::1]:65535", ["[2001:db8::1]:1", "[::1]:65535"]),
        // A socket for both families.
        ("[::ffff:192.0.2.1]:80", "[::ffff:127.0.0.1]:443", ["192.0.2.1:80", "127.0.0.1:443"]),
        ("192.0.2.1:80", "[::1]:443", ["[::ffff:192.0.2.1]:80", "[::1]:443"]),
    ] {
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let header = version.header(&tcp(peer), &tcp(local));
            let client = Some(named(as_read[0], as_read[1]));
            assert_eq!(read(&header), Header::Done(header.len(), client), "{version}: {peer}");
        }
    }
    let unix = Address::Unix(Some("/a".into()));
    assert_eq!(ProxyProtocol::V1.header(&unix, &unix), b"PROXY UNKNOWN\r\n");
    assert_eq!(ProxyProtocol::V2.header(&unix, &unix), v2(0x21, 0, &[]));
}

#[test]
fn a_line_that_does_not_end_in_time_is_refused_for_good() {
    let line = [b"PROXY TCP6 ::1 ", &[b'0'; 92][..], b"\r\n"].concat();
    assert!(matches!(read(&line[..106]), Header::More(1)));
    assert!(matches!(read(&line[..107]), Header::No(_)) && matches!(read(&line), Header::No(_)));
}

#[test]
fn a_version_is_parsed_as_it_is_printed() {
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        assert_eq!(version.to_string().parse::<ProxyProtocol>().unwrap(), version);
    }
    "v3".parse::<ProxyProtocol>().unwrap_err();
}

/// What begins as a header does, and goes on at random.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(vec![
        &b""[..],
        b"PROXY ",
        b"PROXY TCP4 ",
        b"PROXY TCP6 ::1 ",
        b"PROXY UNKNOWN",
        b"\r\n\r\n\0\r\nQUIT\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0",
        b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0",
    ]);
    let text = prop::collection::vec(prop::sample::select(b" .:019af\r\n".to_vec()), 0..120);
    let rest = prop_oneof![text, prop::collection::vec(any::<u8>(), 0..300)];
    (start, rest).prop_map(|(start, rest)| [start, &rest].concat())
}

proptest! {
    #[test]
    fn once_it_is_known_what_the_bytes_are_more_of_them_change_nothing(bytes in nearly()) {
        let mut known = Header::More(0);
        let mut least = 0;
        for length in 0..=bytes.len() {
            let now = read(&bytes[..length]);
            match known {
                Header::More(_) => match &now {
                    Header::More(more) => least = least.max(length + more),
                    // It was said to have at least so many.
                    Header::Done(whole, _) => prop_assert!(*whole == length && length >= least),
                    Header::No(_) => {}
                },
                Header::Done(..) => prop_assert_eq!(&known, &now),
                Header::No(_) => prop_assert!(matches!(now, Header::No(_))),
            }
            known = now;
        }
    }

    #[test]
    fn every_pair_of_addresses_survives(peer: [u8; 16], local: [u8; 16], ports: (u16, u16), is_v4: bool) {
        let address = |ip: [u8; 16], port: u16| {
            if is_v4 { SocketAddr::from(([ip[0], ip[1], ip[2], ip[3]], port)) } else { SocketAddr::from((ip, port)) }
        };
        let (peer, local) = (address(peer, ports.0), address(local, ports.1));
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let header = version.header(&Address::Tcp(peer), &Address::Tcp(local));
            let length = header.len();
            let cut = length / 2;
            prop_assert!(matches!(read(&header[..cut]), Header::More(more) if more <= length - cut));
            let Header::Done(_, Some(read)) = read(&header) else { panic!("{header:?}") };
            let same = |one: &Address, other: SocketAddr| {
                let Address::Tcp(one) = one else { panic!("{one}") };
                one.ip().to_canonical() == other.ip().to_canonical() && one.port() == other.port()
            };
            prop_assert!(same(&read.peer, peer) && same(&read.local, local));
        }
    }
}
