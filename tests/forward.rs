//! `astream listen --forward`: a relay that passes on every byte and each end.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use support::peer::{black_hole, peer, read_all, refusing, reset};
use support::{Running, astream, noise};

const MIB: usize = 1 << 20;

fn relay(target: &str, more: &[&str]) -> Running {
    astream(["listen", "127.0.0.1", "0", "--forward", target]).args(more).start()
}

fn dial(relay: &Running) -> TcpStream {
    let stream = TcpStream::connect(relay.address()).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    stream
}

#[test]
fn both_ways_at_once_arrive_whole_and_each_end_is_passed_on() {
    for size in [10, 100_000, 16 * MIB] {
        let there = noise(size);
        let sent = there.clone();
        let target = peer(move |mut stream| {
            let mut writing = stream.try_clone().unwrap();
            let writer = thread::spawn(move || {
                writing.write_all(&noise(size + 1)).unwrap();
                writing.shutdown(Shutdown::Write).unwrap();
            });
            let got = read_all(&mut stream);
            writer.join().unwrap();
            got
        });
        let relay = relay(&target.address.to_string(), &["--once", "-vv"]);
        let mut client = dial(&relay);
        let mut writing = client.try_clone().unwrap();
        let writer = thread::spawn(move || {
            writing.write_all(&sent).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        assert!(read_all(&mut client) == noise(size + 1));
        writer.join().unwrap();
        assert!(target.join() == there);
        let said = relay.wait().status(0);
        assert_eq!(
            said.stderr.contains("by splice"),
            size > MIB && !support::BY_STREAMS,
            "{}",
            said.description()
        );
    }
}

#[test]
fn sent_and_received_are_seen_from_the_client() {
    for more in [&["--once", "-v"][..], &["--once", "-v", "--tls", "-4"]] {
        let target = peer(|mut stream| {
            stream.write_all(b"answer").unwrap();
            read_all(&mut stream)
        });
        let relay = relay(&target.address.to_string(), more);
        let address = relay.address().to_string();
        let client = if more.contains(&"--tls") {
            let pin = relay.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
            astream(["connect", &address, "--quiet", "--tls", "--pin", &pin])
        } else {
            astream(["connect", &address])
        };
        client.input("question: x").run().status(0).stdout(b"answer").silent();
        assert_eq!(target.join(), b"question: x");
        let said = relay.wait().status(0);
        assert!(said.stderr.contains("6 bytes sent, 11 bytes received"), "{}", said.description());
    }
}

#[test]
fn an_answer_after_our_end_passes() {
    let target = peer(|mut stream| {
        assert_eq!(read_all(&mut stream), b"question");
        thread::park_timeout(Duration::from_millis(300));
        stream.write_all(&noise(3 * MIB)).unwrap();
    });
    let relay = relay(&target.address.to_string(), &[]);
    let mut client = dial(&relay);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&mut client) == noise(3 * MIB));
}

#[test]
fn a_target_that_refuses_closes_that_client_only() {
    let (_socket, dead) = refusing();
    let relay = relay(&dead.to_string(), &[]);
    let address = relay.address();
    for _ in 0..2 {
        assert_eq!(TcpStream::connect(address).unwrap().read(&mut [0]).unwrap_or(0), 0);
        relay.stderr_line("cannot connect");
    }
}

#[test]
fn a_client_that_resets_while_the_target_is_being_reached_is_dropped_at_once() {
    let hole = black_hole("127.0.0.1");
    let relay = relay(&hole.address.to_string(), &["-v"]);
    let client = dial(&relay);
    relay.stderr_line("connecting to");
    reset(client);
    relay.stderr_line("the client: connection lost while reading: connection reset");
}

#[test]
fn a_client_that_ends_its_side_while_the_target_is_being_reached_is_served() {
    // Its queue has room again once a connection is accepted from it.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let first = TcpStream::connect(address.as_socket().unwrap()).unwrap();
    let relay = relay(&address.as_socket().unwrap().to_string(), &["-v"]);
    let mut client = dial(&relay);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    relay.stderr_line("connecting to");
    let _ = listener.accept().unwrap();
    let (target, _) = listener.accept().unwrap();
    let mut target = TcpStream::from(target);
    assert_eq!(read_all(&mut target), b"question");
    target.write_all(b"answer").unwrap();
    target.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"answer");
    drop(first);
}

#[test]
fn a_reset_of_one_side_ends_the_other() {
    let target = peer(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        reset(stream);
    });
    let relay = relay(&target.address.to_string(), &[]);
    let mut client = dial(&relay);
    client.write_all(b"x").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    relay.stderr_line("connection lost");
}

#[test]
fn one_stuck_pair_does_not_stop_another() {
    let relay_of = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let relay = relay(&relay_of.address().to_string(), &[]);
    let mut stuck = dial(&relay);
    stuck.set_nonblocking(true).unwrap();
    let address = stuck.peer_addr().unwrap();
    while stuck.write(&[7; 4096]).is_ok() {}
    let mut other = TcpStream::connect(address).unwrap();
    other.write_all(b"served").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut other), b"served");
}

#[test]
fn unix_sockets_and_tcp_are_relayed_into_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("socket").display());
    let echo = astream(["listen", &path, "--echo"]).start();
    echo.stderr_line("listening on");
    let relay = relay(&path, &[]);
    let client = astream(["connect", &relay.address().to_string()]).input(noise(2 * MIB)).run();
    client.status(0).stdout(&noise(2 * MIB));
}

#[test]
fn each_line_of_the_log_names_its_client_in_text_and_in_json() {
    for json in [false, true] {
        let target = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
        let relay = relay(&target.address().to_string(), if json { &["-vv", "--json"] } else { &["-vv"] });
        let address = if json { relay.address_in_json() } else { relay.address() };
        let clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let names = clients.each_ref().map(|client| client.local_addr().unwrap().to_string());
        for mut client in clients {
            client.write_all(b"x").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&mut client), b"x");
        }
        let closed = if json { "\"closed\"" } else { "1 bytes sent, 1 bytes received" };
        let _ends = [relay.stderr_line(closed), relay.stderr_line(closed)];
        relay.signal(rustix::process::Signal::TERM);
        let said = relay.wait().status(0);
        for line in said.stderr.lines().filter(|line| !line.contains("listening")) {
            let start = |name: &String| {
                if json { format!("\"peer\":\"{name}\"") } else { format!("astream: {name}: ") }
            };
            assert!(names.iter().any(|name| line.contains(&start(name))), "{line}\n{}", said.description());
        }
        for expected in ["connecting to ", "connected to "] {
            assert_eq!(said.stderr.matches(expected).count(), 2, "{}", said.description());
        }
    }
}

#[test]
fn an_idle_pair_is_dropped() {
    let target = peer(|mut stream| stream.read(&mut [0]).map_err(drop));
    let relay = relay(&target.address.to_string(), &["-i", "200ms"]);
    let mut client = dial(&relay);
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    relay.stderr_line("idle");
}
