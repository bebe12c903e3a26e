//! Timers, signals and the other direction work while a direction is at full speed and while it is blocked.

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::path::{Course, Path, Server, on_all};
use crate::support::{DEADLINE, Running};
use crate::way::{Flood, Pace, Way};

const MIB: u64 = 1 << 20;

#[test]
fn a_direction_at_full_speed_does_not_delay_the_other() {
    on_all(|path| {
        for back in [false, true] {
            let Course { up, down, client: _client, server: _server, other: _other, .. } =
                path.start(&[], &[]);
            let (data, mut answers) = if back { (down, up) } else { (up, down) };
            let flood = data.flood();
            flood.goes_on(16 * MIB, &mut answers);
            for _ in 0..100 {
                answers.ping();
            }
            flood.goes_on(1, &mut answers);
        }
    });
}

/// Both limits; the set-up's is longer, because it runs while the machine is busy.
const LIMITS: [&str; 4] = ["-i", "1s", "-w", "2s"];

/// A transfer goes on beyond all limits. Nothing goes in the other direction, except for the second client of
/// an echo, which has limits of its own.
fn outlast(path: Path, flood: &Flood, answers: &mut Way) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2500) {
        if path.server == Server::Echo {
            answers.ping();
        }
        let before = flood.shown();
        while flood.shown() == before {
            assert!(start.elapsed() < DEADLINE, "it stops");
            thread::park_timeout(Duration::from_millis(100));
        }
    }
    answers.ping();
}

#[test]
fn the_limits_of_a_server_end_what_is_stuck_and_nothing_else() {
    on_all(|path| {
        let Course { up, down, client, server, address, other } = path.start(&[], &LIMITS);
        // The direction in which the server waits for its peer.
        let sends = matches!(path.server, Server::OneShot | Server::KeepOpen);
        let (data, mut answers) = if sends { (down, up) } else { (up, down) };
        let flood = data.flood();
        let mute = (path.tls && path.server != Server::OneShot).then(|| TcpStream::connect(address).unwrap());
        outlast(path, &flood, &mut answers);
        if let Some(mut mute) = mute {
            server.stderr_line("TLS handshake with");
            mute.set_read_timeout(Some(DEADLINE)).unwrap();
            assert_eq!(mute.read(&mut [0]).unwrap_or(0), 0);
        }
        let shown = flood.shown();
        flood.set(Pace::Stuck);
        if path.server == Server::OneShot {
            let stderr = server.wait().status(5).stderr;
            assert!(stderr.contains("idle: nothing sent or received for 1 s"), "{stderr}");
        } else {
            server.stderr_line("idle: nothing sent or received for 1 s");
            // Of an echo's two clients either may be the first.
            if path.server == Server::Echo {
                server.stderr_line("idle: nothing sent or received for 1 s");
            }
        }
        flood.set(Pace::Fast);
        assert_ne!(client.wait().code(), 0, "{shown} bytes look like all there is");
        drop(other);
    });
}

#[test]
fn the_limits_of_a_client_end_what_is_stuck_and_nothing_else() {
    on_all(|path| {
        // A client does not know what it talks to.
        if path.server != Server::OneShot {
            return;
        }
        let Course { up, mut down, client, server: _server, .. } = path.start(&LIMITS, &[]);
        let flood = up.flood();
        outlast(path, &flood, &mut down);
        flood.set(Pace::Stuck);
        client.wait().status(5).says(&["idle", "nothing sent or received for 1 s"]);
    });
}

/// Sends SIGTERM to one side, and sees it end soon, and the other side fail.
fn is_ended_by_a_signal(path: Path, back: bool, pace: Pace, is_for_client: bool) {
    let grace: &[&str] = if path.server == Server::OneShot { &[] } else { &["--grace", "100ms"] };
    let Course { up, down, client, server, other, .. } = path.start(&[], grace);
    let (data, mut answers) = if back { (down, up) } else { (up, down) };
    let flood = data.flood();
    flood.set(pace);
    if pace == Pace::Stuck {
        flood.is_stuck(&mut answers);
    } else {
        flood.goes_on(16 * MIB, &mut answers);
    }
    let (ended, left) = if is_for_client { (client, server) } else { (server, client) };
    let start = Instant::now();
    ended.signal(Signal::TERM);
    let is_server = !is_for_client && path.server != Server::OneShot;
    ended.wait().status(if is_server { 0 } else { 128 + 15 });
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    flood.set(Pace::Fast);
    if !is_for_client {
        fails(left);
        if let Some(target) = other.filter(|_| path.server == Server::Relay) {
            fails(target);
        }
    }
}

fn fails(program: Running) {
    let ended = program.wait();
    assert_ne!(ended.code(), 0, "{}", ended.description());
}

#[test]
fn a_signal_ends_a_server_whatever_moves_or_does_not() {
    on_all(|path| {
        for back in [false, true] {
            is_ended_by_a_signal(path, back, Pace::Fast, false);
            is_ended_by_a_signal(path, back, Pace::Stuck, false);
        }
    });
}

#[test]
fn a_signal_ends_a_client_whatever_moves_or_does_not() {
    on_all(|path| {
        if path.server == Server::OneShot {
            for back in [false, true] {
                is_ended_by_a_signal(path, back, Pace::Fast, true);
                is_ended_by_a_signal(path, back, Pace::Stuck, true);
            }
        }
    });
}
