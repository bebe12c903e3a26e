//! `astream connect` on plain sockets: every byte, the right status, and never a hang.

mod support;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::peer::{black_hole, exchange, peer, read_all, refusing, reset};
use support::{Program, astream, noise};

const MIB: usize = 1 << 20;

#[test]
fn what_stdin_gives_arrives_and_what_the_peer_gives_is_printed() {
    let server = peer(|mut stream| {
        let got = read_all(&mut stream);
        stream.write_all(b"answer\n").unwrap();
        got
    });
    let sent = noise(5_000_000);
    astream(["connect", "127.0.0.1", &server.port()])
        .input(sent.clone())
        .run()
        .status(0)
        .stdout(b"answer\n")
        .silent();
    assert!(server.join() == sent);
}

#[test]
fn a_server_that_answers_nothing_is_a_hint_for_those_who_want_to_know() {
    for (more, is_reported) in [(&[][..], false), (&["-v"], true), (&["-v", "--send-only"], false)] {
        let server = peer(|mut stream| read_all(&mut stream));
        let said = astream(["connect", "127.0.0.1", &server.port()]).args(more).input("q").run().status(0);
        assert_eq!(said.stderr.contains("--no-shutdown"), is_reported, "{}", said.description());
    }
}

#[test]
fn sixty_four_mib_both_ways_at_once_arrive() {
    let data = noise(64 * MIB);
    let (there, back) = (data.clone(), data.clone());
    let server = peer(move |stream| exchange(stream, back));
    astream(["connect", "127.0.0.1", &server.port()]).input(there).run().status(0).stdout(&data);
    assert!(server.join() == data);
}

#[test]
fn a_peer_that_ends_first_still_gets_all_of_a_slow_stdin() {
    let (ended, peer_has_ended) = channel();
    let server = peer(move |mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        ended.send(()).unwrap();
        read_all(&mut stream)
    });
    let mut client = astream(["connect", "127.0.0.1", &server.port()]).open_stdin().start();
    peer_has_ended.recv().unwrap();
    let sent = noise(2 * MIB);
    for chunk in sent.chunks(100_000) {
        client.write_stdin(chunk);
    }
    client.close_stdin();
    client.wait().status(0).stdout(b"bye").silent();
    assert!(server.join() == sent);
}

#[test]
fn an_answer_that_comes_long_after_our_end_is_printed_whole() {
    let answer = noise(20 * MIB);
    let sent = answer.clone();
    let server = peer(move |mut stream| {
        assert_eq!(read_all(&mut stream), b"question");
        // The delay is what is tested.
        thread::park_timeout(Duration::from_secs(2));
        stream.write_all(&sent).unwrap();
    });
    astream(["connect", "127.0.0.1", &server.port()]).input("question").run().status(0).stdout(&answer);
    server.join();
}

#[test]
fn the_end_of_stdin_is_not_passed_on_with_no_shutdown() {
    let server = peer(|mut stream| {
        let mut got = [0; 3];
        stream.read_exact(&mut got).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let next = stream.read(&mut [0]);
        assert!(next.is_err(), "something came after the data: {next:?}");
        got
    });
    astream(["connect", "127.0.0.1", &server.port(), "--no-shutdown"]).input("abc").run().status(0);
    assert_eq!(&server.join(), b"abc");
}

#[test]
fn a_reset_is_reported_after_the_data_before_it() {
    let server = peer(|mut stream| {
        stream.write_all(b"some data").unwrap();
        // The client has it when it says so.
        stream.read_exact(&mut [0]).unwrap();
        reset(stream);
    });
    let mut client = astream(["connect", "127.0.0.1", &server.port()]).open_stdin().start();
    client.until_stdout(b"some data");
    client.write_stdin(b"x");
    server.join();
    client.wait().status(1).stdout(b"some data").says(&["connection reset"]);
}

#[test]
fn a_reset_without_a_byte_before_it_is_never_an_end() {
    for more in [&[][..], &["--send-only"], &["-i", "1m"], &["-C"]] {
        let server = peer(|mut stream| {
            stream.read_exact(&mut [0]).unwrap();
            reset(stream);
        });
        let client = astream(["connect", "127.0.0.1", &server.port()]).args(more).input("x").run();
        client.status(1).stdout(b"").says(&["connection reset"]);
    }
}

#[test]
fn a_reset_after_the_peers_end_is_noticed_while_stdin_is_silent() {
    for more in [&[][..], &["--send-only"]] {
        let (go, gone) = channel::<()>();
        let server = peer(move |mut stream| {
            stream.read_exact(&mut [0]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            gone.recv().unwrap();
            reset(stream);
        });
        let (shown, stdout) = std::io::pipe().unwrap();
        let connect = astream(["connect", "127.0.0.1", &server.port()]).args(more);
        let mut client = connect.stdout(stdout).open_stdin().start();
        client.write_stdin(b"x");
        if more.is_empty() {
            assert_eq!(read_all(&mut &shown), b"", "the peer's end has been read");
        }
        go.send(()).unwrap();
        client.wait().status(1).says(&["connection lost", "reset"]);
    }
}

#[test]
fn send_only_reads_what_comes_so_that_closing_resets_nothing() {
    let sent = noise(5_000_000);
    let server = peer(|mut stream| {
        stream.write_all(&noise(100_000)).unwrap();
        let mut got = Vec::new();
        let mut chunk = [0; 10_000];
        loop {
            match stream.read(&mut chunk).unwrap() {
                0 => break got,
                n => got.extend_from_slice(&chunk[..n]),
            }
        }
    });
    astream(["connect", "127.0.0.1", &server.port(), "--send-only"])
        .input(sent.clone())
        .run()
        .status(0)
        .stdout(b"");
    assert!(server.join() == sent);
}

#[test]
fn recv_only_leaves_stdin_alone() {
    let server = peer(|mut stream| {
        stream.write_all(b"data").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream)
    });
    let (reader, writer) = std::io::pipe().unwrap();
    (&writer).write_all(b"not yours").unwrap();
    drop(writer);
    astream(["connect", "127.0.0.1", &server.port(), "--recv-only"])
        .stdin(reader.try_clone().unwrap())
        .run()
        .status(0)
        .stdout(b"data");
    assert_eq!(server.join(), b"");
    assert_eq!(read_all(&mut &reader), b"not yours");
}

#[test]
fn exit_on_close_leaves_with_the_peer() {
    let server = peer(drop);
    let client = astream(["connect", "127.0.0.1", &server.port(), "--exit-on-close"]).open_stdin().start();
    client.wait().status(0);
}

#[test]
fn exit_on_close_with_input_undelivered_is_status_1() {
    let (stuck, is_stuck) = channel();
    let (stop, stopped) = channel::<()>();
    let server = peer(move |stream| {
        is_stuck.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stopped.recv().map_err(drop)
    });
    let (stdin, typed) = std::io::pipe().unwrap();
    let client = astream(["connect", "127.0.0.1", &server.port(), "--exit-on-close"]).stdin(stdin).start();
    fill(&typed);
    stuck.send(()).unwrap();
    client.wait().status(1).says(&["before all input was written"]);
    stop.send(()).unwrap();
    server.join().unwrap();
}

/// Writes until nothing more is taken for a while.
fn fill(pipe: &std::io::PipeWriter) {
    rustix::io::ioctl_fionbio(pipe, true).unwrap();
    let mut refusals = 0;
    while refusals < 20 {
        if rustix::io::write(pipe, &[7; 4096]).is_ok() {
            refusals = 0;
        } else {
            refusals += 1;
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

#[test]
fn crlf_is_sent_for_lf_once() {
    let server = peer(|mut stream| read_all(&mut stream));
    let mut client = astream(["connect", "127.0.0.1", &server.port(), "-C"]).open_stdin().start();
    client.write_stdin(b"lf\n crlf\r\n cr\r");
    client.write_stdin(b"\nend");
    client.close_stdin();
    client.wait().status(0);
    assert_eq!(server.join(), b"lf\r\n crlf\r\n cr\r\nend");
}

#[test]
fn nothing_either_way_for_the_idle_timeout_is_status_5() {
    let server = peer(|mut stream| stream.read(&mut [0]));
    let client = astream(["connect", "127.0.0.1", &server.port(), "-i", "200ms"]).open_stdin().start();
    client.wait().status(5).says(&["idle", "200 ms", "-i"]);
}

#[test]
fn what_has_arrived_while_the_program_was_stopped_comes_before_the_idle_timeout() {
    for _ in 0..2 {
        let (go, gone) = channel::<()>();
        let server = peer(move |mut stream| {
            stream.write_all(b"early").unwrap();
            gone.recv().unwrap();
            stream.write_all(b"late").unwrap();
            let _ = gone.recv();
        });
        let args = ["connect", "127.0.0.1", &server.port(), "-i", "1s", "--no-shutdown"];
        let client = astream(args).open_stdin().start();
        client.until_stdout(b"early");
        client.signal(Signal::STOP);
        go.send(()).unwrap();
        // Longer than the timeout: that is what is tested.
        thread::park_timeout(Duration::from_millis(1100));
        client.signal(Signal::CONT);
        client.until_stdout(b"earlylate");
        drop((client, go));
    }
}

#[test]
fn the_idle_timeout_does_not_run_while_only_our_own_input_is_waited_for() {
    for more in [&["--send-only"][..], &[]] {
        let server = peer(|mut stream| {
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&mut stream)
        });
        let args = ["connect", "127.0.0.1", &server.port(), "-i", "1s"];
        let mut client = astream(args).args(more).open_stdin().start();
        client.write_stdin(b"one, ");
        // Longer than the timeout: that is what is tested.
        thread::park_timeout(Duration::from_millis(1500));
        client.write_stdin(b"two");
        client.close_stdin();
        client.wait().status(0);
        assert_eq!(server.join(), b"one, two");
    }
}

#[test]
fn a_limit_of_0_is_no_limit() {
    let server = peer(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        // Longer than no time at all: that is what is tested.
        thread::park_timeout(Duration::from_millis(200));
        stream.write_all(b"late").unwrap();
    });
    let args = ["connect", "127.0.0.1", &server.port(), "-w", "0", "-i", "0s"];
    astream(args).input("x").run().status(0).stdout(b"late").silent();
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "-w", "0", "-i", "0"]).input("x").start();
    let address = listener.address().to_string();
    let pin = listener.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
    astream(["connect", &address, "--tls", "--pin", &pin, "-w", "0"]).run().status(0).stdout(b"x").silent();
    listener.wait().status(0);
}

#[test]
fn a_silent_open_stdin_does_not_delay_the_exit() {
    let server = peer(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        reset(stream);
    });
    let mut client = astream(["connect", "127.0.0.1", &server.port()]).open_stdin().start();
    client.write_stdin(b"x");
    client.wait().status(1);
}

#[test]
fn a_refused_connection_is_status_4_and_names_the_address() {
    let (_socket, address) = refusing();
    let text = address.to_string();
    astream(["connect", &text]).run().status(4).says(&["cannot connect", &text, "connection refused"]);
}

#[test]
fn a_connection_that_is_not_answered_is_status_5_after_the_timeout() {
    let hole = black_hole("127.0.0.1");
    let start = Instant::now();
    let text = hole.address.to_string();
    astream(["connect", &text, "-w", "0.5"]).run().status(5).says(&["connecting to", &text, "500 ms", "-w"]);
    assert!(start.elapsed() >= Duration::from_millis(500));
}

#[test]
fn every_form_of_an_address_connects() {
    let server = peer(|mut stream| stream.write_all(b"one word").unwrap());
    astream(["connect", &server.address.to_string()]).run().status(0).stdout(b"one word");
    let server = peer(|mut stream| stream.write_all(b"a name").unwrap());
    astream(["connect", "-4", "localhost", &server.port()]).run().status(0).stdout(b"a name");
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let port = listener.local_addr().unwrap().port().to_string();
    for words in [
        vec!["[::1]".to_owned(), port.clone()],
        vec!["::1".to_owned(), port.clone()],
        vec![format!("[::1]:{port}")],
    ] {
        let client = astream(std::iter::once("connect".to_owned()).chain(words)).start();
        let (stream, _) = listener.accept().unwrap();
        drop(stream);
        client.wait().status(0);
    }
}

#[test]
fn unix_sockets_are_connected_to_by_path_and_by_abstract_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let got = read_all(&mut stream);
        stream.write_all(b"back").unwrap();
        got
    });
    let sent = noise(3 * MIB);
    astream(["connect", &format!("unix:{}", path.display())])
        .input(sent.clone())
        .run()
        .status(0)
        .stdout(b"back");
    assert!(server.join().unwrap() == sent);

    let mut odd = OsString::from("unix:");
    odd.push(folder.path());
    odd.push(OsStr::from_bytes(b"/\xff\n\x1b"));
    let listener = astream([OsStr::new("listen"), &odd]).input("odd").start();
    listener.stderr_line("/\\xff\\n\\u{1b}");
    let client = astream([OsStr::new("connect"), &odd, OsStr::new("-v")]).run().status(0).stdout(b"odd");
    assert!(client.stderr.lines().all(|line| line.starts_with("astream: ")), "{}", client.description());
    let client = astream([OsStr::new("connect"), &odd]).run().status(4);
    client.says(&["/\\xff\\n\\u{1b}: no such file"]);
    listener.wait().status(0);

    let name = format!("astream-test-{}", std::process::id());
    let listener = astream(["listen", &format!("unix:@{name}")]).input("hello").start();
    listener.stderr_line(&format!("listening on unix:@{name}"));
    astream(["connect", &format!("unix:@{name}")]).input("").run().status(0).stdout(b"hello");
    listener.wait().status(0);
}

#[test]
fn sigterm_ends_it_with_128_and_the_signal() {
    let (connected, is_connected) = channel();
    let server = peer(move |mut stream| {
        connected.send(()).unwrap();
        stream.read(&mut [0]).map_err(drop)
    });
    let client = astream(["connect", "127.0.0.1", &server.port()]).open_stdin().start();
    is_connected.recv().unwrap();
    client.signal(Signal::TERM);
    client.wait().status(128 + 15).silent();
}

/// A fatal alert of TLS, before anything is encrypted: `decode_error`.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

/// What a plain client says of a peer that answers so, whatever stdout is, or without one.
fn messages_about(answer: &'static [u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(folder.path().join("answer")).unwrap();
    let ask = |client: fn(Program) -> Program| {
        let server = peer(move |mut stream| {
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(answer).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&mut stream);
        });
        client(astream(["connect", "127.0.0.1", &server.port()]).input("question"))
    };
    // What was sent has not been understood where the answer is an alert.
    let status = if answer == ALERT { 6 } else { 0 };
    let to_pipe = ask(|client| client).run().status(status).stdout(answer);
    let to_file = ask(|client| client).stdout(file).run().status(status);
    let by_streams = ask(|client| client.args(["-C"])).run().status(status).stdout(answer);
    let to_nobody = ask(|client| client.args(["--send-only"])).run().status(status).stdout(b"");
    [to_pipe, to_file, by_streams, to_nobody].map(|said| said.stderr).into()
}

#[test]
fn a_peer_that_answers_with_a_tls_alert_is_said_to_speak_tls() {
    for text in messages_about(&ALERT) {
        assert!(text.ends_with("answered with a TLS alert: the peer speaks TLS (--tls)\n"), "{text:?}");
        assert_eq!(text.lines().count(), 1);
    }
    for other in
        [&b"answer\n"[..], &[21, 3, 3, 0, 2, 2], &[21, 3, 3, 0, 2, 2, 50, 0], b"7 bytes\n\x15\x03\x03"]
    {
        assert!(messages_about(other).iter().all(String::is_empty));
    }
    // As it really is.
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).start();
    let client = astream(["connect", &server.address().to_string()]).input("GET / HTTP/1.0\r\n\r\n").run();
    assert!(client.stderr.contains("the peer speaks TLS (--tls)"), "{}", client.description());
}
