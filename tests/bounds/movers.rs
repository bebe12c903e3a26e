//! How bytes are moved between a socket and each kind of descriptor, and that all of them are, also without
//! the kernel's help.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use rustix::pipe::fcntl_getpipe_size;
use rustix::process::{Resource, Rlimit, prlimit};

use crate::path::ELSEWHERE;
use crate::support::peer::{Peer, peer, peer_at, read_all};
use crate::support::pty::terminal;
use crate::support::{Finished, Program, astream, noise};

const MIB: usize = 1 << 20;

/// Whether the kernel may do it.
const BOTH: [bool; 2] = [true, false];

fn connect<T>(peer: &Peer<T>, by_kernel: bool) -> Program {
    let connect = astream(["connect", &peer.address.to_string(), "-vv"]);
    if by_kernel { connect } else { connect.env("ASTREAM_NO_SPLICE", "1") }
}

fn receive(mut stream: TcpStream) -> Vec<u8> {
    read_all(&mut stream)
}

fn send(mut stream: TcpStream) {
    stream.write_all(&noise(MIB)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_all(&mut stream);
}

/// Asserts what was logged of how this direction was moved: one thing, or nothing if it went through the
/// streams.
#[track_caller]
fn assert_moved(finished: &Finished, way: &str, by_kernel: bool, wanted: &str) {
    let by = finished.stderr.lines().filter_map(|line| line.strip_prefix(&format!("astream: {way} by ")));
    let wanted = by_kernel.then_some(wanted);
    assert_eq!(by.collect::<Vec<_>>(), Vec::from_iter(wanted), "{}", finished.description());
}

fn file_of(data: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(data).unwrap();
    file.rewind().unwrap();
    file
}

fn pipe_of(data: Vec<u8>) -> Stdio {
    let (reader, mut writer) = std::io::pipe().unwrap();
    thread::spawn(move || writer.write_all(&data));
    reader.into()
}

fn socket_of(data: Vec<u8>) -> Stdio {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || ours.write_all(&data));
    OwnedFd::from(theirs).into()
}

#[test]
fn every_kind_of_stdin_is_sent_whole_by_its_mover() {
    for by_kernel in BOTH {
        for (stdin, mover) in [
            (Stdio::from(file_of(&noise(MIB))), "sendfile"),
            (pipe_of(noise(MIB)), "read and write"),
            (socket_of(noise(MIB)), "read and write"),
        ] {
            let server = peer(receive);
            let finished = connect(&server, by_kernel).stdin(stdin).run().status(0);
            assert!(server.join() == noise(MIB), "by {mover}");
            assert_moved(&finished, "sent", by_kernel, mover);
        }
    }
}

#[test]
fn a_pipe_is_left_to_the_kernel_where_the_peer_may_be_on_another_machine() {
    for by_kernel in BOTH {
        let server = peer_at(ELSEWHERE, receive);
        let finished = connect(&server, by_kernel).stdin(pipe_of(noise(MIB))).run().status(0);
        assert!(server.join() == noise(MIB));
        assert_moved(&finished, "sent", by_kernel, "splice");
    }
}

/// Larger pipes mean fewer wake-ups of both peers.
#[test]
fn pipes_through_which_much_goes_are_enlarged() {
    for address in ["127.0.0.1", ELSEWHERE] {
        let server = peer_at(address, |mut stream| {
            stream.write_all(&noise(MIB)).unwrap();
            read_all(&mut stream);
        });
        let (stdin, mut typed) = std::io::pipe().unwrap();
        let (mut shown, stdout) = std::io::pipe().unwrap();
        let client = connect(&server, true).stdin(stdin).stdout(stdout).start();
        typed.write_all(&noise(MIB)).unwrap();
        shown.read_exact(&mut vec![0; MIB]).unwrap();
        for (name, pipe) in [("stdin", typed.as_fd()), ("stdout", shown.as_fd())] {
            assert_eq!(fcntl_getpipe_size(pipe).unwrap(), MIB, "{name}");
        }
        drop(typed);
        client.wait().status(0);
    }
}

/// Files that the kernel makes up as they are read, and a device.
#[test]
fn what_only_looks_like_a_file_is_sent_whole() {
    for by_kernel in BOTH {
        for path in ["/proc/version", "/proc/filesystems", "/sys/kernel/mm/transparent_hugepage/enabled"] {
            let Ok(wanted) = std::fs::read(path) else { continue };
            let server = peer(receive);
            connect(&server, by_kernel).stdin(File::open(path).unwrap()).run().status(0);
            assert_eq!(server.join(), wanted, "{path}");
        }
        let server = peer(|mut stream| stream.read_exact(&mut vec![7; MIB]).unwrap());
        let client = connect(&server, by_kernel).stdin(File::open("/dev/zero").unwrap()).start();
        server.join();
        drop(client);
    }
}

#[test]
fn every_kind_of_stdout_gets_everything_by_its_mover() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("out");
    for by_kernel in BOTH {
        for (append, mover) in [(false, "splice through a pipe"), (true, "read and write")] {
            let server = peer(send);
            let mut file = OpenOptions::new().append(append).write(true).create(true).open(&path).unwrap();
            // Where it stands, or at its end.
            file.write_all(b"before").unwrap();
            let finished = connect(&server, by_kernel).stdout(file).run().status(0);
            assert!(std::fs::read(&path).unwrap() == [b"before", &noise(MIB)[..]].concat());
            assert_moved(&finished, "received", by_kernel, mover);
            std::fs::remove_file(&path).unwrap();
        }
        let server = peer(send);
        let finished = connect(&server, by_kernel).run().status(0).stdout(&noise(MIB));
        assert_moved(&finished, "received", by_kernel, "splice");

        let server = peer(send);
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let finished = connect(&server, by_kernel).stdout(null).run().status(0);
        assert_moved(&finished, "received", by_kernel, "splice through a pipe");

        let server = peer(send);
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let client = connect(&server, by_kernel).stdout(OwnedFd::from(theirs)).start();
        let mut got = vec![0; MIB];
        ours.read_exact(&mut got).unwrap();
        assert!(got == noise(MIB));
        assert_moved(&client.wait().status(0), "received", by_kernel, "read and write");
    }
}

#[test]
fn a_terminal_shows_everything() {
    for by_kernel in BOTH {
        let mut terminal = terminal();
        let text = "much to read ".repeat(1000);
        let sent = text.clone();
        let server = peer(move |mut stream| {
            stream.write_all(sent.as_bytes()).unwrap();
            stream.write_all(b"END").unwrap();
        });
        let client = connect(&server, by_kernel).stdout(terminal.end()).start();
        assert_eq!(terminal.see("END"), text + "END");
        client.wait().status(0);
    }
}

#[test]
fn a_descriptor_of_the_wrong_direction_is_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for by_kernel in BOTH {
        let server = peer(receive);
        let (_reader, writer) = std::io::pipe().unwrap();
        for stdin in [Stdio::from(File::create(&path).unwrap()), writer.into()] {
            let server = peer(receive);
            let finished = connect(&server, by_kernel).stdin(stdin).run().status(2);
            assert!(finished.stderr.contains("cannot read stdin"), "{}", finished.description());
        }
        let (reader, _writer) = std::io::pipe().unwrap();
        for stdout in [Stdio::from(File::open(&path).unwrap()), reader.into()] {
            let server = peer(send);
            let finished = connect(&server, by_kernel).stdout(stdout).run().status(2);
            assert!(finished.stderr.contains("cannot write to stdout"), "{}", finished.description());
        }
        drop(server);
    }
}

#[test]
fn stdin_and_stdout_may_be_one_socket() {
    for by_kernel in BOTH {
        let server = peer(|mut stream| {
            let got = read_all(&mut stream);
            stream.write_all(&got).unwrap();
        });
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let stdio = || OwnedFd::from(theirs.try_clone().unwrap());
        let client = connect(&server, by_kernel).stdin(stdio()).stdout(stdio()).start();
        ours.write_all(&noise(MIB)).unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        let mut got = vec![0; MIB];
        ours.read_exact(&mut got).unwrap();
        assert!(got == noise(MIB));
        client.wait().status(0);
    }
}

#[test]
fn a_relay_that_gets_no_pipe_moves_everything_all_the_same() {
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let forward = ["listen", "127.0.0.1", "0", "--once", "-vv", "--forward", &echo.address().to_string()];
    let relay = astream(forward).start();
    let mut client = TcpStream::connect(relay.address()).unwrap();
    client.write_all(b"!").unwrap();
    client.read_exact(&mut [0]).unwrap();
    // Both of its connections are there: from now on it gets no descriptor.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(relay.pid()), Resource::Nofile, none).unwrap();
    let mut writing = client.try_clone().unwrap();
    thread::spawn(move || {
        writing.write_all(&noise(4 * MIB)).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_all(&mut client) == noise(4 * MIB));
    let finished = relay.wait().status(0);
    assert!(!finished.stderr.contains("by splice"), "{}", finished.description());
}
