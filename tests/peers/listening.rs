//! Real peers as servers: found, on a port of their own, and listening when a function returns.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{DEADLINE, Program, Running, tool};

/// Debian's package of each program.
const PACKAGES: [(&str, &str); 31] = [
    ("aiosmtpd", "python3-aiosmtpd"),
    ("bash", "bash"),
    ("danted", "dante-server"),
    ("dovecot", "dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved"),
    ("exim4", "exim4-daemon-light"),
    ("fish", "fish"),
    ("gnutls-cli", "gnutls-bin"),
    ("gnutls-serv", "gnutls-bin"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("mariadbd", "mariadb-server-core"),
    ("microsocks", "microsocks"),
    ("nc.openbsd", "netcat-openbsd"),
    ("nc.traditional", "netcat-traditional"),
    ("nginx", "nginx"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("postgres", "postgresql"),
    ("python3", "python3"),
    ("redis-benchmark", "redis-tools"),
    ("redis-cli", "redis-tools"),
    ("redis-server", "redis-server"),
    ("slapd", "slapd"),
    ("squid", "squid"),
    ("ssh", "openssh-client"),
    ("sshd", "openssh-server"),
    ("stunnel4", "stunnel4"),
    ("tinyproxy", "tinyproxy"),
    ("unshare", "util-linux"),
    ("vsftpd", "vsftpd"),
    ("zsh", "zsh"),
];

/// A peer's program. Debian's own comes first: another Python would not have Debian's modules.
pub fn peer(program: &str) -> Program {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .into_iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    match found {
        Some(file) => tool(file.to_str().unwrap()),
        None => missing(program, package(program)),
    }
}

fn package(program: &str) -> &str {
    PACKAGES.iter().find(|(name, _)| *name == program).map_or(program, |(_, package)| package)
}

pub fn missing(what: &str, package: &str) -> ! {
    panic!("{what} is not installed: apt-get install {package}")
}

/// Starts a server that chooses its port itself.
pub fn on_any_port(program: Program) -> (Running, String) {
    listening(program.start()).unwrap_or_else(|error| panic!("the peer does not listen: {error}"))
}

/// Starts a server that must be given its port. If another process takes that first, another port is tried.
pub fn on_free_port(mut server: impl FnMut(&str) -> Program) -> (Running, String) {
    let mut last_error = String::new();
    for _ in 0..5 {
        match listening(server(&free_port().to_string()).start()) {
            Ok(running) => return running,
            Err(error) => last_error = error,
        }
    }
    panic!("the peer does not listen: {last_error}")
}

/// A server with children, which it ends when it is asked to end.
pub struct Daemon(Option<Running>);

impl Daemon {
    pub fn new(server: Running) -> Self {
        Self(Some(server))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.signal(Signal::TERM);
            server.wait();
        }
    }
}

/// Starts a server on this Unix socket.
pub fn on_path(program: Program, path: &str) -> Running {
    let mut server = program.start();
    let is_listening = |line: &str| {
        // Flags with the bit that says so, in the fourth column.
        line.ends_with(path) && line.split_whitespace().nth(3) == Some("00010000")
    };
    until("the peer listens", || {
        let list = std::fs::read_to_string("/proc/net/unix").unwrap();
        list.lines().any(is_listening) || !server.is_running()
    });
    server
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the program listens, without a connection, which would use up a one-shot server.
fn listening(mut server: Running) -> Result<(Running, String), String> {
    let mut port = None;
    until("the peer listens", || {
        port = listening_port(&server);
        port.is_some() || !server.is_running()
    });
    match port {
        Some(port) => Ok((server, port.to_string())),
        None => Err(server.wait().description()),
    }
}

/// The port on which this very process listens.
fn listening_port(server: &Running) -> Option<u16> {
    let folder = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    let sockets: HashSet<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    connections()
        .into_iter()
        .find(|connection| connection.state == LISTEN && sockets.contains(&connection.inode))
        .map(|connection| connection.local)
}

/// States of a connection, as the kernel numbers them.
pub const FIN_WAIT2: u8 = 5;
const LISTEN: u8 = 10;

/// A TCP socket of this machine, over IPv4.
pub struct Connection {
    pub local: u16,
    pub remote: u16,
    pub state: u8,
    inode: String,
}

/// The kernel's list of them.
pub fn connections() -> Vec<Connection> {
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
    let list = std::fs::read_to_string("/proc/net/tcp").unwrap();
    list.lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            Some(Connection {
                local: port(words.get(1)?)?,
                remote: port(words.get(2)?)?,
                state: u8::from_str_radix(words.get(3)?, 16).ok()?,
                inode: words.get(9)?.to_string(),
            })
        })
        .collect()
}

/// Waits for a state that the kernel reports by no event: the only place that polls.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "it never came that {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
