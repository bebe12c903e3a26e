//! STARTTLS: the short dialogue in another protocol after which a server speaks TLS.

mod ldap;
mod lines;
mod mysql;
mod postgres;
mod protocol;
#[cfg(test)]
mod splits;
mod xmpp;

use std::borrow::Cow;

use super::dialogue::{Dialogue, MAX_ANSWER, Reply};
use super::tls::is_alert;
use super::{Prefixed, quoted};
use crate::endpoint::Address;
use crate::error::{Error, Step, TlsFault};
use crate::policy::Deadline;
pub use protocol::StartTls;

/// Why bytes before the handshake are refused: anyone on the network path could have inserted them
/// (CVE-2011-0411).
pub(crate) const UNASKED: &str = "the peer sent bytes before the handshake, which were refused";

/// What is sent, and the answer to it.
struct Turn {
    say: Say,
    /// The name of the answer in messages.
    awaits: &'static str,
    read: fn(&[u8]) -> Reply,
}

enum Say {
    /// `{us}` and `{server}` stand for the names.
    Text(&'static str),
    Bytes(&'static [u8]),
}

impl Reply {
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

/// A request to a server to start TLS.
pub(crate) struct Request<'a> {
    pub(crate) protocol: StartTls,
    /// The server's name, as it will be verified.
    pub(crate) server: &'a str,
    /// The address of this end.
    pub(crate) local: &'a Address,
    /// The server, for messages.
    pub(crate) peer: &'a str,
    pub(crate) deadline: Deadline,
}

impl Request<'_> {
    /// Conducts the dialogue, and returns the connection at the point where the handshake begins.
    pub(crate) async fn send(&self, connection: Prefixed) -> Result<Prefixed, Error> {
        let doing = format!("STARTTLS ({}) with {}", self.protocol, self.peer);
        let failed = {
            let doing = doing.clone();
            move |reason| Error::tls(doing.clone(), reason).with_fault(TlsFault::Unfinished)
        };
        let mut dialogue = Dialogue::new(connection, self.deadline, Step::StartTls, doing.clone(), failed);
        for Turn { say, awaits, read } in self.protocol.turns() {
            let answer = match dialogue.turn(&self.said(say), awaits, read).await {
                Err(_) if is_alert(dialogue.received()) => {
                    let reason = "the server speaks TLS from the start";
                    return Err(Error::tls(doing, reason).with_fault(TlsFault::FromStart));
                }
                answer => answer?,
            };
            tracing::debug!("{} said {}", self.peer, quoted(&answer));
        }
        let connection = dialogue.end();
        if connection.ahead.is_empty() { Ok(connection) } else { Err(Error::tls(doing, UNASKED)) }
    }

    fn said(&self, say: &Say) -> Cow<'static, [u8]> {
        match say {
            Say::Text(text) => {
                let text = text.replace("{us}", &literal(self.local)).replace("{server}", self.server);
                text.into_bytes().into()
            }
            Say::Bytes(bytes) => (*bytes).into(),
        }
    }
}

/// Our own name for a mail server: our address, which is always known and always true, as the name of this
/// machine need not be (RFC 5321, 4.1.3 and 4.1.4).
fn literal(local: &Address) -> String {
    match local {
        Address::Tcp(address) if address.is_ipv4() => format!("[{}]", address.ip()),
        Address::Tcp(address) => format!("[IPv6:{}]", address.ip()),
        Address::Unix(_) | Address::Memory | Address::Unknown => "localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;
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
        let start = Instant::now();
        let timeout = Duration::from_secs(3);
        let request = Request {
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
            ended = request.send(Transport::over(client).into()) => ended.err().unwrap(),
            () = trickle => unreachable!("the client is there"),
        };
        assert_eq!(
            error.to_string(),
            "STARTTLS (smtp) with a server: waiting for the answer to EHLO: timed out after 3 s"
        );
        assert_eq!(start.elapsed(), timeout);
    }
}
