//! Datagrams with nc, ncat, socat and Python, each as a client and as a server.

use std::net::UdpSocket;

use crate::listening::{peer, until};
use crate::names::with_names;
use crate::support::{DEADLINE, Program, Running, astream};

/// asyncio's datagrams, echoing each; the port is printed.
const ECHO: &str = r#"
import asyncio
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
        print(transport.get_extra_info("sockname")[1], flush=True)
    def datagram_received(self, data, peer):
        self.transport.sendto(data, peer)
async def main():
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    await asyncio.Event().wait()
asyncio.run(main())
"#;

/// Sends a message of each size to each address of the port, and compares what comes back, and from where.
const ASK: &str = r#"
import socket, sys
for host in ("127.0.0.1", "127.0.0.2", "127.1.2.3", "::1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(60)
    for size in (0, 1, 1400, 9000, 65507):
        client.sendto(b"x" * size, (host, int(sys.argv[1])))
        data, address = client.recvfrom(70000)
        assert data == b"x" * size and address[0] == host, (host, size, len(data), address)
print("all")
"#;

fn echo() -> Running {
    astream(["listen", "-u", "127.0.0.1", "0", "--echo"]).start()
}

/// Starts a server that must be given its port, once it is bound.
fn bound(server: impl Fn(&str) -> Program) -> (Running, String) {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut running = server(&free.to_string()).start();
    let suffix = format!(":{free:04X}");
    until("the peer is bound", || {
        let lists = ["/proc/net/udp", "/proc/net/udp6"].map(|list| std::fs::read_to_string(list).unwrap());
        let is_bound =
            |line: &str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&suffix));
        lists.iter().any(|list| list.lines().any(is_bound)) || !running.is_running()
    });
    (running, free.to_string())
}

/// What the program sends is printed by a server.
fn is_printed(server: impl Fn(&str) -> Program) {
    let (server, port) = bound(server);
    let client = astream(["connect", "-u", "127.0.0.1", &port, "--send-only"]).input("hello\n");
    client.run().status(0).silent();
    server.until_stdout(b"hello\n");
}

/// What the program sends comes back from a server.
fn is_answered(port: &str) {
    let client = astream(["connect", "-u", "127.0.0.1", port]).input("hello\n");
    client.run().status(0).silent().stdout(b"hello\n");
}

/// What a client sends comes back to it. How it ends is its own business.
fn asks(client: impl FnOnce(&str) -> Program) {
    let server = echo();
    let client = client(&server.port()).open_stdin().start();
    let mut client = client;
    client.write_stdin(b"hello\n");
    client.until_stdout(b"hello\n");
}

#[test]
fn nc_openbsd_sends_and_prints_datagrams() {
    asks(|port| peer("nc.openbsd").args(["-u", "127.0.0.1", port]));
    is_printed(|port| peer("nc.openbsd").args(["-u", "-l", "127.0.0.1", port]));
}

#[test]
fn nc_traditional_sends_and_prints_datagrams() {
    asks(|port| peer("nc.traditional").args(["-u", "127.0.0.1", port]));
    is_printed(|port| peer("nc.traditional").args(["-u", "-l", "-s", "127.0.0.1", "-p", port]));
}

#[test]
fn ncat_sends_and_prints_datagrams() {
    asks(|port| peer("ncat").args(["-u", "127.0.0.1", port]));
    is_printed(|port| peer("ncat").args(["-u", "-l", "127.0.0.1", port]));
}

#[test]
fn socat_sends_and_echoes_datagrams() {
    asks(|port| peer("socat").args(["-", &format!("UDP:127.0.0.1:{port}")]));
    let (_server, port) =
        bound(|port| peer("socat").args([&format!("UDP-LISTEN:{port},bind=127.0.0.1"), "PIPE"]));
    is_answered(&port);
}

#[test]
fn socat_sends_to_a_unix_socket_and_receives_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let server = astream(["listen", "-u", &format!("unix:{}", path("ours")), "--echo"]).start();
    server.stderr_line("listening on ");
    let address = format!("UNIX-SENDTO:{},bind={}", path("ours"), path("theirs"));
    let mut client = peer("socat").args(["-", &address]).open_stdin().start();
    client.write_stdin(b"hello\n");
    client.until_stdout(b"hello\n");
}

#[test]
fn python_echoes_datagrams_of_every_size() {
    let server = peer("python3").args(["-c", ECHO]).start();
    let port = server.stdout_line("");
    is_answered(&port);
    let large = vec![b'x'; 65_507];
    let client = astream(["connect", "-u", "127.0.0.1", &port]).input(large.clone());
    client.run().status(0).silent().stdout(&large);
}

#[test]
fn python_is_answered_from_the_address_that_it_asked() {
    let server = astream(["listen", "-u", "*", "0", "--echo"]).start();
    let client = peer("python3").args(["-c", ASK, &server.port()]);
    client.run().status(0).stdout(b"all\n");
}

#[test]
fn a_bare_listener_talks_with_nc() {
    let mut server = astream(["listen", "-u", "127.0.0.1", "0"]).open_stdin().start();
    let mut client = peer("nc.openbsd").args(["-u", "127.0.0.1", &server.port()]).open_stdin().start();
    client.write_stdin(b"hello\n");
    server.until_stdout(b"hello\n");
    server.write_stdin(b"good day\n");
    client.until_stdout(b"good day\n");
}

#[test]
fn where_the_first_address_of_a_name_refuses_the_next_one_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "::1 name.test\n127.0.0.1 name.test\n").unwrap();
    let (refusing, server) = one_port();
    let port = server.local_addr().unwrap().port().to_string();
    let connect = |more: &[&str]| {
        with_names(astream(["connect", "-u", "name.test", &port]).args(more), &hosts).input("ask")
    };
    let mut buffer = [0; 100];
    connect(&["--send-only"]).run().status(0).silent();
    let (length, _) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"ask");
    let client = connect(&["-v"]).start();
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"ask");
    server.send_to(b"answer", from).unwrap();
    let said = client.wait().status(0).stdout(b"answer");
    let expected = format!("[::1]:{port}: connection refused; sending to 127.0.0.1:{port}\n");
    assert!(said.stderr.contains(&expected), "{}", said.description());
    let probe = connect(&["-z"]).start();
    let (_, from) = server.recv_from(&mut buffer).unwrap();
    server.send_to(b"", from).unwrap();
    let expected = format!("name.test:{port} (127.0.0.1:{port}): open\n");
    assert_eq!(probe.wait().status(0).untimed(), expected);
    server.connect("127.0.0.1:1").unwrap();
    let expected = format!("[::1]:{port}, 127.0.0.1:{port}: closed: connection refused");
    connect(&[]).run().status(4).says(&[&expected]);
    drop(refusing);
}

/// A socket at `[::1]` that refuses, and one at 127.0.0.1 with the same port.
fn one_port() -> (UdpSocket, UdpSocket) {
    loop {
        let refusing = UdpSocket::bind("[::1]:0").unwrap();
        refusing.connect("[::1]:1").unwrap();
        if let Ok(server) = UdpSocket::bind(("127.0.0.1", refusing.local_addr().unwrap().port())) {
            server.set_read_timeout(Some(DEADLINE)).unwrap();
            return (refusing, server);
        }
    }
}
