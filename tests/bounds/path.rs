//! Every path that bytes take through the program, from a pipe to a pipe, in programs that have
//! little memory.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use crate::support::certs::{Authority, Issued, arg, authority};
use crate::support::{Program, Running, tool};
use crate::way::{Way, between_pipes};

/// The address space of each program, in KiB.
const ADDRESS_SPACE: usize = 256 * 1024;

/// What a client talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    OneShot,
    KeepOpen,
    /// A relay to a one-shot listener.
    Relay,
    /// The way back is a second client's.
    Echo,
}

/// How bytes get to a server and back.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    pub server: Server,
    /// The address it listens at: the client's own, or one that looks like another machine's.
    address: &'static str,
    pub tls: bool,
    pub by_streams: bool,
}

const HERE: &str = "127.0.0.1";
pub const ELSEWHERE: &str = "127.0.0.2";

const fn path(server: Server, tls: bool, by_streams: bool) -> Path {
    Path { server, address: HERE, tls, by_streams }
}

pub const PATHS: [Path; 12] = [
    path(Server::OneShot, false, false),
    Path { address: ELSEWHERE, ..path(Server::OneShot, false, false) },
    path(Server::OneShot, false, true),
    path(Server::OneShot, true, false),
    path(Server::OneShot, true, true),
    path(Server::KeepOpen, false, false),
    path(Server::KeepOpen, true, false),
    path(Server::Relay, false, false),
    path(Server::Relay, false, true),
    path(Server::Relay, true, false),
    path(Server::Echo, false, false),
    path(Server::Echo, true, false),
];

/// The programs of a path, at work.
pub struct Course {
    pub up: Way,
    pub down: Way,
    pub client: Running,
    pub server: Running,
    /// The address it listens at.
    pub address: SocketAddr,
    /// A relay's target, or an echo's second client.
    pub other: Option<Running>,
}

impl Path {
    /// Whether it is the one that stands for its engine: direct, streams, direct under TLS, pump.
    pub fn is_of_an_engine(self) -> bool {
        match self.server {
            Server::OneShot => self.address == HERE && !(self.tls && self.by_streams),
            Server::Relay => !self.tls && !self.by_streams,
            Server::KeepOpen | Server::Echo => false,
        }
    }

    /// Starts the programs, with these arguments as well; a byte has gone each way.
    pub fn start(self, client: &[&str], server: &[&str]) -> Course {
        let site = Site::of(self, client, server);
        let mut course = match self.server {
            Server::OneShot => site.with_server(&[]),
            Server::KeepOpen => site.with_server(&["-k"]),
            Server::Relay => site.with_relay(),
            Server::Echo => site.with_echo(),
        };
        course.up.ping();
        course.down.ping();
        course
    }
}

/// What the command lines of a path have in common.
struct Site<'a> {
    path: Path,
    client: &'a [&'a str],
    server: &'a [&'a str],
    authority: Authority,
    own: Issued,
}

impl<'a> Site<'a> {
    fn of(path: Path, client: &'a [&'a str], server: &'a [&'a str]) -> Self {
        let authority = authority();
        let own = authority.localhost();
        Self { path, client, server, authority, own }
    }

    fn with_server(&self, more: &[&str]) -> Course {
        let (server, down_typed, up_shown) = between_pipes(self.listen(more).args(self.server));
        let address = server.address();
        let (client, up_typed, down_shown) = between_pipes(self.connect(address));
        let (up, down) = (Way::new(up_typed, up_shown), Way::new(down_typed, down_shown));
        Course { up, down, client, server, address, other: None }
    }

    fn with_relay(&self) -> Course {
        let (target, down_typed, up_shown) = between_pipes(self.listen(&[]));
        let to_target = format!("localhost:{}", target.port());
        let tls = ["--forward-tls", "--forward-cacert", arg(&self.authority.ca)];
        let relay = self.listen(&["--forward", &to_target]).args(self.server);
        let relay = relay.args(if self.path.tls { &tls[..] } else { &[] }).start();
        let address = relay.address();
        let (client, up_typed, down_shown) = between_pipes(self.connect(address));
        let (up, down) = (Way::new(up_typed, up_shown), Way::new(down_typed, down_shown));
        Course { up, down, client, server: relay, address, other: Some(target) }
    }

    fn with_echo(&self) -> Course {
        let server = self.listen(&["--echo"]).args(self.server).start();
        let address = server.address();
        let client = || {
            let (client, typed, shown) = between_pipes(self.connect(address));
            (client, Way::new(typed, shown))
        };
        let ((client, up), (other, down)) = (client(), client());
        Course { up, down, client, server, address, other: Some(other) }
    }

    fn listen(&self, more: &[&str]) -> Program {
        let listen = self.program(&["listen", self.path.address, "0"]).args(more);
        let tls = ["--tls", "--cert", arg(&self.own.cert), "--key", arg(&self.own.key)];
        if self.path.tls { listen.args(tls) } else { listen }
    }

    fn connect(&self, address: SocketAddr) -> Program {
        let connect = self.program(&["connect", &address.to_string()]).args(self.client);
        let tls = ["--tls", "--cacert", arg(&self.authority.ca)];
        if self.path.tls { connect.args(tls) } else { connect }
    }

    fn program(&self, args: &[&str]) -> Program {
        let program = limited(args);
        if self.path.by_streams { program.env("ASTREAM_NO_SPLICE", "1") } else { program }
    }
}

/// A program with little memory.
pub fn limited(args: &[&str]) -> Program {
    let script = format!("ulimit -v {ADDRESS_SPACE}; exec {} \"$@\"", env!("CARGO_BIN_EXE_astream"));
    tool("sh").args(["-c", &script, "astream"]).args(args)
}

/// Follows each path in a thread of its own.
pub fn on_all(follow: fn(Path)) {
    let following: Vec<_> = PATHS.map(|path| (path, thread::spawn(move || follow(path)))).into();
    let failed = |(path, following): (Path, JoinHandle<()>)| following.join().is_err().then_some(path);
    let failed: Vec<_> = following.into_iter().filter_map(failed).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
