//! The PROXY protocol: who is believed, who must begin with a header, and what a target is sent.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;

use astream::{Address, Listener, ServerOptions};
use support::peer::{peer, read_all};
use support::{Running, astream, noise};

const MIB: usize = 1 << 20;

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.1 40000 443\r\n";

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x01\xc6\x33\x64\x01\x9c\x40\x01\xbb\x04\0\0";

/// A listener that believes this machine.
fn believing(more: &[&str]) -> Running {
    astream(["listen", "127.0.0.1", "0", "--proxy-protocol", "127.0.0.0/8"]).args(more).start()
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// What comes back for these bytes, sent in pieces, and our end.
fn exchanged(address: SocketAddr, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = dial(address);
    for piece in pieces {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(&mut stream)
}

#[test]
fn a_proxy_that_is_believed_says_who_the_client_is() {
    let server = believing(&["--echo", "-v"]);
    let address = server.address();
    for header in [V1, V2] {
        for pieces in [
            &[header, b"hello"][..],
            &[&[header, b"hello"].concat()],
            &[&header[..20], &header[20..], b"hello"],
        ] {
            assert_eq!(exchanged(address, pieces), b"hello");
            server.stderr_line("192.0.2.1:40000: a client of the proxy 127.0.0.1:");
            server.stderr_line("192.0.2.1:40000: 5 bytes sent, 5 bytes received");
        }
    }
}

#[test]
fn a_command_gets_the_clients_addresses_and_every_byte_after_the_header() {
    let script = "echo $TCPREMOTEIP $TCPREMOTEPORT $TCPLOCALIP $TCPLOCALPORT; cat";
    let server = believing(&["--", "sh", "-c", script]);
    let address = server.address();
    for header in [V1, V2] {
        let got = exchanged(address, &[&[header, b"PROXY is data here"].concat()]);
        let expected = "192.0.2.1 40000 198.51.100.1 443\nPROXY is data here";
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }
}

#[test]
fn a_proxy_may_speak_for_itself_or_not_know_its_client() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    let server = believing(&["--", "sh", "-c", "echo $TCPREMOTEIP; cat"]);
    let address = server.address();
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ::1 ::2 1 2\r\n", local] {
        assert_eq!(exchanged(address, &[header, b"hello"]), b"127.0.0.1\nhello");
    }
}

#[test]
fn a_client_from_elsewhere_is_served_as_it_is() {
    for networks in ["192.0.2.0/24,::1", "127.0.0.2"] {
        let args = ["listen", "127.0.0.1", "0", "--echo", "-v", "--proxy-protocol", networks];
        let server = astream(args).start();
        assert_eq!(exchanged(server.address(), &[V1, b"hello"]), [V1, b"hello"].concat());
        server.stderr_line("50 bytes sent, 50 bytes received");
    }
}

#[test]
fn networks_add_up_and_an_ipv4_client_of_a_socket_for_both_families_is_one_of_ipv4() {
    let args = ["listen", "127.0.0.1", "0", "--echo", "--proxy-protocol", "192.0.2.0/24"];
    let server = astream(args).args(["--proxy-protocol", "::ffff:127.0.0.0/104"]).start();
    assert_eq!(exchanged(server.address(), &[V1, b"hello"]), b"hello");
}

/// Fails unless a connection that sends this is reset, and reported with its address.
fn is_refused(server: &Running, address: SocketAddr, sent: &[u8], then_ends: bool, reason: &str) {
    let mut stream = dial(address);
    let name = stream.local_addr().unwrap();
    stream.write_all(sent).unwrap();
    if then_ends {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    assert!(stream.read(&mut [0]).is_err(), "{} is reset", sent.escape_ascii());
    let line = server.stderr_line(reason);
    assert!(line.contains(&name.to_string()), "{line}");
}

#[test]
fn a_connection_of_a_proxy_without_a_valid_header_is_reset_and_the_server_goes_on() {
    let server = believing(&["--echo"]);
    let address = server.address();
    for (sent, then_ends, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], false, "it began with \"GET / HTTP/1.1"),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n", false, "its line is \"PROXY TCP4 ::1 ::1 1 2\""),
        (b"PROXY TCP4 192.0.2.1", true, "the connection was closed after \"PROXY TCP4 192.0.2.1\""),
        (b"", true, "the connection was closed"),
    ] {
        is_refused(&server, address, sent, then_ends, reason);
    }
    assert_eq!(exchanged(address, &[V1, b"hello"]), b"hello");
}

#[test]
fn both_the_proxy_and_its_client_must_be_allowed() {
    for more in [&["--deny", "192.0.2.1"][..], &["--allow", "127.0.0.1"], &["--allow", "127.0.0.1", "--tls"]]
    {
        let server = believing(&[&["--echo"], more].concat());
        let address = server.address();
        is_refused(&server, address, V1, false, ": refused: its address is not allowed");
    }
    let server = believing(&["--echo", "--allow", "127.0.0.1,192.0.2.0/24"]);
    assert_eq!(exchanged(server.address(), &[V1, b"hello"]), b"hello");
}

#[test]
fn a_header_has_as_long_as_w_says() {
    let server = believing(&["--echo", "-w", "200ms"]);
    let address = server.address();
    for sent in [&b""[..], b"PROXY TCP4 192.0.2.1", &V2[..17]] {
        let reason = "waiting for the header of the PROXY protocol: timed out after 200 ms";
        is_refused(&server, address, sent, false, reason);
    }
}

#[test]
fn a_connection_without_a_header_does_not_use_up_a_listener_for_one() {
    let server = believing(&[]);
    let address = server.address();
    dial(address).write_all(b"no header here\n").unwrap();
    server.stderr_line("no header of the PROXY protocol");
    exchanged(address, &[V2, b"the file"]);
    server.wait().status(0).stdout(b"the file");
}

#[test]
fn the_header_comes_before_tls_on_both_sides() {
    for version in ["v1", "v2"] {
        let target = believing(&["--tls", "--echo", "-v"]);
        let address = target.address().to_string();
        let pin = target.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
        let args =
            ["listen", "127.0.0.1", "0", "--forward", &address, "--forward-tls", "--forward-pin", &pin];
        let relay = astream(args).args(["--forward-proxy-protocol", version]).start();
        let mut client = dial(relay.address());
        let name = client.local_addr().unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut client), b"hello");
        target.stderr_line(&format!("{name}: a client of the proxy 127.0.0.1:"));
        target.stderr_line(&format!("{name}: 5 bytes sent, 5 bytes received"));
    }
}

#[test]
fn a_handshake_that_fails_behind_a_header_is_reported_with_both_addresses() {
    let server = believing(&["--tls", "--echo"]);
    let mut client = dial(server.address());
    let name = client.local_addr().unwrap();
    client.write_all(&[V1, b"GET / HTTP/1.1\r\n\r\n"].concat()).unwrap();
    server.stderr_line(&format!("TLS handshake with 192.0.2.1:40000 (through {name})"));
    // It gets an alert and an end, not a reset.
    client.shutdown(Shutdown::Write).unwrap();
    assert!(!read_all(&mut client).is_empty());

    let server = believing(&["--tls", "--echo", "--json"]);
    let mut client = dial(server.address_in_json());
    client.write_all(&[V1, b"GET / HTTP/1.1\r\n\r\n"].concat()).unwrap();
    let warning = server.stderr_line("\"warning\"");
    assert!(warning.contains(r#""peer":"192.0.2.1:40000"}"#), "{warning}");
}

#[test]
fn a_target_is_sent_the_addresses_of_the_client() {
    for version in ["v1", "v2"] {
        let target = peer(|mut stream| read_all(&mut stream));
        let to = target.address.to_string();
        let relay =
            astream(["listen", "127.0.0.1", "0", "--forward", &to, "--forward-proxy-protocol", version])
                .start();
        let mut client = dial(relay.address());
        let ports = [client.local_addr(), client.peer_addr()].map(|address| address.unwrap().port());
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&mut client);
        let header = if version == "v1" {
            format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", ports[0], ports[1]).into_bytes()
        } else {
            let ports = ports.map(u16::to_be_bytes).concat();
            [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01"[..], &ports].concat()
        };
        assert_eq!(
            target.join().escape_ascii().to_string(),
            [&header[..], b"hello"].concat().escape_ascii().to_string()
        );
    }
}

#[test]
fn a_client_without_an_ip_address_is_unknown_to_the_target() {
    for (version, header) in [("v1", &b"PROXY UNKNOWN\r\n"[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let target = peer(|mut stream| read_all(&mut stream));
        let (at, to) = (format!("unix:{}", path.display()), target.address.to_string());
        let relay = astream(["listen", &at, "--forward", &to, "--forward-proxy-protocol", version]).start();
        relay.stderr_line("listening on");
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"hello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&mut client);
        assert_eq!(target.join(), [header, b"hello"].concat());
    }
}

#[test]
fn a_relay_passes_on_whom_it_was_told_of_and_goes_on_at_the_kernels_speed() {
    for version in ["v1", "v2"] {
        let target = peer(|mut stream| read_all(&mut stream));
        let to = target.address.to_string();
        let relay = believing(&["--forward", &to, "--forward-proxy-protocol", version, "--once", "-vv"]);
        exchanged(relay.address(), &[&[V2, b"first "].concat(), &noise(4 * MIB)]);
        let header = match version {
            "v1" => V1.to_vec(),
            _ => [&V2[..15], &[12], &V2[16..28]].concat(),
        };
        assert!(target.join() == [&header[..], b"first ", &noise(4 * MIB)].concat());
        let said = relay.wait().status(0);
        assert!(said.stderr.contains("by splice"), "{}", said.description());
    }
}

#[test]
fn the_socket_itself_is_handed_to_a_command() {
    // A pipe is not a socket, and a command has one only where nothing was read ahead.
    let server = believing(&["--", "sh", "-c", "test -S /dev/stdin && cat"]);
    assert_eq!(exchanged(server.address(), &[&[V1, b"hello"].concat()]), b"hello");
}

#[tokio::test]
async fn the_streams_of_the_library_have_the_addresses_of_the_header() {
    let options = ServerOptions::new().proxy_protocol("127.0.0.1".parse().unwrap());
    let mut listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let Address::Tcp(address) = listener.local_addrs()[0] else { panic!("not TCP") };
    let mut client = dial(address);
    client.write_all(&[V1, b"hello"].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut reader, writer) = listener.accept().await.unwrap();
    assert_eq!(reader.peer_addr().to_string(), "192.0.2.1:40000");
    assert_eq!(writer.local_addr().to_string(), "198.51.100.1:443");
    let proxy = Address::Tcp(client.local_addr().unwrap());
    assert_eq!((reader.proxy_addr(), writer.proxy_addr()), (Some(&proxy), Some(&proxy)));
    assert_eq!(reader.read_to_end().await.unwrap(), "hello");
    assert_eq!(reader.traffic().totals().received, 5);
    writer.wait_closed().await.unwrap();
}
