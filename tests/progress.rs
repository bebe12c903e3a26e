//! `--progress`: how much has moved, how fast, and how long the rest takes.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc::channel;

use support::peer::{peer, read_all};
use support::pty::terminal;
use support::{astream, noise};

const LENGTH: usize = 3 << 20;

/// A file with so many bytes.
fn file(length: usize) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&noise(length)).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file
}

#[test]
fn a_file_is_sent_by_the_kernel_and_its_last_line_says_that_all_is_sent() {
    let server = peer(|mut stream| read_all(&mut stream));
    let address = server.address.to_string();
    let ended = astream(["connect", &address, "--progress", "-vv"]).stdin(file(LENGTH)).run().status(0);
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("; 0:")).collect();
    let [line] = lines[..] else { panic!("one line of progress: {}", ended.stderr) };
    assert!(line.starts_with("astream: 3.00 MiB sent, ") && line.ends_with("; 100%"), "{line}");
    assert!(ended.stderr.contains("by sendfile"), "{}", ended.stderr);
    assert!(ended.stderr.contains("bytes received in ") && ended.stderr.contains(" s, mean "));
    assert!(server.join() == noise(LENGTH));
}

#[test]
fn what_was_read_of_a_file_before_is_not_to_be_sent() {
    let server = peer(|mut stream| read_all(&mut stream));
    let mut file = file(LENGTH);
    file.read_exact(&mut vec![0; LENGTH / 2]).unwrap();
    let ended = astream(["connect", &server.address.to_string(), "--progress"]).stdin(file).run().status(0);
    assert!(ended.stderr.ends_with("; 100%\n"), "{}", ended.stderr);
    assert_eq!(server.join().len(), LENGTH / 2);
}

#[test]
fn without_a_file_the_size_is_what_is_said() {
    for (size, end) in [("6M", "; 50%\n"), ("3M", "; 100%\n"), ("1M", "; more than the size of 1.00 MiB\n")] {
        let server = peer(|mut stream| read_all(&mut stream));
        let args = ["connect", &server.address.to_string(), "--progress", "--size", size];
        let ended = astream(args).input(noise(LENGTH)).run().status(0);
        assert!(ended.stderr.contains(end), "{}", ended.stderr);
        server.join();
    }
    let server = peer(|mut stream| read_all(&mut stream));
    let args = ["connect", &server.address.to_string(), "--progress"];
    let ended = astream(args).input(noise(LENGTH)).run().status(0);
    assert!(!ended.stderr.contains('%'), "{}", ended.stderr);
}

#[test]
fn both_directions_are_shown_and_all_connections_of_a_server_are_added_up() {
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--progress", "--json"]).start();
    let address = server.address_in_json().to_string();
    for _ in 0..2 {
        let args = ["connect", &address, "--progress"];
        let ended = astream(args).input(noise(1 << 20)).run().status(0).stdout(&noise(1 << 20));
        let said = ended.stderr;
        assert!(said.contains(" 1.00 MiB sent, ") && said.contains("; 1.00 MiB received, "), "{said}");
    }
    let ended = server.stop();
    let last = ended.stderr.lines().rfind(|line| line.contains(r#""progress""#)).unwrap();
    for part in [r#""sent":2097152"#, r#""received":2097152"#, r#""size":null"#, r#""seconds_left":null"#] {
        assert!(last.contains(part), "{last}");
    }
}

#[test]
fn a_transfer_that_stalls_says_for_how_long() {
    let (go, gone) = channel::<()>();
    let server = peer(move |mut stream| {
        let _ = gone.recv();
        read_all(&mut stream)
    });
    // Here time passes: a line each 5 s is what is tested.
    let mut client = astream(["connect", &server.address.to_string(), "--progress"]).open_stdin().start();
    client.write_stdin(b"begin");
    // The first line has it already, and the rate of the last two seconds.
    let line = client.stderr_line("5 B sent, ");
    assert!(line.starts_with("astream: 5 B sent, 0 B/s, mean ") && line.contains("stalled for "), "{line}");
    drop(go);
    client.close_stdin();
    client.wait().status(0);
    assert_eq!(server.join(), b"begin");
}

#[test]
fn a_terminal_shows_a_bar_in_one_line() {
    let mut terminal = terminal();
    let server = peer(|mut stream| read_all(&mut stream));
    let program = astream(["connect", &server.address.to_string(), "--progress"]).env("TERM", "xterm");
    program.stdin(file(LENGTH)).stderr(terminal.end()).run().status(0);
    let seen = terminal.see("3.00 MiB sent, ") + &terminal.see("100%");
    assert!(!seen.contains("astream: 3.00"), "{seen:?}");
    let rest = terminal.rest();
    assert!(rest.contains("===") && !rest.contains("bytes sent"), "{rest:?}");
    assert_eq!(server.join().len(), LENGTH);
}

#[test]
fn what_is_printed_meanwhile_takes_the_place_of_the_bar() {
    let mut terminal = terminal();
    for (more, line, last) in [(["--dump", "-"], "# - ", "100%"), (["-v", "-v"], "astream: ", "bytes sent")] {
        let server = peer(|mut stream| read_all(&mut stream));
        let args = ["connect", &server.address.to_string(), "--progress", "--size", "5"];
        let program = astream(args).args(more).env("TERM", "xterm").stderr(terminal.end());
        let mut client = program.open_stdin().start();
        terminal.see("0 B sent, ");
        client.write_stdin(b"typed");
        client.close_stdin();
        client.wait().status(0);
        let seen = terminal.see(last);
        assert!(seen.contains("100%") && seen.contains(line), "{seen:?}");
        for (at, _) in seen.match_indices(line) {
            assert!(seen[..at].ends_with("\r\u{1b}[K") || seen[..at].ends_with('\n'), "{seen:?}");
        }
    }
}

#[test]
fn where_stdout_is_the_terminal_there_are_lines() {
    let mut terminal = terminal();
    let server = peer(|mut stream| stream.write_all(b"hello").unwrap());
    let program = astream(["connect", &server.address.to_string(), "--progress"]).env("TERM", "xterm");
    program.stdout(terminal.end()).stderr(terminal.end()).run().status(0);
    terminal.see("astream: 5 B received, ");
}

#[test]
fn it_cannot_be_quiet_and_a_size_is_one_of_progress() {
    for args in [&["--progress", "--quiet"][..], &["--size", "1M"], &["--progress", "--size", "1X"]] {
        astream(["connect", "127.0.0.1", "9"]).args(args).run().status(2);
    }
}

#[test]
fn the_clock_runs_from_the_first_connection_and_nothing_is_shown_before() {
    let client = astream(["connect", "127.0.0.1", "1", "--progress"]).run();
    assert!(!client.stderr.contains("sent"), "{}", client.stderr);
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--progress"]).start();
    server.address();
    let ended = server.stop();
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn the_last_line_of_the_only_connection_is_the_last_of_all() {
    let server = peer(|mut stream| read_all(&mut stream));
    let args = ["connect", &server.address.to_string(), "--progress", "--json"];
    let ended = astream(args).input(noise(LENGTH)).run().status(0);
    let last_two: Vec<_> = ended.stderr.lines().rev().take(2).collect();
    assert!(last_two[0].starts_with(r#"{"event":"closed""#), "{}", ended.stderr);
    assert!(last_two[1].starts_with(r#"{"event":"progress""#), "{}", ended.stderr);
}
