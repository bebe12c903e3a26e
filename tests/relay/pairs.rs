//! A client, a relay and a target, in every combination of plain and TLS; the test controls both ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionCommon, ServerConnection, StreamOwned};

use crate::support::certs::{Authority, Issued, arg, authority};
use crate::support::peer::{self, Peer};
use crate::support::{DEADLINE, Program, Running, astream};

/// Which sides speak TLS, and whether the kernel may move the bytes where neither does.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    pub client_tls: bool,
    pub target_tls: bool,
    pub by_streams: bool,
}

/// Every pair, and the plain one by both ways of moving bytes.
pub const PAIRS: [Pair; 5] = [
    Pair { client_tls: false, target_tls: false, by_streams: false },
    Pair { client_tls: false, target_tls: false, by_streams: true },
    Pair { client_tls: true, target_tls: false, by_streams: false },
    Pair { client_tls: false, target_tls: true, by_streams: false },
    Pair { client_tls: true, target_tls: true, by_streams: false },
];

impl Pair {
    /// Whether either side speaks TLS.
    pub fn has_tls(self) -> bool {
        self.client_tls || self.target_tls
    }
}

/// A folder with the one authority that all of them trust.
pub struct Place {
    pub authority: Authority,
    pub issued: Issued,
}

pub fn place() -> Place {
    let authority = authority();
    let issued = authority.localhost();
    Place { authority, issued }
}

impl Place {
    /// A target for one connection.
    pub fn target<T: Send + 'static>(
        &self,
        pair: Pair,
        serve: impl FnOnce(Talk) -> T + Send + 'static,
    ) -> Peer<T> {
        let config = pair.target_tls.then(|| self.authority.server(&self.issued, false));
        peer::peer(move |stream| {
            serve(match config {
                None => Talk::Plain(stream),
                Some(config) => {
                    Talk::Server(Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)))
                }
            })
        })
    }

    /// A relay to this address of localhost.
    pub fn relay(&self, pair: Pair, target: &str, more: &[&str]) -> Running {
        self.relaying(pair, target).args(more).start()
    }

    pub fn relaying(&self, pair: Pair, target: &str) -> Program {
        let mut relay = astream(["listen", "127.0.0.1", "0", "--forward", target, "-vv"]);
        if pair.client_tls {
            let Issued { cert, key } = &self.issued;
            relay = relay.args(["--tls", "--cert", arg(cert), "--key", arg(key)]);
        }
        if pair.target_tls {
            relay = relay.args(["--forward-tls", "--forward-cacert", arg(&self.authority.ca)]);
        }
        if pair.by_streams { relay.env("ASTREAM_NO_SPLICE", "1") } else { relay }
    }

    /// A client of the relay.
    pub fn client(&self, pair: Pair, relay: &Running) -> Talk {
        self.client_of(pair, TcpStream::connect(relay.address()).unwrap())
    }

    pub fn client_of(&self, pair: Pair, stream: TcpStream) -> Talk {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        if !pair.client_tls {
            return Talk::Plain(stream);
        }
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(self.authority.client(), name).unwrap();
        Talk::Client(Box::new(StreamOwned::new(connection, stream)))
    }
}

/// One end of a conversation.
pub enum Talk {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Talk {
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Client(tls) => &tls.sock,
            Self::Server(tls) => &tls.sock,
        }
    }

    fn into_socket(self) -> TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Client(tls) => tls.into_parts().1,
            Self::Server(tls) => tls.into_parts().1,
        }
    }

    /// The handshake, if there is one to do.
    pub fn shake_hands(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Client(tls) => drop(tls.conn.complete_io(&mut tls.sock).unwrap()),
            Self::Server(tls) => drop(tls.conn.complete_io(&mut tls.sock).unwrap()),
        }
    }

    /// A clean end of this direction.
    pub fn end(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Client(tls) => tls.conn.send_close_notify(),
            Self::Server(tls) => tls.conn.send_close_notify(),
        }
        self.flush().unwrap();
        self.cut();
    }

    /// An end of this direction; under TLS without `close_notify`.
    pub fn cut(&self) {
        self.socket().shutdown(Shutdown::Write).unwrap();
    }

    pub fn reset(self) {
        peer::reset(self.into_socket());
    }

    /// Sends until that fails; whether the other side did not seem to end cleanly. The system reports a reset
    /// only once, to the call that meets it first.
    pub fn is_cut_while_sending(&mut self) -> bool {
        let failed = loop {
            if let Err(error) = self.write_all(&[7; 8192]) {
                break error;
            }
        };
        failed.kind() == ErrorKind::ConnectionReset
            || match self {
                Self::Plain(_) => !self.read_all().1,
                Self::Client(tls) => !ends_cleanly(&mut tls.conn, &mut tls.sock),
                Self::Server(tls) => !ends_cleanly(&mut tls.conn, &mut tls.sock),
            }
    }

    /// Everything up to the end, and whether that was a clean one.
    pub fn read_all(&mut self) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Ok(_) => (bytes, true),
            Err(error) => {
                let cut =
                    [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
                assert!(cut.contains(&error.kind()), "{error}");
                (bytes, false)
            }
        }
    }
}

/// Whether `close_notify` comes, for a side that cannot write any more.
fn ends_cleanly<S>(tls: &mut ConnectionCommon<S>, socket: &mut TcpStream) -> bool {
    loop {
        // What was decrypted comes first; a missing end is reported as an error.
        match tls.reader().read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(_) if tls.read_tls(socket).is_ok_and(|n| n > 0) && tls.process_new_packets().is_ok() => {}
            Err(_) => return false,
        }
    }
}

/// Asserts what was read, and that it is all there is.
#[track_caller]
pub fn assert_whole((got, is_clean): (Vec<u8>, bool), wanted: &[u8]) {
    assert!(got == wanted, "{} bytes instead of {}", got.len(), wanted.len());
    assert!(is_clean, "all of it, and then no clean end");
}

/// Asserts what was read, and that it does not look like all there is.
#[track_caller]
pub fn assert_cut((got, is_clean): (Vec<u8>, bool), wanted: &[u8]) {
    assert!(got == wanted, "{} bytes instead of {}", got.len(), wanted.len());
    assert!(!is_clean, "it looks complete");
}

impl Read for Talk {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buf),
            Self::Client(tls) => tls.read(buf),
            Self::Server(tls) => tls.read(buf),
        }
    }
}

impl Write for Talk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buf),
            Self::Client(tls) => tls.write(buf),
            Self::Server(tls) => tls.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Client(tls) => tls.flush(),
            Self::Server(tls) => tls.flush(),
        }
    }
}
