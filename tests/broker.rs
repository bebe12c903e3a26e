//! `listen --broker`: what one client, or stdin, says goes to all others.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use support::certs::{arg, authority};
use support::peer::{pipe, reset};
use support::{DEADLINE, Program, Running, astream, noise};

/// How much may wait for a client.
const MIB: usize = 1 << 20;

fn broker() -> Program {
    // Its log shows who has come.
    astream(["listen", "127.0.0.1", "0", "--broker", "-v"])
}

/// A client that has joined.
fn join(broker: &Running, address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.set_write_timeout(Some(DEADLINE)).unwrap();
    broker.stderr_line(&format!("{}: open", client.local_addr().unwrap()));
    client
}

fn say(mut client: &TcpStream, words: &[u8]) {
    client.write_all(words).unwrap();
}

/// The client receives exactly this next.
#[track_caller]
fn receives(mut client: &TcpStream, words: &[u8]) {
    let mut got = vec![0; words.len()];
    client.read_exact(&mut got).unwrap();
    assert!(got == words, "{} instead of {}", got[..got.len().min(80)].escape_ascii(), words.len());
}

#[test]
fn two_clients_chat_and_neither_receives_what_it_says_itself() {
    let broker = broker().start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say(&one, b"hello, two\n");
    receives(&two, b"hello, two\n");
    say(&two, b"hello, one\n");
    receives(&one, b"hello, one\n");
    say(&one, &noise(MIB / 2));
    receives(&two, &noise(MIB / 2));
    // Its stdin is /dev/null, which is no end for them, and stdout has all of it.
    broker.until_stdout(&[b"hello, two\nhello, one\n", &noise(MIB / 2)[..]].concat());
    drop((one, two));
    broker.stop();
}

#[test]
fn what_one_says_is_never_inside_of_what_another_says() {
    const LENGTH: usize = 16_000;
    const SPEAKERS: u8 = 8;
    const TIMES: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let broker = astream(["listen", &format!("unix:{}", path.display()), "--broker", "-v"]).start();
    broker.stderr_line("listening on ");
    // A write of this length to a Unix socket is one read, so it is one chunk.
    let join = || {
        let client = UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        broker.stderr_line(": open");
        client
    };
    let clients: Vec<_> = (0..SPEAKERS).map(|_| join()).collect();
    let (received, of_mark) = channel();
    let mut turns = Vec::new();
    for (mark, client) in (b'a'..).zip(clients) {
        let (turn, may_speak) = channel();
        turns.push(turn);
        let mut voice = client.try_clone().unwrap();
        thread::spawn(move || {
            for _ in 0..TIMES {
                voice.write_all(&[mark; LENGTH]).unwrap();
                may_speak.recv().unwrap();
            }
        });
        let received = received.clone();
        thread::spawn(move || {
            for _ in 0..TIMES * usize::from(SPEAKERS - 1) {
                let other = whole(&client, LENGTH);
                assert_ne!(other, mark);
                received.send(other).unwrap();
            }
        });
    }
    // Each speaks again, while others do, when all have received what it has said: none falls behind.
    let mut counts = [0_u32; SPEAKERS as usize];
    for _ in 0..TIMES * usize::from(SPEAKERS) * usize::from(SPEAKERS - 1) {
        let speaker = usize::from(of_mark.recv_timeout(DEADLINE).unwrap() - b'a');
        counts[speaker] += 1;
        if counts[speaker] % u32::from(SPEAKERS - 1) == 0 {
            // After its last word it is gone.
            let _ = turns[speaker].send(());
        }
    }
    broker.stop();
}

/// The mark of the next chunk, which has no other in it.
fn whole(mut client: &UnixStream, length: usize) -> u8 {
    let mut chunk = vec![0; length];
    client.read_exact(&mut chunk).unwrap();
    assert!(chunk.iter().all(|byte| *byte == chunk[0]), "it begins with {}", chunk[0]);
    chunk[0]
}

/// Says this much, part by part, each when `other` has the one before.
fn say_much(one: &TcpStream, other: &TcpStream, length: usize) {
    let part = noise(MIB / 4);
    for _ in 0..length / part.len() {
        thread::scope(|scope| {
            scope.spawn(|| say(one, &part));
            receives(other, &part);
        });
    }
}

#[test]
fn a_client_that_takes_nothing_is_reset_and_the_others_go_on() {
    let broker = broker().start();
    let address = broker.address();
    let (mut stuck, one, other) = (join(&broker, address), join(&broker, address), join(&broker, address));
    // The two sockets between hold some of it.
    say_much(&one, &other, 24 * MIB);
    let name = stuck.local_addr().unwrap();
    broker.stderr_line(&format!("{name}: the peer fell behind the others and was dropped"));
    assert!(stuck.read_to_end(&mut Vec::new()).is_err(), "no clean end");
    say(&other, b"still here\n");
    receives(&one, b"still here\n");
    broker.stop();
}

#[test]
fn a_thousand_clients_receive_what_one_says() {
    let descriptors = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: descriptors.maximum, ..descriptors }).unwrap();
    let broker = broker().start();
    let address = broker.address();
    let clients: Vec<_> = (0..1000).map(|_| join(&broker, address)).collect();
    for speaker in [0, 999] {
        say(&clients[speaker], b"hello, everybody\n");
        for (number, client) in clients.iter().enumerate() {
            if number != speaker {
                receives(client, b"hello, everybody\n");
            }
        }
    }
    for client in &clients {
        client.set_nonblocking(true).unwrap();
        assert!({ client }.read(&mut [0]).is_err(), "nothing more");
    }
    broker.stop();
}

#[test]
fn a_client_receives_what_is_said_after_it_has_come() {
    let broker = broker().start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say(&one, b"early\n");
    receives(&two, b"early\n");
    let late = join(&broker, address);
    say(&one, b"late\n");
    receives(&late, b"late\n");
    receives(&two, b"late\n");
    broker.stop();
}

#[test]
fn a_client_that_has_ended_its_side_goes_on_receiving_until_it_leaves() {
    let broker = broker().start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say(&one, b"my last words\n");
    one.shutdown(Shutdown::Write).unwrap();
    receives(&two, b"my last words\n");
    for _ in 0..3 {
        say(&two, b"do you receive me?\n");
        receives(&one, b"do you receive me?\n");
    }
    let name = one.local_addr().unwrap();
    drop(one);
    say(&two, b"and now?\n");
    broker.stderr_line(&format!("{name}: the client has left"));
    // One that is reset without an end is reported.
    let third = join(&broker, address);
    let name = third.local_addr().unwrap();
    reset(third);
    broker.stderr_line(&format!("{name}: connection lost"));
    let fourth = join(&broker, address);
    say(&two, b"hello, fourth\n");
    receives(&fourth, b"hello, fourth\n");
    broker.stop();
}

#[test]
fn stdin_speaks_and_its_end_ends_nothing() {
    let mut broker = broker().open_stdin().start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    broker.write_stdin(b"news\n");
    receives(&one, b"news\n");
    receives(&two, b"news\n");
    broker.close_stdin();
    say(&one, b"what else?\n");
    receives(&two, b"what else?\n");
    broker.until_stdout(b"what else?\n");
    broker.stop();
}

#[test]
fn stdin_waits_for_the_first_client_and_may_be_closed() {
    let broker = broker().input("waiting\n").start();
    let one = join(&broker, broker.address());
    receives(&one, b"waiting\n");
    broker.stop();

    let script = format!("exec {} listen 127.0.0.1 0 --broker -v <&-", env!("CARGO_BIN_EXE_astream"));
    let broker = support::tool("sh").args(["-c", &script]).start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say(&one, b"hello\n");
    receives(&two, b"hello\n");
    broker.stop();
}

#[test]
fn only_one_direction_of_stdio_takes_part_if_that_is_asked_for() {
    let mut broker = broker().args(["--send-only", "-C"]).open_stdin().start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say(&one, b"not for stdout\n");
    receives(&two, b"not for stdout\n");
    broker.write_stdin(b"news\n");
    receives(&one, b"news\r\n");
    broker.stop().stdout(b"");
}

#[test]
fn a_stdout_that_is_stuck_misses_something_and_slows_no_client() {
    let (reader, writer) = pipe();
    let broker = broker().stdout(writer).start();
    let address = broker.address();
    let (one, two) = (join(&broker, address), join(&broker, address));
    say_much(&one, &two, 4 * MIB);
    broker.stderr_line("stdout is 1 MiB behind");
    // It has what there was room for, and when that is read, what is said then.
    let mut printed = std::fs::File::from(reader);
    let part = noise(MIB / 4);
    let mut first = vec![0; part.len()];
    printed.read_exact(&mut first).unwrap();
    assert!(first == part);
    let (caught_up, has_caught_up) = channel();
    let reading = thread::spawn(move || {
        let mut end = Vec::new();
        let mut chunk = [0; 4096];
        while !end.ends_with(b"back again\n") {
            let n = printed.read(&mut chunk).unwrap();
            end.drain(..end.len().saturating_sub(100));
            end.extend_from_slice(&chunk[..n]);
        }
        caught_up.send(()).unwrap();
        // What comes after it is read as well.
        while printed.read(&mut chunk).is_ok_and(|n| n > 0) {}
    });
    while has_caught_up.try_recv().is_err() {
        assert!(!reading.is_finished());
        say(&one, b"back again\n");
        receives(&two, b"back again\n");
    }
    let said = broker.stop().stderr;
    assert_eq!(said.matches("stdout is 1 MiB behind").count(), 1, "{said}");
    reading.join().unwrap();
}

#[test]
fn a_stdout_that_cannot_be_written_ends_the_broker() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let broker = broker().stdout(full).start();
    let one = join(&broker, broker.address());
    say(&one, b"for a full disk\n");
    let finished = broker.wait().status(2);
    assert!(finished.stderr.contains("cannot write to stdout: no space left"), "{}", finished.description());
    assert!({ &one }.read_to_end(&mut Vec::new()).is_err(), "no clean end");

    let (reader, writer) = pipe();
    drop(reader);
    let broker = self::broker().stdout(writer).start();
    let one = join(&broker, broker.address());
    say(&one, b"for a closed pipe\n");
    broker.wait().status(141);
}

#[test]
fn clients_chat_over_tls() {
    let authority = authority();
    let own = authority.localhost();
    let broker = broker().args(["--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)]).start();
    let port = broker.port();
    let join = || {
        let args = ["connect", "localhost", &port, "--tls", "--cacert", arg(&authority.ca)];
        let client = astream(args).open_stdin().stdout(Stdio::piped()).start();
        broker.stderr_line(": open");
        client
    };
    let (mut one, mut two) = (join(), join());
    one.write_stdin(b"hello, two\n");
    two.stdout_line("hello, two");
    one.close_stdin();
    two.write_stdin(&noise(MIB / 2));
    one.until_stdout(&noise(MIB / 2));
    drop((one, two));
    broker.stop();
}

#[tokio::test]
async fn a_server_that_uses_it_ends_its_clients_cleanly_or_aborts_them() {
    use astream::handlers::{Broker, Handler};
    use astream::{ServerOptions, StreamReader, StreamWriter, start_server};

    for is_clean in [true, false] {
        let broker = Broker::new();
        let handler = move |reader: StreamReader, writer: StreamWriter| {
            let broker = broker.clone();
            async move { broker.handle(reader, writer).await.result }
        };
        let endpoint = "127.0.0.1:0".parse().unwrap();
        let server = start_server(handler, &endpoint, &ServerOptions::new()).await.unwrap();
        let address = server.local_addrs()[0].to_string();
        let clients = thread::spawn(move || {
            let (one, two) = (TcpStream::connect(&address).unwrap(), TcpStream::connect(&address).unwrap());
            for client in [&one, &two] {
                client.set_read_timeout(Some(DEADLINE)).unwrap();
            }
            // Both have come when one receives what the other says.
            two.set_nonblocking(true).unwrap();
            let mut from_one = [0];
            while { &two }.read(&mut from_one).is_err() {
                say(&one, b"x");
            }
            two.set_nonblocking(false).unwrap();
            (one, two)
        });
        let (one, mut two) = tokio::task::spawn_blocking(|| clients.join().unwrap()).await.unwrap();
        server.close();
        let ended = tokio::task::spawn_blocking(move || {
            let mut rest = Vec::new();
            let ended = two.read_to_end(&mut rest);
            assert!(rest.iter().all(|byte| *byte == b'x'));
            drop(two);
            (ended.is_ok(), { &one }.read(&mut [0]).ok())
        });
        if is_clean {
            server.close_clients();
        } else {
            server.abort_clients();
        }
        assert_eq!(ended.await.unwrap(), if is_clean { (true, Some(0)) } else { (false, None) });
        server.wait_closed().await;
    }
}

#[test]
fn what_is_read_to_the_end_of_the_grace_is_no_clean_end() {
    let broker = broker().start();
    let mut one = join(&broker, broker.address());
    broker.signal(Signal::TERM);
    assert!(one.read_to_end(&mut Vec::new()).is_err());
    broker.wait().status(0);
}
