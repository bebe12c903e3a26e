//! Names with more than one address, made up by `nss_wrapper` for the program alone.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::listening::missing;
use crate::support::peer::{BlackHole, black_hole};
use crate::support::{Finished, Program, astream, tool};

#[test]
fn a_dead_first_address_costs_a_quarter_of_a_second() {
    let (hole, listener) = dead_and_alive();
    let port = listener.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "::1 dual.test\n127.0.0.1 dual.test\n").unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"here\n").unwrap();
        }
    });
    // The machine may be busy with other things: the quickest of some runs is the program's own time.
    let extra = (0..5).map(|_| {
        let without = timed(|| astream(["connect", "-v", "127.0.0.1", &port])).0;
        let (with, client) = timed(|| with_names(&hosts).args(["connect", "-v", "dual.test", &port]));
        let tried = client.stderr.find(&format!("connecting to {}", hole.address));
        let reached = client.stderr.find(&format!("connected to 127.0.0.1:{port}"));
        assert!(tried.is_some() && tried < reached, "{}", client.description());
        with.saturating_sub(without)
    });
    let extra = extra.min().unwrap();
    assert!(extra < Duration::from_millis(500), "{extra:?} more than without it");
}

#[test]
fn a_signal_ends_a_listener_whose_name_is_still_being_looked_up() {
    for more in [&[][..], &["-k"]] {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        assert!(tool("mkfifo").args([&hosts]).run().code() == 0);
        let listener = with_names(&hosts).args(["listen", "silent.test", "0"]).args(more).start();
        // The other end of its names is never opened.
        listener.until_thread("resolver", true);
        listener.signal(Signal::TERM);
        assert_eq!(listener.wait().code(), 128 + 15);
    }
}

fn timed(client: impl FnOnce() -> Program) -> (Duration, Finished) {
    let start = Instant::now();
    let client = client().run();
    (start.elapsed(), client.status(0).stdout(b"here\n"))
}

/// `[::1]` swallows what comes to it, 127.0.0.1 answers, on one port.
fn dead_and_alive() -> (BlackHole, TcpListener) {
    loop {
        let hole = black_hole("[::1]");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", hole.address.port())) {
            return (hole, listener);
        }
    }
}

/// The program, for which these names are all there is.
fn with_names(hosts: &Path) -> Program {
    let library = "libnss_wrapper.so";
    let is_there = |folder: PathBuf| folder.join(library).exists();
    // Without it the name would be looked up in the network.
    if !fs::read_dir("/usr/lib").unwrap().any(|entry| is_there(entry.unwrap().path())) {
        missing(library, "libnss-wrapper");
    }
    astream([""; 0]).env("LD_PRELOAD", library).env("NSS_WRAPPER_HOSTS", hosts)
}
