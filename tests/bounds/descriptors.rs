//! A server that has run out of descriptors: it logs that once a second, pauses meanwhile, and goes on with
//! those that become free.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::support::{DEADLINE, Running, astream, tool};

/// A server with a limit as `ulimit -n` sets it.
fn limited(limit: &str, more: &[&str]) -> Running {
    let program = env!("CARGO_BIN_EXE_astream");
    let script = format!("ulimit {limit}; exec {program} listen 127.0.0.1 0 \"$@\"");
    tool("sh").args(["-c", &script, "astream"]).args(more).start()
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Whether an echo comes back.
fn serves(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = dial(address);
    stream.write_all(b"again")?;
    stream.shutdown(Shutdown::Write)?;
    let mut back = Vec::new();
    stream.read_to_end(&mut back)?;
    Ok(back == b"again")
}

/// User and system time, in hundredths of a second.
fn cpu_ticks(listener: &Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", listener.pid().as_raw_nonzero())).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn it_says_so_once_a_second_rests_and_recovers() {
    let listener = limited("-n 24", &["--echo"]);
    let address = listener.address();
    let mut first = dial(address);
    let waiting: Vec<_> = (0..40).map(|_| dial(address)).collect();
    listener.stderr_line("cannot accept");
    let (start, before) = (Instant::now(), cpu_ticks(&listener));
    listener.stderr_line("cannot accept");
    let (took, used) = (start.elapsed(), cpu_ticks(&listener) - before);
    assert!(took > Duration::from_millis(900), "logged more than once a second: {took:?}");
    // 5 % of at least a second.
    assert!(used <= 5, "{used} hundredths of a second of CPU in {took:?}");
    // Clients that were accepted are served all the while.
    first.write_all(b"x").unwrap();
    first.read_exact(&mut [0]).unwrap();
    drop(waiting);
    assert!(serves(address).unwrap());
}

#[test]
fn descriptors_that_come_and_go_are_used_and_not_reported_each_time() {
    let listener = limited("-n 20", &["--echo"]);
    let address = listener.address();
    let start = Instant::now();
    let mut waiting: Vec<_> = (0..32).map(|_| dial(address)).collect();
    for client in &mut waiting {
        client.write_all(b"x").unwrap();
    }
    let mut served = Vec::new();
    listener.stderr_line("cannot accept");
    while !waiting.is_empty() {
        served.push(waiting.swap_remove(first_answered(&waiting)));
        // Once it is full, one leaves for each that was accepted.
        if served.len() > 4 {
            served.remove(0);
        }
    }
    let seconds = start.elapsed().as_secs();
    listener.signal(Signal::TERM);
    let lines = listener.wait().status(0).stderr.matches("cannot accept").count() as u64;
    assert!(lines <= seconds + 1, "logged {lines} times in {seconds} s");
}

/// Waits for the first of the senders to receive its bytes again.
fn first_answered(waiting: &[TcpStream]) -> usize {
    let mut polled: Vec<_> = waiting.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
    let deadline = Timespec::try_from(DEADLINE).unwrap();
    assert_ne!(poll(&mut polled, Some(&deadline)).unwrap(), 0, "no further client is let in");
    polled.iter().position(|stream| !stream.revents().is_empty()).unwrap()
}

#[test]
fn a_relay_recovers_too() {
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let relay = limited("-n 24", &["--forward", &echo.address().to_string()]);
    let address = relay.address();
    let many: Vec<_> = (0..40).map(|_| dial(address)).collect();
    relay.stderr_line("oo many open files");
    drop(many);
    // The clients that are still in its queue come first, and each needs two descriptors.
    let start = Instant::now();
    while !serves(address).is_ok_and(|whole| whole) {
        assert!(start.elapsed() < DEADLINE, "no further client is served");
    }
}

#[test]
fn a_server_may_have_as_many_descriptors_as_the_system_lets_it() {
    for more in [&["--echo"][..], &["--echo", "--tls"]] {
        let listener = limited("-Sn 24", more);
        let address = listener.address();
        let pid = listener.pid().as_raw_nonzero();
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let limits: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
        assert_eq!(limits[0], limits[1], "{line}");
        let many: Vec<_> = (0..40).map(|_| dial(address)).collect();
        if more.len() == 1 {
            for mut client in &many {
                client.write_all(b"x").unwrap();
                client.read_exact(&mut [0]).unwrap();
            }
        }
    }
}
