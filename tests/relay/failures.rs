//! Streams that are cut: the other side gets what came before, never a clean end, and one line says which
//! side failed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::pairs::{PAIRS, Pair, Place, assert_cut, assert_whole, place};
use crate::support::peer::black_hole;
use crate::support::{DEADLINE, Running, noise};

const MIB: usize = 1 << 20;

/// More than a client with the smallest of buffers takes at once, less than the relay's socket holds.
const SOME: usize = 300_000;

fn tls_clients() -> impl Iterator<Item = Pair> {
    PAIRS.into_iter().filter(|pair| pair.client_tls)
}

fn tls_targets() -> impl Iterator<Item = Pair> {
    PAIRS.into_iter().filter(|pair| pair.target_tls)
}

/// A client whose window is small, so that what it is sent stays in the relay.
fn narrow_client(place: &Place, pair: Pair, relay: &Running) -> crate::pairs::Talk {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&relay.address().into()).unwrap();
    place.client_of(pair, TcpStream::from(socket))
}

#[test]
fn a_client_that_ends_without_close_notify_is_not_passed_on_as_an_end() {
    for pair in tls_clients() {
        let place = place();
        let target = place.target(pair, |mut talk| talk.read_all());
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &[]);
        let mut client = place.client(pair, &relay);
        client.write_all(&noise(MIB)).unwrap();
        client.cut();
        assert_cut(target.join(), &noise(MIB));
        relay.stderr_line(": the client: the peer ended the TLS stream without close_notify");
        assert_cut(client.read_all(), b"");
    }
}

#[test]
fn a_target_that_ends_without_close_notify_is_not_passed_on_as_an_end() {
    for pair in tls_targets() {
        let place = place();
        let target = place.target(pair, |mut talk| {
            talk.write_all(&noise(SOME)).unwrap();
            talk.cut();
            talk.read_all()
        });
        let port = target.port();
        let relay = place.relay(pair, &format!("localhost:{port}"), &[]);
        let mut client = narrow_client(&place, pair, &relay);
        client.shake_hands();
        // The reset that is to come does not take back what is still on its way.
        relay.stderr_line("aborting after the rest is sent");
        assert_cut(client.read_all(), &noise(SOME));
        relay.stderr_line(&format!(": the target localhost:{port}: the peer ended the TLS stream without"));
        assert_cut(target.join(), b"");
    }
}

#[test]
fn an_end_without_close_notify_is_an_end_where_that_is_allowed() {
    for pair in PAIRS.into_iter().filter(|pair| pair.has_tls()) {
        let place = place();
        let target = place.target(pair, |mut talk| {
            talk.write_all(&noise(SOME)).unwrap();
            talk.cut();
            talk.read_all()
        });
        let to = format!("localhost:{}", target.port());
        let relay = place.relay(pair, &to, &["--ignore-unexpected-eof", "--once"]);
        let mut client = place.client(pair, &relay);
        assert_whole(client.read_all(), &noise(SOME));
        client.write_all(&noise(MIB)).unwrap();
        client.cut();
        assert_whole(target.join(), &noise(MIB));
        relay.wait().status(0);
    }
}

#[test]
fn what_a_client_sent_before_it_reset_the_connection_comes_first() {
    for pair in PAIRS {
        let place = place();
        let (read, go) = channel();
        let target = place.target(pair, move |mut talk| {
            talk.read_exact(&mut vec![0; SOME]).unwrap();
            read.send(()).unwrap();
            talk.read_all()
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--once"]);
        let mut client = place.client(pair, &relay);
        client.write_all(&noise(SOME)).unwrap();
        client.flush().unwrap();
        go.recv_timeout(DEADLINE).unwrap();
        client.reset();
        assert_cut(target.join(), b"");
        let finished = relay.wait().status(1);
        assert!(
            finished.stderr.contains("the client: connection lost while reading"),
            "{}",
            finished.description()
        );
    }
}

#[test]
fn a_target_that_resets_the_connection_is_no_end_to_a_client_that_is_sending() {
    for pair in PAIRS {
        let place = place();
        // Reading or writing may meet it first.
        for _ in 0..10 {
            let target = place.target(pair, |mut talk| {
                talk.write_all(b"so far").unwrap();
                talk.flush().unwrap();
                talk.read_exact(&mut vec![0; SOME]).unwrap();
                talk.reset();
            });
            let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--once"]);
            let mut client = place.client(pair, &relay);
            let mut got = [0; 6];
            client.read_exact(&mut got).unwrap();
            assert!(client.is_cut_while_sending(), "it looks complete");
            target.join();
            let finished = relay.wait().status(1);
            let line = finished.stderr.lines().last().unwrap();
            assert!(line.contains("the target localhost:"), "{}", finished.description());
        }
    }
}

#[test]
fn a_client_that_resets_the_connection_is_no_end_to_a_target_that_is_sending() {
    for pair in PAIRS {
        let place = place();
        for _ in 0..10 {
            let target = place.target(pair, |mut talk| talk.is_cut_while_sending());
            let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--once"]);
            let mut client = place.client(pair, &relay);
            client.write_all(b"so far").unwrap();
            client.read_exact(&mut vec![0; SOME]).unwrap();
            client.reset();
            assert!(target.join(), "it looks complete: {pair:?}\n{}", relay.wait().description());
            let finished = relay.wait().status(1);
            let line = finished.stderr.lines().last().unwrap();
            assert!(line.contains("the client: "), "{}", finished.description());
        }
    }
}

#[test]
fn a_side_that_resets_after_its_end_is_noticed_while_the_other_is_silent() {
    for pair in PAIRS {
        for is_client in [true, false] {
            let place = place();
            let (ended, has_ended) = channel();
            let (go, gone) = channel();
            let target = place.target(pair, move |mut talk| {
                if is_client {
                    assert_whole(talk.read_all(), b"x");
                    ended.send(()).unwrap();
                    // Open until the relay has seen the reset.
                    gone.recv().unwrap();
                } else {
                    talk.shake_hands();
                    talk.end();
                    gone.recv().unwrap();
                    talk.reset();
                }
            });
            let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--once"]);
            let mut client = place.client(pair, &relay);
            let finished = if is_client {
                client.write_all(b"x").unwrap();
                client.end();
                has_ended.recv_timeout(DEADLINE).unwrap();
                client.reset();
                let finished = relay.wait();
                go.send(()).unwrap();
                finished
            } else {
                assert_whole(client.read_all(), b"");
                go.send(()).unwrap();
                relay.wait()
            };
            let side = if is_client { "the client: connection lost" } else { "the target localhost" };
            let finished = finished.status(1);
            let line = finished.stderr.lines().last().unwrap();
            assert!(line.contains(side) && line.contains("reset"), "{pair:?}\n{}", finished.description());
            target.join();
        }
    }
}

#[test]
fn what_has_arrived_while_the_relay_was_stopped_comes_before_the_idle_timeout() {
    for pair in PAIRS {
        let place = place();
        let (go, gone) = channel();
        let target = place.target(pair, move |mut talk| {
            talk.write_all(b"early").unwrap();
            talk.flush().unwrap();
            gone.recv().unwrap();
            talk.write_all(b"late").unwrap();
            talk.end();
            talk.read_all()
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["-i", "1s"]);
        let mut client = place.client(pair, &relay);
        client.read_exact(&mut [0; 5]).unwrap();
        relay.signal(Signal::STOP);
        go.send(()).unwrap();
        // Longer than the timeout: that is what is tested.
        thread::park_timeout(Duration::from_millis(1100));
        relay.signal(Signal::CONT);
        assert_whole(client.read_all(), b"late");
        client.end();
        assert_whole(target.join(), b"");
    }
}

#[test]
fn an_idle_pair_is_aborted_on_both_sides() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| {
            talk.write_all(b"so far").unwrap();
            talk.flush().unwrap();
            talk.read_all()
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["-i", "200ms"]);
        let mut client = place.client(pair, &relay);
        client.write_all(b"and here").unwrap();
        assert_cut(client.read_all(), b"so far");
        assert_cut(target.join(), b"and here");
        relay.stderr_line("idle: nothing sent or received for 200 ms");
    }
}

#[test]
fn a_client_that_takes_nothing_is_idle_too() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| while talk.write_all(&[7; 8192]).is_ok() {});
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["-i", "200ms"]);
        let mut client = place.client(pair, &relay);
        client.shake_hands();
        relay.stderr_line("idle: nothing sent or received for 200 ms");
        target.join();
    }
}

#[test]
fn a_pair_that_is_open_when_the_grace_ends_is_aborted_on_both_sides() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| {
            talk.write_all(b"so far").unwrap();
            talk.flush().unwrap();
            talk.read_all()
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--grace", "100ms"]);
        let mut client = place.client(pair, &relay);
        client.read_exact(&mut [0; 6]).unwrap();
        relay.signal(Signal::TERM);
        relay.wait().status(0);
        assert_cut(client.read_all(), b"");
        assert_cut(target.join(), b"");
    }
}

#[test]
fn a_pair_may_end_within_the_grace() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| {
            let got = talk.read_all();
            talk.write_all(&noise(MIB)).unwrap();
            talk.end();
            got
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--grace", "1m"]);
        let mut client = place.client(pair, &relay);
        client.write_all(b"x").unwrap();
        relay.stderr_line("connected to");
        relay.signal(Signal::TERM);
        client.end();
        assert_whole(client.read_all(), &noise(MIB));
        assert_whole(target.join(), b"x");
        relay.wait().status(0);
    }
}

#[test]
fn a_client_that_waits_for_a_target_when_the_grace_ends_sees_no_clean_end() {
    for pair in PAIRS.into_iter().filter(|pair| !pair.target_tls) {
        let place = place();
        let hole = black_hole("127.0.0.1");
        let relay = place.relay(pair, &hole.address.to_string(), &["--grace", "100ms"]);
        let mut client = place.client(pair, &relay);
        client.write_all(b"unheard").unwrap();
        relay.stderr_line("connecting to");
        relay.signal(Signal::TERM);
        relay.wait().status(0);
        assert_cut(client.read_all(), b"");
    }
}

#[test]
fn one_stuck_pair_does_not_stop_another() {
    for pair in PAIRS.into_iter().filter(|pair| pair.has_tls()) {
        let place = place();
        let mut echo = crate::support::astream(["listen", "127.0.0.1", "0", "--echo"]);
        if pair.target_tls {
            let (cert, key) = (&place.issued.cert, &place.issued.key);
            echo = echo.args(["--tls", "--cert"]).args([cert]).args(["--key"]).args([key]);
        }
        let echo = echo.start();
        let relay = place.relay(pair, &echo.address().to_string(), &[]);
        let address = relay.address();
        let mut stuck = place.client_of(pair, TcpStream::connect(address).unwrap());
        stuck.shake_hands();
        stuck.socket().set_nonblocking(true).unwrap();
        while stuck.write(&[7; 4096]).is_ok() {}
        let mut other = place.client_of(pair, TcpStream::connect(address).unwrap());
        other.write_all(b"served").unwrap();
        other.end();
        assert_whole(thread::spawn(move || other.read_all()).join().unwrap(), b"served");
    }
}
