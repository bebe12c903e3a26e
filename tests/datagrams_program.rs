//! `-u`: datagrams in the program.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use support::{DEADLINE, Running, astream, noise};

/// A peer of the program, and its address.
fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// An address that refuses as long as its socket lives, which receives from another one only.
fn refusing() -> (UdpSocket, SocketAddr) {
    let (socket, address) = peer();
    socket.connect("127.0.0.1:1").unwrap();
    (socket, address)
}

/// The next message, and who has sent it.
#[track_caller]
fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (n, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(n);
    (buffer, from)
}

fn connect(address: SocketAddr) -> support::Program {
    astream(["connect", "-u", &address.to_string()])
}

fn listen(args: &[&str]) -> Running {
    astream(["listen", "-u", "127.0.0.1", "0"]).args(args).start()
}

#[test]
fn each_read_of_stdin_is_a_datagram_and_each_answer_is_printed() {
    let (peer, address) = peer();
    let mut program = connect(address).open_stdin().start();
    for message in [&b"one\n"[..], b"two\nlines\n", b"x"] {
        program.write_stdin(message);
        let (received, from) = receive(&peer);
        assert_eq!(received, message);
        peer.send_to(b"", from).unwrap();
        peer.send_to(&received, from).unwrap();
    }
    program.until_stdout(b"one\ntwo\nlines\nx");
    program.close_stdin();
    program.wait().status(0).silent();
}

#[test]
fn a_read_takes_as_much_as_a_datagram_can_hold() {
    let (peer, address) = peer();
    let folder = tempfile::tempdir().unwrap();
    let (path, data) = (folder.path().join("file"), noise(130_000));
    std::fs::write(&path, &data).unwrap();
    let program = connect(address).stdin(std::fs::File::open(path).unwrap()).start();
    let (first, second) = (receive(&peer).0, receive(&peer).0);
    assert_eq!((first.len(), second.len()), (65_507, 130_000 - 65_507));
    assert!([first, second].concat() == data);
    program.wait().status(0).silent();
}

#[test]
fn crlf_leaves_room_in_the_datagram() {
    let (peer, address) = peer();
    let program = connect(address).args(["-C"]).input(vec![b'\n'; 40_000]).start();
    let mut received = receive(&peer).0;
    while received.len() < 80_000 {
        received.extend(receive(&peer).0);
    }
    assert!(received == b"\r\n".repeat(40_000));
    program.wait().status(0).silent();
}

#[test]
fn after_the_end_of_stdin_answers_are_still_waited_for() {
    let (peer, address) = peer();
    let program = connect(address).input("ask").start();
    let (_, from) = receive(&peer);
    for answer in ["a", "b", "c"] {
        peer.send_to(answer.as_bytes(), from).unwrap();
    }
    program.wait().status(0).silent().stdout(b"abc");
}

#[test]
fn who_only_sends_waits_for_no_answer() {
    let (peer, address) = peer();
    let program = connect(address).args(["--send-only", "-i", "1h"]).input("log this").start();
    assert_eq!(receive(&peer).0, b"log this");
    program.wait().status(0).silent();
}

#[test]
fn a_refusal_without_any_answer_is_status_4() {
    let (_refusing, address) = refusing();
    let refused = format!("{address}: closed: connection refused");
    connect(address).input("x").run().status(4).stdout(b"").says(&[&refused]);
}

#[test]
fn a_command_whose_messages_are_all_refused_has_status_4_too() {
    let (_refusing, address) = refusing();
    let client = connect(address).args(["-i", "200ms", "--", "sh", "-c", "echo one; cat"]).run();
    client.status(4).says(&[&format!("{address}: closed: connection refused")]);
}

#[test]
fn a_refusal_that_was_reported_before_the_end_of_stdin_is_not_reported_again() {
    let (_refusing, address) = refusing();
    let refused = format!("{address}: closed: connection refused");
    for (more, is_warned) in [(&[][..], true), (&["--quiet"], false), (&["--json"], true)] {
        let mut program = connect(address).args(more).open_stdin().start();
        program.write_stdin(b"x");
        if is_warned {
            program.stderr_line(&format!("{refused}; sending goes on"));
        }
        program.close_stdin();
        let said = program.wait().status(4).stdout(b"");
        let errors = said.stderr.lines().filter(|line| line.contains(&format!("{refused}\""))).count();
        match more {
            // The error has an event of its own, and stands in that of the end.
            ["--json"] => assert_eq!(errors, 2, "{}", said.description()),
            _ => drop(said.says(&[&refused])),
        }
    }
}

#[test]
fn a_refusal_is_reported_at_once_and_what_is_sent_then_arrives() {
    let (refusing, address) = refusing();
    let mut program = connect(address).args(["-i", "20s"]).open_stdin().start();
    program.write_stdin(b"lost");
    program.stderr_line(&format!("{address}: closed: connection refused; sending goes on"));
    drop(refusing);
    let peer = UdpSocket::bind(address).unwrap();
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    program.write_stdin(b"found");
    let (received, from) = receive(&peer);
    assert_eq!(received, b"found");
    peer.send_to(b"answer", from).unwrap();
    program.until_stdout(b"answer");
    drop(program);
}

#[test]
fn while_stdin_is_open_only_i_ends_an_idle_session() {
    let (_peer, address) = peer();
    let program = connect(address).args(["-i", "50ms"]).open_stdin().start();
    program.wait().status(5).says(&["idle: nothing sent or received for 50 ms"]);
}

#[test]
fn echo_sends_every_datagram_back() {
    let server = listen(&["--echo"]);
    let (socket, _) = peer();
    let address = server.address();
    for size in [0, 1, 1400, 65_507] {
        let message = noise(size);
        socket.send_to(&message, address).unwrap();
        assert!(receive(&socket).0 == message, "{size} bytes");
    }
    server.stop();
}

#[test]
fn discard_drops_every_datagram() {
    let server = listen(&["--discard", "-i", "100ms", "-v"]);
    let ((socket, _), address) = (peer(), server.address());
    for message in [&b"one"[..], b"", b"three"] {
        socket.send_to(message, address).unwrap();
    }
    server.stderr_line("0 bytes sent, 8 bytes received");
    socket.set_nonblocking(true).unwrap();
    assert_eq!(socket.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    server.stop().stdout(b"");
}

#[test]
fn a_broker_sends_each_message_to_all_others() {
    let mut server = astream(["listen", "-u", "127.0.0.1", "0", "--broker"]).open_stdin().start();
    let address = server.address();
    let ((one, _), (two, _)) = (peer(), peer());
    one.send_to(b"one is here, ", address).unwrap();
    server.until_stdout(b"one is here, ");
    two.send_to(b"and two", address).unwrap();
    assert_eq!(receive(&one).0, b"and two");
    for message in [&b"hello"[..], b"", &noise(65_507)] {
        one.send_to(message, address).unwrap();
        assert!(receive(&two).0 == message, "{} bytes", message.len());
    }
    server.write_stdin(b"news");
    assert_eq!((receive(&one).0, receive(&two).0), (b"news".to_vec(), b"news".to_vec()));
    server.until_stdout(&[b"one is here, and twohello", &noise(65_507)[..]].concat());
    server.stop();
}

#[test]
fn a_relay_passes_datagrams_on() {
    let (target, address) = peer();
    let relay = listen(&["--forward", &address.to_string()]);
    let (client, _) = peer();
    client.send_to(b"ask", relay.address()).unwrap();
    let (received, from) = receive(&target);
    assert_eq!(received, b"ask");
    target.send_to(b"answer", from).unwrap();
    assert_eq!(receive(&client).0, b"answer");
}

#[test]
fn each_session_has_the_first_target_that_there_is_a_way_to_or_the_next_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let absent = format!("unix:{}", folder.path().join("absent").display());
    let [(one, to_one), (two, to_two)] = [(); 2].map(|()| peer());
    let targets = ["--forward", &absent, "--forward", &to_one.to_string(), "--forward", &to_two.to_string()];
    for (more, receivers) in [(&[][..], [&one, &one, &one, &one]), (&["--balance"], [&one, &one, &two, &one])]
    {
        let relay = listen(&[&targets[..], more].concat());
        let address = relay.address();
        for receiver in receivers {
            let (client, _) = peer();
            client.send_to(b"ask", address).unwrap();
            let (received, from) = receive(receiver);
            assert_eq!(received, b"ask");
            receiver.send_to(b"answer", from).unwrap();
            assert_eq!(receive(&client).0, b"answer");
        }
    }
    let relay = listen(&["--forward", &absent, "--forward", &absent]);
    let (client, _) = peer();
    client.send_to(b"ask", relay.address()).unwrap();
    relay.stderr_line(&format!("the target: cannot connect to {absent} or {absent}: "));
}

#[test]
fn a_bare_listener_prints_what_comes_from_anybody_and_answers_the_last_sender() {
    let mut server = astream(["listen", "-u", "127.0.0.1", "0"]).open_stdin().start();
    let address = server.address();
    let ((one, _), (other, _)) = (peer(), peer());
    one.send_to(b"one ", address).unwrap();
    server.until_stdout(b"one ");
    server.write_stdin(b"to one");
    assert_eq!(receive(&one).0, b"to one");
    other.send_to(b"other ", address).unwrap();
    server.until_stdout(b"one other ");
    server.write_stdin(b"to other");
    assert_eq!(receive(&other).0, b"to other");
    // Its end ends nothing.
    server.close_stdin();
    one.send_to(b"one", address).unwrap();
    server.until_stdout(b"one other one");
    server.stop();
}

#[test]
fn a_bare_listener_ends_when_nothing_comes_any_more() {
    let server = listen(&["-i", "2s"]);
    peer().0.send_to(b"last words", server.address()).unwrap();
    server.wait().status(0).stdout(b"last words");
    listen(&["-i", "20ms"]).wait().status(5);
}

#[test]
fn an_idle_session_ends_without_a_word_and_the_server_goes_on() {
    let server = listen(&["--echo", "-i", "30ms", "--json"]);
    let address = server.address_in_json();
    let (socket, own) = peer();
    for _ in 0..2 {
        socket.send_to(b"x", address).unwrap();
        assert_eq!(receive(&socket).0, b"x");
        let line = server.stderr_line("\"closed\"");
        let expected = format!("\"peer\":\"{own}\",\"target\":null,\"sent\":1,\"received\":1,");
        assert!(line.contains(&expected) && line.ends_with("\"error\":null}"), "{line}");
    }
}

#[test]
fn a_newcomer_takes_the_place_of_an_idle_session() {
    let server = listen(&["--echo", "-m", "1", "--json"]);
    let address = server.address_in_json();
    let ((one, own), (other, _)) = (peer(), peer());
    for socket in [&one, &other] {
        socket.send_to(b"x", address).unwrap();
        receive(socket);
    }
    let line = server.stderr_line("\"closed\"");
    assert!(line.contains(&own.to_string()) && line.contains("a newer session took the place"), "{line}");
}

#[test]
fn a_flood_of_sources_costs_bounded_memory() {
    let server = listen(&["--echo", "-m", "64"]);
    let address = server.address();
    for _ in 0..3000 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[0; 1000], address).unwrap();
    }
    let (socket, _) = peer();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    // The system may have no room for it yet.
    while socket.recv(&mut [0; 10]).is_err() {
        socket.send_to(b"still here", address).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 40 * 1024, "{peak} kB");
}

#[test]
fn a_log_socket_takes_what_is_sent_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = format!("unix:{}", path.display());
    astream(["connect", &address, "-u", "--send-only"]).input("<13>hello").run().status(0).silent();
    let mut buffer = [0; 100];
    let n = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"<13>hello");
    drop(socket);
    let said = astream(["connect", &address, "-u"]).input("x").run().status(4);
    said.says(&["cannot connect to unix:", "connection refused"]);
}

#[test]
fn datagrams_of_unix_sockets_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("socket").display());
    let server = astream(["listen", "-u", &address, "--echo"]).start();
    server.stderr_line("listening on");
    let said = astream(["connect", "-u", &address]).input("hello").run();
    said.status(0).silent().stdout(b"hello");
}

#[test]
fn a_probe_says_open_closed_or_no_answer() {
    let server = listen(&["--echo"]);
    let open = server.address();
    let probe = |address: SocketAddr, status, words: &str| {
        let said = connect(address).args(["-z", "-w", "200ms"]).run().status(status).silent();
        let line = String::from_utf8(said.stdout.clone()).unwrap();
        assert!(line.starts_with(&format!("{address}: {words}, ")), "{line}");
        assert!(line.ends_with(" ms\n"), "{line}");
    };
    probe(open, 0, "open");
    let (_refusing, closed) = refusing();
    probe(closed, 4, "closed");
    let (socket, silent) = peer();
    probe(silent, 5, "no answer: open or filtered");
    assert_eq!(receive(&socket).0, b"", "it sends nothing but an empty message");
}

#[test]
fn what_makes_no_sense_with_datagrams_is_refused() {
    for (args, expected) in [
        (&["connect", "-u", "127.0.0.1:9", "--tls"][..], "TLS over datagrams (DTLS) is not supported"),
        (&["connect", "-u", "127.0.0.1:9", "--starttls", "smtp"], "TLS over datagrams"),
        (&["connect", "-u", "127.0.0.1:9", "--show-certs"], "TLS over datagrams"),
        (&["listen", "-u", "127.0.0.1:0", "--tls"], "TLS over datagrams"),
        (&["listen", "-u", "127.0.0.1:0", "--forward", "127.0.0.1:9", "--forward-tls"], "TLS over datagrams"),
        (
            &["connect", "-u", "127.0.0.1:9", "-x", "socks5://127.0.0.1:9"],
            "'--udp' cannot be used with '--proxy",
        ),
        (&["connect", "-u", "127.0.0.1:9", "--no-shutdown"], "cannot be used with"),
        (&["connect", "-u", "127.0.0.1:9", "--retry-for", "1s"], "cannot be used with"),
        (&["connect", "127.0.0.1:9", "--broadcast"], "--udp"),
        (&["listen", "-u", "127.0.0.1:0", "--once"], "cannot be used with"),
        (&["listen", "-u", "127.0.0.1:0", "--max-conns-per-ip", "5"], "cannot be used with"),
        (&["listen", "-u", "127.0.0.1:0", "-m", "0"], "0"),
    ] {
        astream(args).run().status(2).stdout(b"").says(&[expected]);
    }
}

#[test]
fn the_address_of_all_machines_needs_its_option() {
    let said = astream(["connect", "-u", "255.255.255.255", "9"]).input("x").run().status(4);
    said.says(&["permission denied (--broadcast allows"]);
}

#[test]
fn a_terminal_sends_a_line_in_each_datagram() {
    let (peer, address) = peer();
    let mut terminal = support::pty::terminal();
    let program = connect(address).stdin(terminal.end()).start();
    terminal.type_text(b"one\ntwo\n");
    assert_eq!(receive(&peer).0, b"one\n");
    assert_eq!(receive(&peer).0, b"two\n");
    terminal.type_text(b"\x04");
    program.wait().status(0).silent();
}

#[test]
fn a_group_is_joined_by_the_interface_that_is_named() {
    let server = astream(["listen", "-u", "239.255.77.78:0", "-s", "%lo", "--echo"]).start();
    let group = server.address();
    let program = connect(group).args(["-s", "%lo"]).input("all of you").start();
    program.wait().status(0).silent().stdout(b"all of you");
}
