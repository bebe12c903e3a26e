//! `astream listen`: one connection or many, echo, the ready line, signals.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use support::peer::{read_all, reset};
use support::{Program, Running, astream, noise};

const MIB: usize = 1 << 20;

fn listen(more: &[&str]) -> Program {
    astream(["listen", "127.0.0.1", "0"]).args(more)
}

fn dial(listener: &Running) -> TcpStream {
    dial_to(listener.address())
}

fn dial_to(address: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    stream
}

/// Sends this, ends, and returns what comes.
fn exchange(mut stream: TcpStream, data: &[u8]) -> Vec<u8> {
    stream.write_all(data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(&mut stream)
}

#[test]
fn one_connection_is_served_both_ways_and_no_other() {
    let listener = listen(&[]).input(noise(MIB)).start();
    let address = listener.address();
    let mut first = dial_to(address);
    first.write_all(b"x").unwrap();
    let mut answer = vec![0; MIB];
    first.read_exact(&mut answer).unwrap();
    assert!(answer == noise(MIB));
    assert!(TcpStream::connect(address).is_err(), "a second client is refused");
    first.shutdown(Shutdown::Write).unwrap();
    listener.wait().status(0).stdout(b"x");
}

#[test]
fn a_listener_with_nothing_to_send_ends_after_its_peer() {
    for command in ["listen", "listen --recv-only", "listen -k"] {
        let args: Vec<_> = command.split(' ').chain(["127.0.0.1", "0"]).collect();
        let listener = astream(args).start();
        let mut stream = dial(&listener);
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let early = stream.read(&mut [0]);
        assert!(early.is_err(), "{command}: an early end: {early:?}");
        stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
        assert_eq!(exchange(stream, &noise(MIB)), b"", "{command}");
        if command != "listen -k" {
            listener.wait().status(0).stdout(&noise(MIB));
        }
    }
}

#[test]
fn a_reset_connection_is_status_1_for_a_one_shot_listener() {
    let listener = listen(&[]).open_stdin().start();
    let mut stream = dial(&listener);
    stream.write_all(b"data").unwrap();
    listener.until_stdout(b"data");
    reset(stream);
    let finished = listener.wait().status(1).stdout(b"data");
    assert!(finished.stderr.contains("connection lost"), "{}", finished.description());
}

#[test]
fn echo_sends_everything_back_to_many_at_once_and_the_end_after_it() {
    let listener = listen(&["--echo"]).start();
    let address = listener.address();
    let clients: Vec<_> = (0..20)
        .map(|i| {
            thread::spawn(move || {
                let data = noise(300_000 + i);
                let stream = dial_to(address);
                let mut writing = stream.try_clone().unwrap();
                let sent = data.clone();
                let writer = thread::spawn(move || {
                    writing.write_all(&sent).unwrap();
                    writing.shutdown(Shutdown::Write).unwrap();
                });
                assert!(read_all(&mut &stream) == data);
                writer.join().unwrap();
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    listener.stop().stdout(b"");
}

#[test]
fn one_stuck_client_does_not_stop_the_others() {
    let listener = listen(&["--echo"]).start();
    let address = listener.address();
    let mut stuck = dial_to(address);
    stuck.set_nonblocking(true).unwrap();
    while stuck.write(&[7; 4096]).is_ok() {}
    assert_eq!(exchange(dial_to(address), b"still served"), b"still served");
}

#[test]
fn echo_once_ends_after_one() {
    let listener = listen(&["--echo", "--once"]).start();
    assert_eq!(exchange(dial(&listener), b"again"), b"again");
    listener.wait().status(0);
}

#[test]
fn discard_drops_what_comes_and_ends_after_its_peer() {
    let listener = listen(&["--discard", "-v"]).start();
    let address = listener.address();
    let mut client = dial_to(address);
    client.write_all(&noise(20 * MIB)).unwrap();
    assert_eq!(exchange(dial_to(address), &noise(MIB)), b"", "nothing comes back");
    listener.stderr_line(&format!("0 bytes sent, {MIB} bytes received"));
    assert_eq!(exchange(client, b"the end"), b"");
    listener.stderr_line(&format!("0 bytes sent, {} bytes received", 20 * MIB + 7));
    listener.stop().stdout(b"");

    let listener = listen(&["--discard", "--once"]).start();
    assert_eq!(exchange(dial(&listener), &noise(MIB)), b"");
    listener.wait().status(0).stdout(b"");
}

#[test]
fn an_idle_client_is_dropped_and_the_server_goes_on() {
    let listener = listen(&["--echo", "-i", "200ms"]).start();
    let address = listener.address();
    let mut idle = dial_to(address);
    listener.stderr_line("idle");
    let _ = idle.read(&mut [0]);
    assert_eq!(exchange(dial_to(address), b"next"), b"next");
}

#[test]
fn keep_open_gives_stdin_to_all_clients_and_all_of_theirs_to_stdout() {
    let mut listener = listen(&["-k"]).open_stdin().start();
    let address = listener.address();
    let (mut one, mut two) = (dial_to(address), dial_to(address));
    for (client, name) in [(&mut one, "one"), (&mut two, "two")] {
        writeln!(client, "{name}").unwrap();
        listener.stdout_line(name);
    }
    listener.write_stdin(b"to all");
    for client in [&mut one, &mut two] {
        let mut got = [0; 6];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"to all");
    }
    listener.close_stdin();
    assert_eq!(exchange(one, b"more\n"), b"");
    listener.stdout_line("more");
    assert_eq!(read_all(&mut two), b"", "the end of stdin is passed on to all");
    // A client that comes later gets the end at once, and is received from.
    let late = dial_to(address);
    assert_eq!(read_all(&mut &late), b"");
    assert_eq!(exchange(late, b"late\n"), b"");
    listener.stdout_line("late");
    listener.signal(Signal::INT);
    listener.wait().status(0);
}

#[test]
fn a_client_that_takes_nothing_is_dropped_when_another_is_far_ahead() {
    let data = noise(32 * MIB);
    let listener = listen(&["-k"]).open_stdin();
    let (stdin, typed) = std::io::pipe().unwrap();
    let listener = listener.stdin(stdin).start();
    let address = listener.address();
    let (stuck, mut good) = (dial_to(address), dial_to(address));
    for mut client in [&stuck, &good] {
        client.write_all(b"here\n").unwrap();
        listener.stdout_line("here");
    }
    let sent = data.clone();
    let writer = thread::spawn(move || (&typed).write_all(&sent).unwrap());
    let mut got = vec![0; data.len()];
    good.read_exact(&mut got).unwrap();
    writer.join().unwrap();
    assert!(got == data);
    listener.stderr_line("fell behind");
}

#[test]
fn a_single_slow_client_gets_everything() {
    let data = noise(16 * MIB);
    let listener = listen(&["-k"]).input(data.clone()).start();
    let mut client = dial(&listener);
    thread::park_timeout(Duration::from_millis(300));
    let mut got = vec![0; data.len()];
    client.read_exact(&mut got).unwrap();
    assert!(got == data);
}

#[test]
fn a_reader_of_stdout_that_goes_away_ends_a_server_too() {
    let (reader, writer) = std::io::pipe().unwrap();
    let listener = listen(&["-k"]).stdout(writer).open_stdin().start();
    drop(reader);
    let mut client = dial(&listener);
    client.write_all(b"x").unwrap();
    let finished = listener.wait().status(141);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.description());
}

#[test]
fn both_families_of_a_name_and_of_all_addresses_have_one_port() {
    for host in ["localhost", "*"] {
        let listener = astream(["listen", host, "0", "--echo"]).start();
        let line = listener.stderr_line("listening on ");
        let addresses: Vec<std::net::SocketAddr> =
            line.split("listening on ").nth(1).unwrap().split(", ").map(|a| a.parse().unwrap()).collect();
        assert!(addresses.iter().all(|a| a.port() == addresses[0].port() && a.port() != 0), "{line}");
        for mut address in addresses {
            if address.ip().is_unspecified() {
                address.set_ip(if address.is_ipv4() {
                    [127, 0, 0, 1].into()
                } else {
                    std::net::Ipv6Addr::LOCALHOST.into()
                });
            }
            assert_eq!(exchange(dial_to(address), b"hello"), b"hello");
        }
    }
}

#[test]
fn the_ready_line_comes_first_and_connecting_works_at_once() {
    for _ in 0..10 {
        let listener = listen(&["--echo", "-v"]).start();
        assert_eq!(exchange(dial(&listener), b"x"), b"x");
        let finished = listener.stop();
        assert!(
            finished.stderr.starts_with("astream: listening on 127.0.0.1:"),
            "{}",
            finished.description()
        );
    }
}

#[test]
fn a_unix_socket_is_private_and_goes_with_the_listener() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix:{}", path.display());
    for signal in [Signal::TERM, Signal::INT] {
        let listener = astream(["listen", &address, "--echo"]).start();
        listener.stderr_line(&address);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        astream(["listen", &address]).run().status(4).says(&["cannot listen", "in use"]);
        astream(["connect", &address]).input("echo").run().status(0).stdout(b"echo");
        listener.signal(signal);
        listener.wait().status(0);
        assert!(!path.exists());
    }
    // One that was left behind by a crash is replaced; a file is not.
    let listener = astream(["listen", &address]).start();
    listener.stderr_line(&address);
    listener.signal(Signal::KILL);
    listener.wait();
    assert!(path.exists());
    let listener = astream(["listen", &address]).start();
    listener.stderr_line(&address);
    listener.signal(Signal::TERM);
    listener.wait().status(128 + 15);
    assert!(!path.exists());
    std::fs::write(&path, "precious").unwrap();
    astream(["listen", &address]).run().status(4).says(&["in use"]);
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_signal_ends_a_one_shot_listener_with_128_and_its_number() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let waiting = listen(&[]).start();
        waiting.address();
        waiting.signal(signal);
        waiting.wait().status(status);
        let serving = listen(&[]).open_stdin().start();
        let mut client = dial(&serving);
        client.write_all(b"x").unwrap();
        serving.until_stdout(b"x");
        serving.signal(signal);
        serving.wait().status(status);
    }
}

/// Starts a listener, and lets a client and a signal arrive while it can handle neither.
fn client_and_signal_at_once(more: &[&str], input: &[u8]) -> (TcpStream, Running) {
    let listener = listen(more).input(input).start();
    let address = listener.address();
    listener.signal(Signal::STOP);
    let client = dial_to(address);
    listener.signal(Signal::TERM);
    listener.signal(Signal::CONT);
    (client, listener)
}

#[test]
fn a_client_that_comes_with_the_signal_is_reset_or_gets_everything() {
    let data = noise(100_000);
    for _ in 0..10 {
        let (mut client, listener) = client_and_signal_at_once(&[], &data);
        let mut got = Vec::new();
        if client.read_to_end(&mut got).is_ok() {
            assert!(got == data, "{} bytes look like all there is", got.len());
        }
        listener.wait().status(128 + 15);
    }
}

#[test]
fn a_client_that_is_reset_before_a_byte_has_gone_uses_no_listener_up() {
    let target = listen(&["--echo"]).start();
    let target = target.address().to_string();
    for more in [&[][..], &["--echo", "--once"], &["--once", "--forward", &target]] {
        let mut listener = listen(more).open_stdin().start();
        let address = listener.address();
        for _ in 0..3 {
            reset(dial_to(address));
            listener.stderr_line("reset before it was used");
        }
        listener.close_stdin();
        let got = exchange(dial_to(address), b"used");
        drop(listener.wait().status(0));
        assert_eq!(got, if more.is_empty() { &b""[..] } else { b"used" }, "{more:?}");
    }
}

#[test]
fn a_client_that_ends_cleanly_uses_a_listener_up() {
    let listener = listen(&[]).start();
    drop(dial(&listener));
    listener.wait().status(0).stdout(b"");
}

#[test]
fn a_client_that_says_nothing_to_a_one_shot_listener_is_idle() {
    for more in [&["-i", "200ms"][..], &["-i", "200ms", "--echo", "--once"]] {
        let listener = listen(more).open_stdin().start();
        let mut client = dial(&listener);
        let finished = listener.wait().status(5);
        assert!(
            finished.stderr.contains("idle: nothing sent or received for 200 ms"),
            "{}",
            finished.description()
        );
        assert!(client.read(&mut [0]).is_err(), "a clean end");
    }
}

#[test]
fn no_thread_to_be_had_is_an_error_of_this_machine() {
    let listener = listen(&[]).open_stdin().start();
    let address = listener.address();
    let pid = listener.pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    // Less than the stack of one.
    let limit = Some(size * 1024 + (1 << 20));
    prlimit(Some(listener.pid()), Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
    let mut client = dial_to(address);
    client.write_all(b"data").unwrap();
    let finished = listener.wait().status(2);
    assert!(finished.stderr.contains("cannot start a thread"), "{}", finished.description());
}

#[test]
fn a_server_gives_open_connections_their_grace() {
    let listener = listen(&["--echo", "--grace", "60s"]).start();
    let mut client = dial(&listener);
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let address = client.peer_addr().unwrap();
    listener.signal(Signal::TERM);
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
    // As a service manager may send it right after.
    listener.signal(Signal::HUP);
    assert_eq!(exchange(client, b"last words"), b"last words");
    listener.wait().status(0);

    let listener = listen(&["--echo", "--grace", "100ms"]).start();
    let mut client = dial(&listener);
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0]).unwrap();
    listener.stop();
}

#[test]
fn a_port_in_use_is_status_4_and_says_what_to_do() {
    let listener = listen(&["--echo"]).start();
    let address = listener.address().to_string();
    astream(["listen", &address]).run().status(4).says(&[
        "cannot listen",
        &address,
        "in use",
        "another port",
    ]);
}

#[test]
fn looking_whether_a_unix_socket_is_in_use_does_not_use_its_listener_up() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("socket").display());
    let listener = astream(["listen", &address]).start();
    listener.stderr_line(&address);
    astream(["listen", &address]).run().status(4).says(&["in use", "another path"]);
    astream(["connect", &address]).input("for the first").run().status(0);
    listener.wait().status(0).stdout(b"for the first");
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let script = format!("trap '' HUP; exec {} listen 127.0.0.1 0 --echo", env!("CARGO_BIN_EXE_astream"));
    let listener = support::tool("sh").args(["-c", &script]).start();
    let address = listener.address();
    listener.signal(Signal::HUP);
    assert_eq!(exchange(dial_to(address), b"still here"), b"still here");
    listener.stop();
}

#[test]
fn a_stdin_as_nohup_leaves_it_is_an_empty_one() {
    for more in [&[][..], &["-k"]] {
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        let listener = listen(more).stdin(null).start();
        assert_eq!(exchange(dial(&listener), b"data\n"), b"");
        listener.stdout_line("data");
        if more.is_empty() {
            listener.wait().status(0);
        }
    }
}
