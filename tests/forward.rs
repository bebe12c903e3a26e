//! `astream listen --forward`: a relay that passes on every byte and each end.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use support::certs::{arg, authority};
use support::peer::{Peer, black_hole, end_tls, peer, peers, read_all, refusing, reset};
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
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
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
        let said = relay.stop();
        for line in said.stderr.lines().filter(|line| !line.contains("listening")) {
            let has = |number: usize, name: &str| {
                let start = format!("astream: #{number} {name}: ");
                let members = [format!("\"connection\":{number},"), format!("\"peer\":\"{name}\"")];
                let has_all = members.iter().all(|member| line.contains(member));
                if json { has_all } else { line.starts_with(&start) }
            };
            // Either may be accepted first.
            let is_of_a_client = names.iter().any(|name| has(1, name) || has(2, name));
            assert!(is_of_a_client, "{line}\n{}", said.description());
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

/// A target that answers each of so many clients with its name.
fn named(name: &'static str, clients: usize) -> Peer<Vec<()>> {
    peers(clients, move |_, mut stream| {
        stream.write_all(name.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream);
    })
}

/// A relay to all of these, in this order.
fn relay_to(targets: &[SocketAddr], more: &[&str]) -> Running {
    let targets = targets.iter().flat_map(|target| ["--forward".to_owned(), target.to_string()]);
    astream(["listen", "127.0.0.1", "0"]).args(targets).args(more).start()
}

/// What a client of the relay receives.
fn answer(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    String::from_utf8(read_all(&mut stream)).unwrap()
}

#[test]
fn a_target_that_refuses_or_times_out_is_replaced_by_the_next() {
    let (hole, (_socket, dead)) = (black_hole("127.0.0.1"), refusing());
    let target = named("here", 2);
    let relay = relay_to(&[dead, hole.address, target.address, dead], &["-w", "200ms"]);
    let address = relay.address();
    for _ in 0..2 {
        assert_eq!(answer(address), "here");
        relay.stderr_line(&format!("cannot connect to {dead}: connection refused; trying the next target"));
        let hole = format!("connecting to {}: timed out after 200 ms; trying the next target", hole.address);
        relay.stderr_line(&hole);
    }
}

#[test]
fn all_begin_with_the_first_target_unless_they_are_balanced() {
    let (first, second) = (named("first", 3), named("second", 0));
    let relay = relay_to(&[first.address, second.address], &[]);
    let address = relay.address();
    assert_eq!([(); 3].map(|()| answer(address)), ["first"; 3]);

    let (one, two, (_socket, dead)) = (named("one", 2), named("two", 3), refusing());
    let relay = relay_to(&[one.address, dead, two.address], &["--balance"]);
    let address = relay.address();
    assert_eq!([(); 5].map(|()| answer(address)), ["one", "two", "two", "one", "two"].map(str::to_owned));
}

#[test]
fn if_no_target_can_be_reached_each_is_named_and_the_client_is_reset() {
    let [(_one, one), (_two, two)] = [(); 2].map(|()| refusing());
    for more in [&[][..], &["--balance"]] {
        let relay = relay_to(&[one, two], more);
        let mut client = dial(&relay);
        assert!(client.read(&mut [0]).is_err(), "a reset");
        relay.stderr_line(&format!(
            "the target: cannot connect to {one} or {two}: {one} and {two}: connection refused"
        ));
    }
    let relay = relay_to(&[one, two], &["--once"]);
    drop(dial(&relay).read(&mut [0]));
    relay.wait().status(4);
}

#[test]
fn all_targets_are_tried_before_they_are_tried_again() {
    let ((_socket, dead), (later, waiting)) = (refusing(), refusing());
    let relay = relay_to(&[dead, waiting], &["--retry-for", "1m"]);
    let mut client = dial(&relay);
    client.shutdown(Shutdown::Write).unwrap();
    let line = relay.stderr_line("trying again for up to 60 s");
    assert!(line.contains(&format!("{dead} or {waiting}")), "{line}");
    later.listen(1).unwrap();
    let (target, _) = later.accept().unwrap();
    let mut target = TcpStream::from(target);
    target.write_all(b"at last").unwrap();
    drop(target);
    assert_eq!(read_all(&mut client), b"at last");
}

#[test]
fn each_target_is_reached_as_the_options_say() {
    let (_socket, dead) = refusing();
    let target = peer(|stream| stream.peer_addr().unwrap().ip().to_string());
    let relay = relay_to(&[dead, target.address], &["-s", "127.0.0.9"]);
    answer(relay.address());
    assert_eq!(target.join(), "127.0.0.9");

    let proxy = peers(2, |number, mut stream| {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            asked.push(byte[0]);
        }
        let answer = ["HTTP/1.1 502 No\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nthrough"][number];
        stream.write_all(answer.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = read_all(&mut stream);
        [asked.split(|byte| *byte == b'\r').next().unwrap(), &said]
            .map(|text| String::from_utf8_lossy(text).into_owned())
    });
    let url = format!("http://{}", proxy.address);
    let args = ["--forward", "one.test:1", "--forward", "two.test:2", "-x", &url];
    let relay = astream(["listen", "127.0.0.1", "0", "--forward-proxy-protocol", "v1"]).args(args).start();
    assert_eq!(answer(relay.address()), "through");
    relay.stderr_line("502");
    let [[one, before], [two, header]] = &proxy.join()[..] else { panic!("not two") };
    assert_eq!([one, two], ["CONNECT one.test:1 HTTP/1.1", "CONNECT two.test:2 HTTP/1.1"]);
    // It is for the target, not for the proxy.
    assert_eq!(before, "");
    assert!(header.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), "{header}");
}

#[test]
fn a_target_is_asked_for_tls_in_its_own_protocol() {
    let authority = authority();
    let config = authority.server(&authority.localhost(), false);
    let turns: [(&[u8], &[u8]); 3] = [
        (b"", b"220 mail\r\n"),
        (b"EHLO [127.0.0.1]\r\n", b"250-mail\r\n250 STARTTLS\r\n"),
        (b"STARTTLS\r\n", b"220 go\r\n"),
    ];
    let target = peer(move |mut stream| {
        for (wanted, reply) in turns {
            let mut said = vec![0; wanted.len()];
            stream.read_exact(&mut said).unwrap();
            assert_eq!(said.escape_ascii().to_string(), wanted.escape_ascii().to_string());
            stream.write_all(reply).unwrap();
        }
        let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let got = read_all(&mut tls);
        tls.write_all(b"under TLS").unwrap();
        end_tls(&mut tls);
        got
    });
    let starttls = ["--forward-starttls", "smtp", "--forward-cacert", arg(&authority.ca)];
    let relay = relay(&format!("localhost:{}", target.port()), &[&starttls[..], &["--once"]].concat());
    let client = astream(["connect", &relay.address().to_string()]).input("in clear").run();
    client.status(0).stdout(b"under TLS").silent();
    assert_eq!(target.join(), b"in clear");
    relay.wait().status(0);

    let declining = peer(|mut stream| {
        stream.write_all(b"220 mail\r\n250 NOTHING\r\n").unwrap();
        read_all(&mut stream)
    });
    let relay = self::relay(&declining.address.to_string(), &starttls);
    assert!(dial(&relay).read(&mut [0]).is_err(), "a reset");
    relay.stderr_line("250 NOTHING");
}
