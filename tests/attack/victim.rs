//! A listener to attack, with each handler, and the proof that it still serves.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use crate::support::certs::{Authority, arg, authority};
use crate::support::{DEADLINE, Running, astream};

/// What a listener does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    OneShot,
    KeepOpen,
    Echo,
    Discard,
    Broker,
    Forward,
    /// `cat`, behind pipes.
    Command,
    /// An echo, whose clients come with the header of a proxy.
    Proxied,
}

/// Those that outlive a client.
pub const SERVERS: [Handler; 7] = [
    Handler::KeepOpen,
    Handler::Echo,
    Handler::Discard,
    Handler::Broker,
    Handler::Forward,
    Handler::Command,
    Handler::Proxied,
];

pub fn handlers() -> impl Iterator<Item = Handler> {
    [Handler::OneShot].into_iter().chain(SERVERS)
}

pub struct Victim {
    pub handler: Handler,
    pub authority: Authority,
    pub listener: Running,
    pub address: SocketAddr,
    _target: Option<Running>,
}

/// A listener with this limit for each handshake.
pub fn victim(handler: Handler, limit: &str) -> Victim {
    let authority = authority();
    let issued = authority.localhost();
    let listen = ["listen", "127.0.0.1", "0", "--tls", "-w", limit];
    let listener = astream(listen).args(["--cert", arg(&issued.cert), "--key", arg(&issued.key)]);
    let mut target = None;
    let listener = match handler {
        Handler::OneShot => listener.input("served"),
        Handler::KeepOpen => listener.args(["-k"]),
        Handler::Echo => listener.args(["--echo"]),
        // Only the log shows that a client has come.
        Handler::Discard => listener.args(["--discard", "-v"]),
        Handler::Broker => listener.args(["--broker"]),
        Handler::Forward => {
            let echo = target.insert(astream(["listen", "127.0.0.1", "0", "--echo"]).start());
            listener.args(["--forward", &echo.address().to_string()])
        }
        Handler::Command => listener.args(["--", "cat"]),
        Handler::Proxied => listener.args(["--echo", "--proxy-protocol", "127.0.0.0/8"]),
    };
    let listener = listener.start();
    let address = listener.address();
    Victim { handler, authority, listener, address, _target: target }
}

impl Victim {
    pub fn dial(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        if self.handler == Handler::Proxied {
            stream.write_all(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n").unwrap();
        }
        stream
    }

    /// Waits for the line about the client that contains `text`.
    pub fn reports(&self, text: &str) {
        self.listener.stderr_line(text);
    }

    /// A well-behaved client gets what it came for. A one-shot listener is used up by it, not before.
    pub fn serves(self) {
        let to = self.address.to_string();
        let proxy = ["listen", "127.0.0.1", "0", "--forward", &to, "--forward-proxy-protocol", "v1"];
        let proxy = (self.handler == Handler::Proxied).then(|| astream(proxy).start());
        let address = proxy.as_ref().map_or(self.address, Running::address);
        let connect = ["connect", &address.to_string(), "--tls", "--cacert", arg(&self.authority.ca)];
        // Quiet: a listener that only receives looks like one that hangs up, which would give a hint.
        let client = astream(connect).args(["--quiet"]).input("served").start();
        match self.handler {
            Handler::OneShot => {
                client.wait().status(0).silent().stdout(b"served");
                self.listener.wait().status(0).stdout(b"served");
            }
            Handler::KeepOpen => {
                client.wait().status(0).silent().stdout(b"");
                self.prints_served();
            }
            // The client goes on receiving.
            Handler::Broker => self.prints_served(),
            Handler::Discard => drop(client.wait().status(0).silent().stdout(b"")),
            Handler::Echo | Handler::Forward | Handler::Command | Handler::Proxied => {
                client.wait().status(0).silent().stdout(b"served");
            }
        }
    }

    fn prints_served(&self) {
        let start = Instant::now();
        while !self.listener.stdout_so_far().ends_with(b"served") {
            assert!(start.elapsed() < DEADLINE, "stdout does not give what was sent");
            thread::yield_now();
        }
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.listener.pid().as_raw_nonzero()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}
