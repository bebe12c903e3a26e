//! `--retry-for`: waits for what is not there yet, within one limit.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};
use support::certs::{arg, authority};
use support::peer::{end_tls, peer, read_all, refusing};
use support::{Program, astream, noise};

/// A port that refuses until it listens.
struct Closed(socket2::Socket, SocketAddr);

fn closed() -> Closed {
    let (socket, address) = refusing();
    Closed(socket, address)
}

impl Closed {
    fn open(self) -> TcpListener {
        self.0.listen(10).unwrap();
        self.0.into()
    }
}

fn connect(address: SocketAddr) -> Program {
    astream(["connect", &address.to_string(), "--retry-for", "60s"])
}

#[test]
fn a_port_that_opens_later_is_waited_for_and_stdin_is_left_alone_until_then() {
    let port = closed();
    let (stdin, mut typed) = std::io::pipe().unwrap();
    typed.write_all(b"not yet").unwrap();
    let client = connect(port.1).stdin(stdin.try_clone().unwrap()).start();
    client.stderr_line("connection refused; trying again for up to 60 s");
    assert_eq!(rustix::io::ioctl_fionread(&stdin).unwrap(), 7);
    drop((stdin, typed));
    let (mut stream, _) = port.open().accept().unwrap();
    assert_eq!(read_all(&mut stream), b"not yet");
    stream.write_all(b"answer").unwrap();
    drop(stream);
    let said = client.wait().status(0).stdout(b"answer");
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.description());
}

#[test]
fn a_changed_reason_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let client = astream(["connect", &format!("unix:{}", path.display()), "--retry-for", "1m"]).start();
    client.stderr_line("no such file or directory; trying again for up to 60 s");
    // The file stays when its listener goes, and refuses.
    drop(UnixListener::bind(folder.path().join("other")).unwrap());
    std::fs::rename(folder.path().join("other"), &path).unwrap();
    client.stderr_line("connection refused; still trying");
    let listener = UnixListener::bind(folder.path().join("other")).unwrap();
    std::fs::rename(folder.path().join("other"), &path).unwrap();
    drop(listener.accept().unwrap());
    let said = client.wait().status(0);
    assert_eq!(said.stderr.lines().count(), 2, "{}", said.description());
}

#[test]
fn after_the_limit_the_status_is_that_of_the_last_cause() {
    let (_socket, address) = refusing();
    let args = ["connect", &address.to_string(), "--retry-for", "300ms"];
    let start = Instant::now();
    let said = astream(args).run().status(4);
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    let lines: Vec<_> = said.stderr.lines().collect();
    let cause = format!("astream: cannot connect to {address}: connection refused");
    assert_eq!(lines, [&format!("{cause}; trying again for up to 300 ms"), &cause], "{}", said.description());
    astream(args).args(["--quiet"]).run().status(4).says(&["connection refused"]);
    let unknown = ["connect", "no-such-host.invalid", "1", "--retry-for", "100ms"];
    astream(unknown).args(["--quiet"]).run().status(3).says(&["no-such-host.invalid"]);
    let hole = support::peer::black_hole("127.0.0.1");
    let silent = ["connect", &hole.address.to_string(), "-w", "100ms", "--retry-for", "250ms", "--quiet"];
    astream(silent).run().status(5).says(&["timed out after 100 ms"]);
}

#[test]
fn a_handshake_that_is_cut_short_is_waited_for() {
    let authority = authority();
    let config = authority.server(&authority.localhost(), false);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client =
        connect(listener.local_addr().unwrap()).args(["--tls", "--cacert", arg(&authority.ca)]).start();
    let (mut early, _) = listener.accept().unwrap();
    early.read_exact(&mut [0; 100]).unwrap();
    drop(early);
    client.stderr_line("trying again");
    let (stream, _) = listener.accept().unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    assert_eq!(read_all(&mut tls), b"");
    end_tls(&mut tls);
    client.wait().status(0);
}

#[test]
fn what_waiting_does_not_cure_is_not_tried_again() {
    let authority = authority();
    let config = authority.server(&authority.localhost(), false);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let untrusted = connect(listener.local_addr().unwrap()).args(["--tls"]).start();
    let (stream, _) = listener.accept().unwrap();
    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let _ = tls.conn.complete_io(&mut tls.sock);
    untrusted.wait().status(6).says(&["not trusted"]);
    for (args, status) in [
        (&["connect", "name", "1", "-n"][..], 3),
        (&["connect", "127.0.0.1", "0"], 2),
        (&["connect", "127.0.0.1", "1", "--tls", "--cacert", "/no/such/file"], 2),
    ] {
        astream(args).args(["--retry-for", "1h"]).run().status(status).says(&[""]);
    }
}

#[test]
fn ports_that_are_probed_are_waited_for() {
    let ports = [closed(), closed()];
    let list = ports.each_ref().map(|port| port.1.port().to_string()).join(",");
    let probe = astream(["connect", "-z", "127.0.0.1", &list, "--retry-for", "1m"]).start();
    for _ in &ports {
        probe.stderr_line("trying again");
    }
    let [one, other] = ports;
    let expected = format!("{}: open\n{}: open\n", one.1, other.1);
    let _listening = [one.open(), other.open()];
    assert_eq!(probe.wait().status(0).untimed(), expected);
    let (_socket, address) = refusing();
    let args = ["connect", "-z", &address.to_string(), "--retry-for", "100ms"];
    let said = astream(args).run().status(4);
    let line = String::from_utf8(said.stdout).unwrap();
    // The time is that of all tries.
    assert!(line.starts_with(&format!("{address}: refused, gave up after ")), "{line}");
}

#[test]
fn the_target_of_a_relay_is_waited_for() {
    let port = closed();
    let target = port.1.to_string();
    let relay =
        astream(["listen", "127.0.0.1", "0", "--forward", &target, "--retry-for", "1m", "--once"]).start();
    let mut client = TcpStream::connect(relay.address()).unwrap();
    relay.stderr_line("connection refused; trying again");
    let (mut stream, _) = port.open().accept().unwrap();
    client.write_all(b"x").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream), b"x");
    drop(stream);
    relay.wait().status(0);
}

#[test]
fn in_json_it_is_a_warning() {
    let (_socket, address) = refusing();
    let args = ["connect", &address.to_string(), "--retry-for", "100ms", "--json"];
    let said = astream(args).run().status(4);
    let first: serde_json::Value = serde_json::from_str(said.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "warning");
    assert!(first["message"].as_str().unwrap().ends_with("trying again for up to 100 ms"), "{first}");
}

#[test]
fn an_open_stdin_that_is_all_that_is_waited_for_is_reported() {
    // Here time passes: what is tested is a report after 2 s in which nothing moves.
    let server = peer(|mut stream| stream.write_all(b"all").unwrap());
    let mut client = astream(["connect", &server.address.to_string()]).open_stdin().start();
    client.until_stdout(b"all");
    client.stderr_line("hint: the peer has ended its side, and stdin is still open");
    client.close_stdin();
    client.wait().status(0).stdout(b"all");
    let mut listener = astream(["listen", "127.0.0.1", "0"]).open_stdin().start();
    let mut stream = TcpStream::connect(listener.address()).unwrap();
    stream.write_all(b"all").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    listener.stderr_line("hint: the peer has ended its side, and stdin is still open");
    listener.close_stdin();
    assert_eq!(read_all(&mut stream), b"");
    listener.wait().status(0).stdout(b"all");
}

#[test]
fn a_peer_that_is_silent_for_longer_than_the_set_up_may_take_is_a_hint() {
    let server = peer(|mut stream| read_all(&mut stream));
    let address = server.address.to_string();
    let mut client = astream(["connect", &address, "-w", "50ms"]).open_stdin().start();
    client.stderr_line(
        "hint: nothing has moved for as long as -w gives, which limits connecting only (-i TIME",
    );
    client.close_stdin();
    client.wait().status(0);
    server.join();
}

#[test]
fn what_a_slow_peer_has_not_taken_yet_is_no_silence() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let server = peer(move |mut stream| {
        let _ = receiver.recv();
        read_all(&mut stream)
    });
    let data = noise(32 << 20);
    let client = astream(["connect", &server.address.to_string(), "-w", "50ms", "-vv"]).input(data.clone());
    let mut client = client.start();
    // One that is silent is reported after six times as long.
    let silent = peer(|mut stream| read_all(&mut stream));
    let other = ["connect", &silent.address.to_string(), "-w", "300ms"];
    let mut other = astream(other).open_stdin().start();
    other.stderr_line("hint: nothing has moved");
    other.close_stdin();
    assert!(client.is_running());
    drop(sender);
    assert!(server.join() == data);
    let finished = client.wait().status(0);
    assert!(!finished.stderr.contains("nothing has moved"), "{}", finished.description());
}

#[test]
fn a_client_without_a_byte_is_a_hint() {
    let listener = astream(["listen", "127.0.0.1", "0"]).start();
    astream(["connect", "-z", &listener.address().to_string()]).run().status(0);
    listener.stderr_line("has ended without a byte, as a probe of the port does (-k serves others too)");
    // An empty file looks like a probe.
    let listener = astream(["listen", "127.0.0.1", "0", "--recv-only"]).start();
    astream(["connect", "--send-only", &listener.address().to_string()]).run().status(0).silent();
    let finished = listener.wait().status(0).stdout(b"");
    assert!(finished.stderr.contains("hint: 127.0.0.1:"), "{}", finished.description());
}
