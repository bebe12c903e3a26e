//! `--max-time` ends a connection however busy it is, and `--first-client` a listener to which nobody comes.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use support::certs::{arg, authority};
use support::peer::{peer, pipe, reset};
use support::{DEADLINE, Program, astream};

/// Long enough to be connected, on a machine with much to do.
const LIMIT: &str = "500ms";

const TIMED_OUT: &str = "the connection: timed out after 500 ms";

/// With the kernel's short cuts, and without.
fn both_ways(program: impl Fn() -> Program) -> [Program; 2] {
    [program(), program().env("ASTREAM_NO_SPLICE", "1")]
}

/// Says something again and again until the connection is reset. What it is sent is read.
fn chat(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
        if stream.write_all(b"still here\n").is_err() {
            return true;
        }
    }
}

#[test]
fn a_busy_client_ends_with_status_5_and_its_peer_sees_a_reset() {
    for program in both_ways(|| astream(["connect"])) {
        let server = peer(chat);
        let client = program.args([&server.address.to_string(), "--max-time", LIMIT]).open_stdin().start();
        let finished = client.wait().status(5);
        let hint = "(--max-time TIME allows more)";
        assert!(finished.stderr.contains(&format!("{TIMED_OUT} {hint}")), "{}", finished.description());
        assert!(server.join(), "a clean end");
    }
}

#[test]
fn a_stdout_that_is_stuck_does_not_stop_that_clock() {
    for program in both_ways(|| astream(["connect"])) {
        let server = peer(|mut stream| while stream.write_all(&[7; 4096]).is_ok() {});
        let (_reader, writer) = pipe();
        let args = [&server.address.to_string(), "--max-time", LIMIT];
        let client = program.args(args).open_stdin().stdout(writer).start();
        client.wait().status(5).says(&[TIMED_OUT]);
        server.join();
    }
}

#[test]
fn a_one_shot_listener_ends_with_status_5() {
    for program in both_ways(|| astream(["listen", "127.0.0.1", "0", "--max-time", LIMIT])) {
        let listener = program.open_stdin().start();
        assert!(chat(TcpStream::connect(listener.address()).unwrap()), "a clean end");
        let finished = listener.wait().status(5);
        assert!(finished.stderr.contains(TIMED_OUT), "{}", finished.description());
    }
}

#[test]
fn a_server_ends_that_connection_only_whatever_it_does() {
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let target = echo.address().to_string();
    for more in
        [&["--echo"][..], &["--discard"], &["--broker"], &["-k"], &["--forward", &target], &["--", "cat"]]
    {
        for program in both_ways(|| astream(["listen", "127.0.0.1", "0", "--max-time", LIMIT])) {
            let listener = program.args(more).open_stdin().start();
            let address = listener.address();
            for _ in 0..2 {
                let client = TcpStream::connect(address).unwrap();
                let name = client.local_addr().unwrap();
                assert!(chat(client), "{more:?}: a clean end");
                listener.stderr_line(&format!("{name}: {TIMED_OUT}"));
            }
            listener.stop();
        }
    }
}

#[test]
fn a_client_that_sends_nothing_and_reads_nothing_is_ended_too() {
    for more in ["--echo", "--broker"] {
        let listener = astream(["listen", "127.0.0.1", "0", "--max-time", LIMIT, more]).start();
        let address = listener.address();
        let silent = TcpStream::connect(address).unwrap();
        let mut stuck = TcpStream::connect(address).unwrap();
        stuck.set_nonblocking(true).unwrap();
        while stuck.write(&[7; 4096]).is_ok() {}
        stuck.set_nonblocking(false).unwrap();
        for mut client in [silent, stuck] {
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            assert!(client.read_to_end(&mut Vec::new()).is_err(), "{more}: a clean end");
        }
    }
}

#[test]
fn under_tls_it_is_the_same() {
    let authority = authority();
    let own = authority.localhost();
    for program in both_ways(|| astream(["connect", "--max-time", LIMIT])) {
        let args = ["--echo", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
        let listener = astream(["listen", "127.0.0.1", "0"]).args(args).start();
        let address = listener.address().to_string();
        let client = program.args([&address, "--tls", "--cacert", arg(&authority.ca)]).open_stdin().start();
        let finished = client.wait().status(5);
        assert!(finished.stderr.contains(TIMED_OUT), "{}", finished.description());
        listener.stderr_line("close_notify");
    }
}

#[test]
fn what_is_done_in_time_is_not_affected() {
    for limit in ["1h", "0"] {
        let server = peer(|mut stream| support::peer::read_all(&mut stream));
        let args = ["connect", &server.address.to_string(), "--max-time", limit];
        astream(args).input("in time").run().status(0);
        assert_eq!(server.join(), b"in time");
    }
}

#[tokio::test]
async fn calls_of_the_library_get_the_error_that_names_the_whole() {
    use astream::{ConnectOptions, Error, Step, open_connection_over};

    let (one, _other) = tokio::net::UnixStream::pair().unwrap();
    let options = ConnectOptions::new().max_time(Duration::from_millis(20));
    let (mut reader, writer) = open_connection_over(one, &options).await.unwrap();
    writer.write(&vec![7; 10 << 20]);
    let whole = |error| matches!(error, Error::Timeout { step: Step::Connection, .. });
    assert!(whole(writer.drain().await.unwrap_err()));
    assert!(whole(reader.read(1).await.unwrap_err()));
    assert!(whole(writer.wait_closed().await.unwrap_err()));
}

#[test]
fn a_listener_to_which_nobody_comes_ends_with_status_5() {
    for more in [&[][..], &["--echo", "--once"]] {
        let listener = astream(["listen", "127.0.0.1", "0", "--first-client", "300ms"]).args(more);
        let listener = listener.open_stdin().start();
        // One that is reset without a byte is nobody, and so is one that says nothing.
        reset(TcpStream::connect(listener.address()).unwrap());
        listener.stderr_line("listening goes on");
        let finished = listener.wait().status(5);
        let expected = "waiting for a client: timed out after 300 ms (--first-client TIME waits longer)";
        assert!(finished.stderr.contains(expected), "{}", finished.description());
    }
}

#[test]
fn a_client_that_has_come_has_all_the_time() {
    let mut listener = astream(["listen", "127.0.0.1", "0", "--first-client", "1s"]).open_stdin().start();
    let mut client = TcpStream::connect(listener.address()).unwrap();
    client.write_all(b"here").unwrap();
    listener.until_stdout(b"here");
    // Here the limit itself is tested.
    thread::sleep(Duration::from_millis(1200));
    client.write_all(b" still").unwrap();
    drop(client);
    listener.close_stdin();
    listener.wait().status(0).stdout(b"here still");
}
