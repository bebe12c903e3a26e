//! STARTTLS: the few words in a protocol of its own after which a server speaks TLS.
//!
//! A dialogue is a list of turns: something to say, and a function that looks at what has come since.
//! Only [`Dialogue::hold`] does any input or output, so that a reply may be split anywhere.

mod ldap;
mod lines;
mod mysql;
mod postgres;
mod protocol;
#[cfg(test)]
mod splits;
mod xmpp;

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tls::is_alert;
use super::{Transport, quoted};
use crate::endpoint::Address;
use crate::error::{Error, TlsFault};
use crate::policy::Deadline;
pub use protocol::StartTls;

/// What is told of bytes that came before the handshake: anybody could have slipped them in
/// (CVE-2011-0411).
pub(crate) const UNASKED: &str = "the peer sent bytes before the handshake, which were refused";

/// How long a reply may be, with all of its lines.
const MAX_REPLY: usize = 16 * 1024;

/// One thing to say, and what has to come for it.
struct Turn {
    say: Say,
    /// What has to come, for messages.
    awaits: &'static str,
    hear: fn(&[u8]) -> Heard,
}

enum Say {
    /// `{us}` and `{server}` stand for the names.
    Text(&'static str),
    Bytes(&'static [u8]),
}

/// What is to be thought of what has come.
#[derive(Debug, PartialEq)]
enum Heard {
    /// It is not whole yet.
    More,
    /// It is what was hoped for, and ends after so many bytes.
    Yes(usize),
    /// It is something else, and why that is the end.
    No(String),
}

impl Heard {
    fn declined(said: &[u8]) -> Self {
        Self::No(format!("the server declined: {}", quoted(said)))
    }

    fn not_offered(said: &[u8]) -> Self {
        Self::No(format!("the server does not offer it: {}", quoted(said)))
    }

    fn strange(said: &[u8]) -> Self {
        Self::No(format!("the server speaks another protocol: {}", quoted(said)))
    }
}

/// A dialogue with a server that is asked for TLS.
pub(crate) struct Dialogue<'a> {
    pub(crate) protocol: StartTls,
    /// The server's name, as it will be verified.
    pub(crate) server: &'a str,
    /// This end.
    pub(crate) local: &'a Address,
    /// The server for messages.
    pub(crate) peer: &'a str,
    pub(crate) deadline: Deadline,
}

impl Dialogue<'_> {
    /// Leaves `io` at the handshake.
    pub(crate) async fn hold(&self, io: &mut Transport) -> Result<(), Error> {
        let mut received = Vec::new();
        for turn in self.protocol.turns() {
            let waiting = || format!("{}: waiting for {}", self.doing(), turn.awaits);
            let taken = self.deadline.bound(self.turn(io, turn, &mut received), waiting).await??;
            if taken > 0 {
                tracing::debug!("{} said {}", self.peer, quoted(&received[..taken]));
            }
            received.drain(..taken);
        }
        if received.is_empty() { Ok(()) } else { Err(self.error(UNASKED)) }
    }

    /// One turn; how many bytes of what was received are its reply.
    async fn turn(&self, io: &mut Transport, turn: &Turn, received: &mut Vec<u8>) -> Result<usize, Error> {
        let lost = |error: io::Error| {
            let error = error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase();
            self.error(&format!("{error} while waiting for {}", turn.awaits))
        };
        io.write_all(&self.said(&turn.say)).await.map_err(lost)?;
        io.flush().await.map_err(lost)?;
        loop {
            match (turn.hear)(received) {
                _ if is_alert(received) => return Err(self.speaks_tls()),
                Heard::Yes(taken) => return Ok(taken),
                Heard::No(reason) => return Err(self.error(&reason)),
                Heard::More if received.len() >= MAX_REPLY => {
                    let told = format!("{} does not end: {}", turn.awaits, quoted(received));
                    return Err(self.error(&told));
                }
                Heard::More => received.reserve(1024),
            }
            io.acknowledge_at_once();
            if io.read_buf(received).await.map_err(lost)? == 0 {
                let told = format!("the server closed the connection before {}", turn.awaits);
                return Err(self.error(&match received.len() {
                    0 => told,
                    _ => format!("{told} was whole: {}", quoted(received)),
                }));
            }
        }
    }

    fn said(&self, say: &Say) -> Vec<u8> {
        match say {
            Say::Text(text) => {
                text.replace("{us}", &literal(self.local)).replace("{server}", self.server).into_bytes()
            }
            Say::Bytes(bytes) => bytes.to_vec(),
        }
    }

    fn doing(&self) -> String {
        format!("STARTTLS ({}) with {}", self.protocol, self.peer)
    }

    fn error(&self, reason: &str) -> Error {
        Error::tls(self.doing(), reason)
    }

    fn speaks_tls(&self) -> Error {
        Error::Tls {
            doing: self.doing(),
            reason: "the server speaks TLS from the start".to_owned(),
            fault: TlsFault::FromStart,
            peer_certificates: Vec::new(),
        }
    }
}

/// Our own name for a mail server. The address is always at hand and always true, which the name of
/// this machine need not be (RFC 5321, 4.1.3 and 4.1.4).
fn literal(local: &Address) -> String {
    match local {
        Address::Tcp(address) if address.is_ipv4() => format!("[{}]", address.ip()),
        Address::Tcp(address) => format!("[IPv6:{}]", address.ip()),
        Address::Unix(_) | Address::Memory => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[test]
    fn our_name_is_our_address() {
        for (local, name) in
            [("127.0.0.1:1", "[127.0.0.1]"), ("[::1]:1", "[IPv6:::1]"), ("[fe80::1%3]:1", "[IPv6:fe80::1]")]
        {
            assert_eq!(literal(&Address::Tcp(local.parse().unwrap())), name);
        }
        assert_eq!(literal(&Address::Unix(None)), "localhost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_always_has_a_little_more_is_left_at_the_limit_of_the_whole() {
        let (client, mut server) = tokio::io::duplex(100);
        let mut client = Transport::memory(client);
        let start = Instant::now();
        let timeout = Duration::from_secs(3);
        let dialogue = Dialogue {
            protocol: StartTls::Smtp,
            server: "localhost",
            local: &Address::Memory,
            peer: "a server",
            deadline: Deadline::after(Some(timeout)),
        };
        let trickle = async {
            sleep(Duration::from_secs(2)).await;
            server.write_all(b"220 mail.test\r\n").await.unwrap();
            while server.write_all(b"250-\r\n").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let error = tokio::select! {
            ended = dialogue.hold(&mut client) => ended.unwrap_err(),
            () = trickle => unreachable!("the client is there"),
        };
        assert_eq!(
            error.to_string(),
            "STARTTLS (smtp) with a server: waiting for the answer to EHLO: nothing within 3 s"
        );
        assert_eq!(start.elapsed(), timeout);
    }
}
