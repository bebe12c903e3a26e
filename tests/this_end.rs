//! `-s` and `--mptcp`: this end of a connection.

mod support;

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use rustix::process::Signal;
use support::peer::{Peer, peer, peer_at, refusing};
use support::{astream, noise};

/// Where its client comes from.
fn client_addr() -> Peer<SocketAddr> {
    peer(|stream| stream.peer_addr().unwrap())
}

#[test]
fn a_connection_comes_from_the_address_that_was_given() {
    for more in [&["-s", "127.0.0.2"][..], &["--source", "127.0.0.2:0"], &["-s", "127.0.0.2", "-z"]] {
        let server = client_addr();
        astream(["connect", &server.address.to_string()]).args(more).run().status(0).silent();
        assert_eq!(server.join().ip(), IpAddr::from([127, 0, 0, 2]));
    }
    if TcpListener::bind("[::1]:0").is_ok() {
        let server = peer_at("::1", |stream| stream.peer_addr().unwrap());
        astream(["connect", &server.address.to_string(), "-s", "::1"]).run().status(0).silent();
        assert_eq!(server.join().ip(), "::1".parse::<IpAddr>().unwrap());
    }
}

#[test]
fn a_connection_comes_from_the_port_that_was_given() {
    for address in ["", "127.0.0.2"] {
        // Kept for us: two sockets may have one port as long as neither listens.
        let kept = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        kept.set_reuse_address(true).unwrap();
        let local = if address.is_empty() { "127.0.0.1" } else { address };
        kept.bind(&format!("{local}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
        let port = kept.local_addr().unwrap().as_socket().unwrap().port();
        let server = client_addr();
        let source = format!("{address}:{port}");
        astream(["connect", &server.address.to_string(), "-s", &source]).run().status(0).silent();
        assert_eq!(server.join(), SocketAddr::new(local.parse().unwrap(), port));
    }
}

#[test]
fn a_relay_reaches_its_target_from_there() {
    let server = client_addr();
    let args = ["listen", "127.0.0.1", "0", "--forward", &server.address.to_string(), "--once"];
    let relay = astream(args).args(["-s", "127.0.0.3"]).start();
    let client = TcpStream::connect(relay.address()).unwrap();
    assert_eq!(server.join().ip(), IpAddr::from([127, 0, 0, 3]));
    drop(client);
    relay.wait();
}

#[test]
fn the_error_says_whether_the_source_or_the_target_failed() {
    let server = client_addr();
    let target = server.address.to_string();
    // A documentation address (RFC 5737) that this machine does not have.
    for (source, expected) in [
        ("192.0.2.1", "cannot assign requested address"),
        ("%no-such-if", "no such device"),
        ("::1", "family"),
    ] {
        let said = astream(["connect", &target, "-s", source]).run().status(4);
        said.says(&[&format!("cannot connect from {source}: "), expected]);
    }
    let (_socket, closed) = refusing();
    let said = astream(["connect", &closed.to_string(), "-s", "127.0.0.1"]).run().status(4);
    said.says(&[&format!("cannot connect to {closed}: connection refused")]);
    let said = astream(["connect", "unix:/no/such/socket", "-s", "127.0.0.1"]).run().status(2);
    said.says(&["unix:/no/such/socket", "no source address"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_is_tied_to_an_interface() {
    let server = client_addr();
    astream(["connect", &server.address.to_string(), "-s", "%lo"]).run().status(0).silent();
    server.join();
}

#[test]
fn datagrams_come_from_there_too() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(support::DEADLINE)).unwrap();
    let target = server.local_addr().unwrap().to_string();
    for (source, wanted) in [("127.0.0.2", [127, 0, 0, 2]), ("%lo", [127, 0, 0, 1])] {
        let client = astream(["connect", "-u", &target, "-i", "10ms", "-s", source]).input("x").run();
        client.status(0).silent();
        assert_eq!(server.recv_from(&mut [0; 9]).unwrap().1.ip(), IpAddr::from(wanted));
    }
    let said = astream(["connect", "-u", &target, "-s", "192.0.2.1"]).input("x").run().status(4);
    said.says(&["cannot connect from 192.0.2.1: "]);
    let listener = astream(["listen", "-u", "127.0.0.1", "0", "--echo", "-s", "%lo"]).start();
    let mut client = astream(["connect", "-u", &listener.address().to_string()]).open_stdin().start();
    client.write_stdin(b"x");
    client.until_stdout(b"x");
    let said = astream(["listen", "-u", "127.0.0.1", "0", "--echo", "-s", "127.0.0.1"]).run().status(2);
    said.says(&["'127.0.0.1'", "%INTERFACE"]);
}

fn has_multipath() -> bool {
    std::fs::read_to_string("/proc/sys/net/mptcp/enabled").is_ok_and(|enabled| enabled.trim() == "1")
}

const TAKEN: &str = ": multipath TCP\n";
const NOT_TAKEN: &str = ": plain TCP: the peer, or something on the way, has no multipath TCP\n";

#[test]
fn verbose_says_whether_the_peer_has_multipath_tcp() {
    if !has_multipath() {
        return;
    }
    let sent = noise(3_000_000);
    for (server, client, expected) in [
        (true, true, [TAKEN, TAKEN]),
        (true, false, [NOT_TAKEN, ""]),
        (false, true, ["", NOT_TAKEN]),
        (false, false, ["", ""]),
    ] {
        let option = |yes| if yes { &["-v", "--mptcp"][..] } else { &["-v"] };
        let listener = astream(["listen", "127.0.0.1", "0"]).args(option(server)).start();
        let connect = astream(["connect", &listener.address().to_string()]).args(option(client));
        let client = connect.input(sent.clone()).run().status(0);
        let server = listener.wait().status(0).stdout(&sent);
        for (said, expected) in [server, client].iter().zip(expected) {
            let is_printed = [TAKEN, NOT_TAKEN].map(|line| said.stderr.contains(line));
            assert_eq!(is_printed, [expected == TAKEN, expected == NOT_TAKEN], "{}", said.description());
        }
    }
}

#[test]
fn what_is_cut_short_over_multipath_tcp_is_a_reset() {
    if !has_multipath() {
        return;
    }
    let listener = astream(["listen", "127.0.0.1", "0", "--mptcp"]).start();
    let connect = astream(["connect", &listener.address().to_string(), "--mptcp"]);
    let mut client = connect.open_stdin().start();
    client.write_stdin(b"half of it");
    listener.until_stdout(b"half of it");
    client.signal(Signal::KILL);
    client.wait().status(137);
    let said = listener.wait().status(1);
    assert!(said.stderr.contains("connection reset"), "{}", said.description());
    // The end of a whole one is an end.
    let listener = astream(["listen", "127.0.0.1", "0", "--mptcp"]).start();
    let mut client = TcpStream::connect(listener.address()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    listener.wait().status(0);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
}
