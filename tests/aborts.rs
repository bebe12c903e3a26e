//! A failure is visible to the peer: a stream that was cut short never looks complete at the other end.

mod support;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use support::peer::peer;
use support::{Running, astream, noise};

const MIB: usize = 1 << 20;

fn connect(listener: &Running, more: &[&str]) -> support::Program {
    astream(["connect", &listener.address().to_string()]).args(more)
}

#[test]
fn a_receiver_whose_disk_is_full_fails_its_sender_too() {
    for no_splice in [false, true] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut listener = astream(["listen", "127.0.0.1", "0"]).stdout(full);
        if no_splice {
            listener = listener.env("ASTREAM_NO_SPLICE", "1");
        }
        let listener = listener.start();
        let mut client = connect(&listener, &[]).open_stdin().start();
        client.write_stdin(b"some");
        listener.wait().status(2);
        client.close_stdin();
        assert_eq!(client.wait().code(), 1);
    }
}

#[test]
fn a_sender_that_cannot_read_its_stdin_fails_its_receiver_too() {
    for no_splice in [false, true] {
        let listener = astream(["listen", "127.0.0.1", "0"]).start();
        let mut client = connect(&listener, &[]).stdin(File::open("/").unwrap());
        if no_splice {
            client = client.env("ASTREAM_NO_SPLICE", "1");
        }
        client.run().status(2);
        // No byte has come from it, so it does not count, and neither does it look like a sender of
        // everything.
        listener.stderr_line("the connection was reset before it was used");
    }
    let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).start();
    let address = listener.address().to_string();
    let pin = listener.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
    astream(["connect", &address, "--tls", "--pin", &pin]).stdin(File::open("/").unwrap()).run().status(2);
    listener.wait().status(7);
}

#[test]
fn a_sender_that_is_killed_in_the_middle_fails_its_receiver() {
    for no_splice in [false, true] {
        for signal in [Signal::KILL, Signal::TERM] {
            let mut listener = astream(["listen", "127.0.0.1", "0"]);
            if no_splice {
                listener = listener.env("ASTREAM_NO_SPLICE", "1");
            }
            let listener = listener.start();
            let mut client = connect(&listener, &[]).open_stdin().start();
            client.write_stdin(b"some\n");
            listener.stdout_line("some");
            client.signal(signal);
            let finished = listener.wait().status(1);
            assert!(finished.stderr.contains("connection reset"), "{}", finished.description());
        }
    }
}

#[test]
fn a_listener_that_is_killed_in_the_middle_fails_its_receiver() {
    for more in [&[][..], &["--echo"], &["-k"]] {
        let mut listener = astream(["listen", "127.0.0.1", "0"]).args(more).open_stdin().start();
        let mut client = connect(&listener, &[]).open_stdin().start();
        client.write_stdin(b"some\n");
        if more == ["--echo"] {
            client.stdout_line("some");
        } else {
            listener.write_stdin(b"other\n");
            client.stdout_line("other");
        }
        listener.signal(Signal::KILL);
        client.wait().status(1).says(&["reset"]);
    }
}

#[test]
fn a_sender_that_is_killed_after_its_end_has_sent_everything() {
    let data = noise(MIB);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut listener = astream(["listen", "127.0.0.1", "0"]).open_stdin().stdout(writer).start();
    let mut client = connect(&listener, &[]).open_stdin().start();
    client.until_thread("stdin", true);
    // The pipe is not read yet: most of the data is in the sockets when the client has no more to do.
    client.write_stdin(&data);
    client.close_stdin();
    client.until_thread("stdin", false);
    client.signal(Signal::KILL);
    assert_eq!(client.wait().code(), 128 + 9);
    let mut got = Vec::new();
    (&reader).read_to_end(&mut got).unwrap();
    assert!(got == data);
    listener.close_stdin();
    listener.wait().status(0);
}

#[test]
fn a_second_client_of_a_one_shot_listener_sees_no_clean_end() {
    let listener = astream(["listen", "127.0.0.1", "0"]).open_stdin().start();
    let address = listener.address();
    // Stopped, so that both are waiting when it goes on.
    listener.signal(Signal::STOP);
    let first = TcpStream::connect(address).unwrap();
    let mut second = astream(["connect", &address.to_string()]).open_stdin().start();
    second.write_stdin(b"unheard");
    second.close_stdin();
    listener.signal(Signal::CONT);
    assert_ne!(second.wait().code(), 0);
    drop(first);
}

/// The peer of a handshake that does not end: what it gets without TLS, and how that ends.
fn half_a_handshake(mut peer: TcpStream, words: &[u8], then: impl FnOnce()) -> std::io::Error {
    peer.write_all(words).unwrap();
    let mut first = [0];
    if words.is_empty() {
        peer.read_exact(&mut first).unwrap();
    }
    then();
    peer.read_to_end(&mut Vec::new()).unwrap_err()
}

#[test]
fn a_handshake_that_is_given_up_is_no_clean_end_to_a_peer_without_tls() {
    let silent = peer(|stream| half_a_handshake(stream, b"", || ()).kind());
    astream(["connect", "127.0.0.1", &silent.port(), "--tls", "-w", "300ms"]).run().status(5);
    assert_eq!(silent.join(), ErrorKind::ConnectionReset);
    let other = peer(|stream| half_a_handshake(stream, b"SSH-2.0-other\r\n", || ()).kind());
    astream(["connect", "127.0.0.1", &other.port(), "--tls"]).run().status(6);
    assert_eq!(other.join(), ErrorKind::ConnectionReset);
    let silent = peer(|stream| half_a_handshake(stream, b"220 hi\r\n", || ()).kind());
    let mail = ["connect", "127.0.0.1", &silent.port(), "--starttls", "smtp", "-w", "300ms"];
    astream(mail).run().status(5);
    assert_eq!(silent.join(), ErrorKind::ConnectionReset);
    let silent = peer(|stream| half_a_handshake(stream, b"", || ()).kind());
    let proxy = format!("socks5://127.0.0.1:{}", silent.port());
    astream(["connect", "192.0.2.1", "9", "-x", &proxy, "-w", "300ms"]).run().status(5);
    assert_eq!(silent.join(), ErrorKind::ConnectionReset);
    let (pids, pid) = std::sync::mpsc::channel();
    let killed = peer(move |stream| {
        let kill = || rustix::process::kill_process(pid.recv().unwrap(), Signal::KILL).unwrap();
        half_a_handshake(stream, b"", kill).kind()
    });
    let client = astream(["connect", "127.0.0.1", &killed.port(), "--tls"]).start();
    pids.send(client.pid()).unwrap();
    assert_eq!(killed.join(), ErrorKind::ConnectionReset);
    client.wait();
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "-w", "100ms", "-k"]).open_stdin().start();
    let mut client = TcpStream::connect(listener.address()).unwrap();
    let end = client.read(&mut [0]);
    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_receiver_without_tls_is_warned_of_a_sender_with_it() {
    for no_splice in [false, true] {
        let mut listener = astream(["listen", "127.0.0.1", "0"]);
        if no_splice {
            listener = listener.env("ASTREAM_NO_SPLICE", "1");
        }
        let listener = listener.start();
        connect(&listener, &["--tls", "-w", "300ms"]).run().status(5);
        let finished = listener.wait().status(1);
        let said = &finished.stderr;
        assert!(
            said.contains("began a TLS handshake") && said.contains("(--tls)"),
            "{}",
            finished.description()
        );
    }
    let listener = astream(["listen", "127.0.0.1", "0", "-k"]).start();
    connect(&listener, &["--tls", "-w", "300ms"]).run().status(5);
    listener.stderr_line("began a TLS handshake");
    // A relay and a command may have to do with TLS themselves.
    let listener = astream(["listen", "127.0.0.1", "0", "--once", "--discard"]).start();
    connect(&listener, &["--tls", "-w", "300ms"]).run().status(5);
    assert!(!listener.wait().stderr.contains("--tls"));
}

#[test]
fn a_server_that_is_stopped_before_it_has_written_all_fails_its_client() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = astream(["listen", "127.0.0.1", "0", "-k", "--grace", "100ms"]).stdout(writer).start();
    let client = connect(&server, &[]).input(noise(300_000)).start();
    // The pipe is full, and the server has more.
    (&reader).read_exact(&mut [0]).unwrap();
    server.stop();
    assert_eq!(client.wait().code(), 1);
    drop(reader);
}

#[test]
fn a_client_that_is_dropped_for_falling_behind_fails() {
    let (stdin, typed) = std::io::pipe().unwrap();
    let server = astream(["listen", "127.0.0.1", "0", "-k"]).stdin(stdin).start();
    let address = server.address();
    let mut stuck = astream(["connect", &address.to_string()]).open_stdin().start();
    stuck.write_stdin(b"here\n");
    server.stdout_line("here");
    // The system takes no more for it than for the other client.
    stuck.signal(Signal::STOP);
    let mut good = TcpStream::connect(address).unwrap();
    good.write_all(b"here\n").unwrap();
    server.stdout_line("here");
    // Piece by piece, so that the good one is never behind, however busy the machine is.
    let mut piece = noise(64 * 1024);
    for _ in 0..64 * MIB / piece.len() {
        (&typed).write_all(&piece).unwrap();
        good.read_exact(&mut piece).unwrap();
    }
    server.stderr_line("fell behind");
    stuck.signal(Signal::CONT);
    assert_eq!(stuck.wait().code(), 1);
}
