//! Every kind of stdin and stdout, and the state in which their descriptors are left.

mod support;

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use support::peer::{Peer, exchange, peer, read_all};
use support::pty::terminal;
use support::{Finished, Program, astream, noise, tool};

const MIB: usize = 1 << 20;

/// A peer that returns what it was sent.
fn sink() -> Peer<Vec<u8>> {
    peer(|mut stream| read_all(&mut stream))
}

/// A peer that sends this and ends.
fn source(data: Vec<u8>) -> Peer<()> {
    peer(move |mut stream| {
        stream.write_all(&data).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = read_all(&mut stream);
    })
}

/// A peer that sends this, and ends when the test says so.
fn source_that_waits(data: &'static [u8]) -> (Peer<()>, Sender<()>) {
    let (end, ending) = channel();
    let peer = peer(move |mut stream| {
        stream.write_all(data).unwrap();
        ending.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
    });
    (peer, end)
}

fn connect<T>(peer: &Peer<T>) -> Program {
    astream(["connect", "127.0.0.1", &peer.port()])
}

/// The program under a shell that sets its descriptors as a user would.
fn shell<T>(peer: &Peer<T>, redirect: &str) -> Finished {
    let script =
        format!("exec {} connect 127.0.0.1 {} {redirect}", env!("CARGO_BIN_EXE_astream"), peer.port());
    tool("sh").args(["-c", &script]).run()
}

#[test]
fn stdin_may_be_a_file_from_where_it_stands() {
    let server = sink();
    let data = noise(3 * MIB);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&data).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    connect(&server).stdin(file).run().status(0).silent();
    assert!(server.join() == data[10..]);
}

#[test]
fn stdin_may_be_dev_null_or_closed() {
    for redirect in ["</dev/null", "<&-"] {
        let server = sink();
        shell(&server, redirect).status(0).silent();
        assert_eq!(server.join(), b"");
    }
}

#[test]
fn stdin_may_be_a_socket() {
    let server = sink();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let client = connect(&server).stdin(std::os::fd::OwnedFd::from(theirs)).start();
    ours.write_all(&noise(MIB)).unwrap();
    drop(ours);
    client.wait().status(0);
    assert!(server.join() == noise(MIB));
}

#[test]
fn a_folder_on_stdin_is_status_2() {
    let server = sink();
    let folder = File::open("/").unwrap();
    connect(&server).stdin(folder).run().status(2).says(&["cannot read stdin", "directory"]);
}

/// A peer that sends the first part at once, the second part and its end when the test says so, and returns
/// whether our end was clean.
fn answers_in_two_parts() -> (Peer<bool>, Sender<()>) {
    let (go, gone) = channel();
    let peer = peer(move |mut stream| {
        stream.write_all(b"first, ").unwrap();
        gone.recv().unwrap();
        stream.write_all(b"second").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).is_ok()
    });
    (peer, go)
}

#[test]
fn what_the_peer_sends_comes_before_an_unreadable_stdin_is_reported() {
    for more in [&[][..], &["--exit-on-close"], &["--no-shutdown"]] {
        let (server, go) = answers_in_two_parts();
        let client = connect(&server).args(more).stdin(File::open("/").unwrap()).start();
        client.until_stdout(b"first, ");
        go.send(()).unwrap();
        client.wait().status(2).stdout(b"first, second").says(&["cannot read stdin", "directory"]);
        assert!(!server.join(), "it looks as if all had been sent: {more:?}");
    }
}

#[test]
fn a_terminal_that_vanishes_is_an_unreadable_stdin() {
    let (server, go) = answers_in_two_parts();
    let terminal = terminal();
    let client = connect(&server).stdin(terminal.end()).start();
    client.until_stdout(b"first, ");
    drop(terminal);
    go.send(()).unwrap();
    client.wait().status(2).stdout(b"first, second").says(&["cannot read stdin", "input/output error"]);
    assert!(!server.join(), "it looks as if all had been sent");
}

#[test]
fn a_terminal_is_left_when_the_peer_closes() {
    let mut terminal = terminal();
    let server = peer(|mut stream| {
        let mut line = [0; 6];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(b"seen: ").unwrap();
        stream.write_all(&line).unwrap();
    });
    let client = connect(&server).stdin(terminal.end()).stdout(terminal.end()).start();
    terminal.type_text(b"hello\n");
    assert!(terminal.see("seen: hello").contains("seen: hello"));
    server.join();
    client.wait().status(0).silent();
}

#[test]
fn the_end_of_file_key_ends_a_terminals_input() {
    let mut terminal = terminal();
    let server = sink();
    let client = connect(&server).stdin(terminal.end()).start();
    terminal.type_text(b"line\n\x04");
    assert_eq!(server.join(), b"line\n");
    client.wait().status(0);
}

/// More than what goes in one call, and than all buffers on the way hold.
const LONG: usize = 200 * MIB;

/// Reads a stream that repeats `block`; how much there was.
fn read_blocks(stream: &mut TcpStream, block: &[u8]) -> usize {
    let (mut chunk, mut got) = (vec![0; MIB], 0);
    loop {
        let n = stream.read(&mut chunk).unwrap();
        if n == 0 {
            return got;
        }
        let at = got % block.len();
        let whole = [&block[at..], block].concat();
        assert!(chunk[..n] == whole[..n], "wrong bytes from {got} on");
        got += n;
    }
}

#[test]
fn a_long_file_arrives_whole() {
    let block = noise(MIB + 1);
    let mut file = tempfile::tempfile().unwrap();
    for _ in 0..LONG / MIB {
        file.write_all(&block).unwrap();
    }
    let size = block.len() * (LONG / MIB);
    file.rewind().unwrap();
    let server = peer(move |mut stream| read_blocks(&mut stream, &block));
    connect(&server).stdin(file).run().status(0).silent();
    assert_eq!(server.join(), size);
}

#[test]
fn stdout_may_be_a_file_also_to_append_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let data = noise(3 * MIB);
    let server = source(data.clone());
    connect(&server).stdout(File::create(&path).unwrap()).run().status(0);
    let server = source(b"more".to_vec());
    connect(&server).stdout(OpenOptions::new().append(true).open(&path).unwrap()).run().status(0);
    assert!(std::fs::read(&path).unwrap() == [&data[..], b"more"].concat());
}

#[test]
fn a_full_disk_is_status_2_and_names_the_reason() {
    let server = source(b"data".to_vec());
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    connect(&server).stdout(full).run().status(2).says(&["cannot write to stdout", "no space left"]);
}

#[test]
fn a_closed_stdout_is_status_2_once_there_is_a_byte_to_write() {
    let server = source(noise(MIB));
    shell(&server, "</dev/null >&-").status(2).says(&["cannot write to stdout", "bad file descriptor"]);
    shell(&source(Vec::new()), "</dev/null >&-").status(0).silent();
    let server = source(noise(MIB));
    shell(&server, "--send-only </dev/null >&-").status(0).silent();
}

/// The starter of a program may open it for both directions, as Python does.
#[test]
fn a_stdout_that_is_dev_null_swallows_everything() {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    connect(&source(noise(MIB))).stdout(null).run().status(0).silent();
}

#[test]
fn a_reader_of_stdout_that_sleeps_gets_everything() {
    let data = noise(4 * MIB);
    let server = source(data.clone());
    let (reader, writer) = std::io::pipe().unwrap();
    let client = connect(&server).stdout(writer).start();
    thread::park_timeout(Duration::from_millis(500));
    assert!(read_all(&mut &reader) == data);
    client.wait().status(0);
}

#[test]
fn the_idle_timeout_does_not_run_while_stdout_is_blocked() {
    // What fits into the pipe does not block, and where the kernel moves whole pages, much does.
    for size in [if support::BY_STREAMS { 200_000 } else { 32 * MIB }, 64 * MIB] {
        let data = noise(size);
        let sent = data.clone();
        let (end, may_end) = channel::<()>();
        let server = peer(move |mut stream| {
            stream.write_all(&sent).unwrap();
            // Our end comes when the client has had its pause.
            may_end.recv().unwrap();
        });
        let (reader, writer) = std::io::pipe().unwrap();
        let client = astream(["connect", "127.0.0.1", &server.port(), "-i", "300ms"]).stdout(writer).start();
        // Longer than the timeout: that is what is tested.
        thread::park_timeout(Duration::from_secs(1));
        let mut got = vec![0; size];
        (&reader).read_exact(&mut got).unwrap();
        end.send(()).unwrap();
        client.wait().status(0).silent();
        assert!(got == data);
    }
}

#[test]
fn a_reader_of_stdout_that_goes_away_ends_it_silently_as_it_ends_cat() {
    let server = peer(|mut stream| while stream.write_all(&[7; 4096]).is_ok() {});
    let (reader, writer) = std::io::pipe().unwrap();
    let client = connect(&server).stdout(writer).open_stdin().start();
    (&reader).read_exact(&mut [0; 10]).unwrap();
    drop(reader);
    client.wait().status(141).silent();
}

#[test]
fn a_reader_of_stdout_that_has_everything_may_go_before_the_peers_end() {
    let (server, end) = source_that_waits(b"all");
    let (reader, writer) = std::io::pipe().unwrap();
    let client = connect(&server).stdout(writer).start();
    (&reader).read_exact(&mut [0; 3]).unwrap();
    // The program sees both at once.
    client.signal(Signal::STOP);
    drop(reader);
    end.send(()).unwrap();
    server.join();
    client.signal(Signal::CONT);
    client.wait().status(0).silent();
}

#[test]
fn a_reader_of_stdout_that_has_gone_is_noticed_while_the_peer_is_quiet_once_stdin_has_ended() {
    let (left, client_left) = channel::<()>();
    let server = peer(move |mut stream| {
        stream.write_all(b"some").unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).unwrap();
        client_left.recv().unwrap();
        got
    });
    let (reader, writer) = std::io::pipe().unwrap();
    let mut client = connect(&server).stdout(writer).open_stdin().start();
    (&reader).read_exact(&mut [0; 4]).unwrap();
    drop(reader);
    // What is to be sent needs no reader.
    client.write_stdin(b"more");
    client.close_stdin();
    client.wait().status(141).silent();
    left.send(()).unwrap();
    assert_eq!(&server.join(), b"more");
}

#[test]
fn a_reader_of_stdout_gets_what_has_come_while_the_peer_is_silent() {
    let (server, end) = source_that_waits(b"now");
    let mut client = connect(&server).open_stdin().start();
    client.until_stdout(b"now");
    end.send(()).unwrap();
    client.close_stdin();
    client.wait().status(0);
    server.join();
}

#[test]
fn the_writer_of_stdin_can_be_killed_while_the_peer_is_stuck() {
    let (go, gone) = channel::<()>();
    let server = peer(move |_stream| gone.recv().map_err(drop));
    let (stdin, typed) = std::io::pipe().unwrap();
    let client = connect(&server).stdin(stdin).start();
    let producer = tool("sh").args(["-c", "exec cat /dev/zero"]).stdout(typed).start();
    // Stuck: what it has written does not grow any more.
    let written =
        || std::fs::read_to_string(format!("/proc/{}/io", producer.pid().as_raw_nonzero())).unwrap();
    let mut before = String::new();
    while before != written() {
        before = written();
        thread::park_timeout(Duration::from_millis(100));
    }
    producer.signal(Signal::TERM);
    assert_eq!(producer.wait().code(), 128 + 15);
    go.send(()).unwrap();
    drop(client);
}

#[test]
fn the_peers_end_is_passed_on_to_stdout_while_stdin_goes_on() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = peer(|mut stream| {
        stream.write_all(b"done").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream)
    });
    let mut client = connect(&server).stdout(writer).open_stdin().start();
    assert_eq!(read_all(&mut &reader), b"done");
    client.write_stdin(b"still here");
    client.close_stdin();
    assert_eq!(server.join(), b"still here");
    client.wait().status(0);
}

#[test]
fn no_descriptor_that_was_inherited_is_ever_non_blocking() {
    let (stdin, mut typed) = std::io::pipe().unwrap();
    let (mut shown, stdout) = std::io::pipe().unwrap();
    let (go, gone) = channel::<()>();
    let server = peer(move |mut stream| {
        stream.write_all(b"up").unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).unwrap();
        gone.recv().unwrap();
        got
    });
    let client =
        connect(&server).stdin(stdin.try_clone().unwrap()).stdout(stdout.try_clone().unwrap()).start();
    shown.read_exact(&mut [0; 2]).unwrap();
    typed.write_all(b"down").unwrap();
    let pid = client.pid().as_raw_nonzero();
    for fd in 0..3 {
        let info = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        assert_eq!(
            i64::from_str_radix(flags, 8).unwrap() & 0o4000,
            0,
            "descriptor {fd} during the connection"
        );
    }
    go.send(()).unwrap();
    drop(typed);
    assert_eq!(&server.join(), b"down");
    client.wait().status(0);
    for fd in [std::os::fd::OwnedFd::from(stdin), stdout.into()] {
        let flags = rustix::fs::fcntl_getfl(&fd).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK), "afterwards");
    }
}

#[test]
fn a_descriptor_that_another_process_made_non_blocking_is_used_all_the_same() {
    let data = noise(2 * MIB);
    let sent = data.clone();
    let server = peer(move |stream| exchange(stream, sent));
    let (stdin, mut typed) = std::io::pipe().unwrap();
    let (mut shown, stdout) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&stdin, true).unwrap();
    rustix::io::ioctl_fionbio(&stdout, true).unwrap();
    let client = connect(&server).stdin(stdin).stdout(stdout).start();
    let reading = thread::spawn(move || read_all(&mut shown));
    typed.write_all(&data).unwrap();
    drop(typed);
    client.wait().status(0).silent();
    assert!(server.join() == data);
    assert!(reading.join().unwrap() == data);
}
