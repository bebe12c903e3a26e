//! Memory stays bounded, and what a peer does not take stays where it is.
//!
//! Each path moves 512 MiB in programs that may map 256 MiB, and each engine more than 4 GiB, where a counter of 32
//! bits would start again. Without optimization, where that takes long, only a file gets so far, and the others
//! move 96 MiB; CI tests the release too.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::path::{Course, PATHS, Path, Server, limited};
use crate::support::peer::dial;
use crate::support::{Running, astream};
use crate::way::BLOCK;

/// How many blocks of a MiB go through each path.
const BLOCKS: u64 = if cfg!(debug_assertions) { 96 } else { 512 };

/// The same for one path of each engine.
const MANY_BLOCKS: u64 = if cfg!(debug_assertions) { 96 } else { 4096 + 16 };

/// The most bytes that all the buffers of the system on a path hold.
const HELD: u64 = 64 << 20;

/// The most memory that a program may use, in KiB.
const RESIDENT: u64 = 32 * 1024;

/// How many idle connections are held.
const IDLE: u64 = 2000;

/// The most memory that each of them may take, in bytes. Without optimization futures keep more.
const EACH: u64 = if cfg!(debug_assertions) { 2048 } else { 1536 };

#[test]
fn no_path_takes_more_memory_for_readers_that_are_stuck_slow_or_fast() {
    for path in PATHS {
        for back in [false, true] {
            println!("{path:?}, back {back}");
            follow(path, back);
        }
    }
}

fn follow(path: Path, back: bool) {
    let blocks = if path.is_of_an_engine() && !back { MANY_BLOCKS } else { BLOCKS };
    let Course { up, down, client, server, other, .. } = path.start(&[], &[]);
    let (mut data, mut answers) = if back { (down, up) } else { (up, down) };
    let flow = data.pour(blocks);
    // This end is not read, and the other direction goes on.
    flow.is_stuck(&mut answers);
    assert!(flow.sent() < HELD, "{} bytes were taken that no one reads", flow.sent());
    // As slow as a conversation.
    for _ in 0..64 {
        data.drain(1);
        answers.ping();
    }
    data.drain(blocks - 64);
    flow.done(&mut data);
    let programs = [Some(client), Some(server), other];
    for program in programs.iter().flatten() {
        let used = peak_memory(program);
        assert!(used < RESIDENT, "{used} KiB");
    }
    for way in [&mut data, &mut answers] {
        way.close();
    }
    let [client, server, other] = programs;
    for program in [client, other].into_iter().flatten() {
        program.wait().status(0);
    }
    if path.server == Server::OneShot {
        server.unwrap().wait().status(0);
    }
    // The stdout of many clients has no end.
    if path.server != Server::KeepOpen {
        data.ends();
        answers.ends();
    }
}

#[test]
fn four_gib_go_from_a_file_to_dev_null() {
    const SIZE: u64 = 4 << 30;
    let file = tempfile::tempfile().unwrap();
    file.set_len(SIZE).unwrap();
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let server = limited(&["listen", "127.0.0.1", "0", "-vv"]).stdout(null).start();
    let client = limited(&["connect", &server.address().to_string(), "-vv"]).stdin(file).run().status(0);
    let server = server.wait().status(0);
    for (ended, mover, total) in [
        (client, "sent by sendfile", format!("{SIZE} bytes sent")),
        (server, "received by splice through a pipe", format!("{SIZE} bytes received")),
    ] {
        let stderr = &ended.stderr;
        assert!(stderr.contains(mover) && (stderr.contains(&total)), "{}", ended.description());
    }
}

#[test]
fn an_idle_connection_takes_a_kib_and_a_half() {
    let descriptors = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: descriptors.maximum, ..descriptors }).unwrap();
    for threads in ["1", "2"] {
        let server = astream(["listen", "127.0.0.1", "0", "--echo", "--threads", threads]).start();
        let address = server.address();
        // What the first ones allocate stays for the others.
        let first: Vec<_> = (0..100).map(|_| served(address)).collect();
        let before = memory(&server, "VmRSS");
        let more: Vec<_> = (0..IDLE).map(|_| served(address)).collect();
        let bytes = (memory(&server, "VmRSS") - before) * 1024 / IDLE;
        println!("{threads} threads: {bytes} bytes for each connection");
        assert!(bytes <= EACH, "{threads} threads: {bytes} bytes for each connection");
        drop((first, more));
    }
}

/// A client that was served, and says nothing more.
fn served(address: SocketAddr) -> TcpStream {
    let mut stream = dial(address);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

/// The most memory that a program has used, in KiB.
fn peak_memory(program: &Running) -> u64 {
    memory(program, "VmHWM")
}

/// What the system says about the memory of a program, in KiB.
fn memory(program: &Running, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.pid().as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn the_address_space_of_the_programs_is_limited() {
    let course = PATHS[0].start(&[], &[]);
    let limits =
        |of: &Running| std::fs::read_to_string(format!("/proc/{}/limits", of.pid().as_raw_nonzero()));
    for program in [&course.client, &course.server] {
        let limits = limits(program).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
        assert!(line.contains(&(256 * BLOCK).to_string()), "{line}");
    }
}
