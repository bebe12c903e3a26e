//! A connection, or a session of datagrams, from its first line to its last.

use std::fmt;
use std::time::Instant;

use astream::{Address, Datagrams, Endpoint, Error, StreamReader, TlsInfo, Totals};
use tracing::Span;

use super::{Event, report};

/// What both lines of a connection have.
pub struct Connection {
    name: Name,
    start: Instant,
}

/// The peer, and of a server the number of its client.
pub struct Name {
    pub number: Option<u64>,
    pub peer: Address,
}

impl Connection {
    /// One of ours, which was begun at `start`.
    pub fn connected(peer: Address, local: &Address, tls: Option<&TlsInfo>, start: Instant) -> Self {
        report(&Event::Connected { peer: &peer, local });
        Self { name: Name { number: None, peer }, start }.shaken(tls)
    }

    /// A client's.
    pub fn accepted(reader: &StreamReader) -> Self {
        let (peer, proxy) = (reader.peer_addr().clone(), reader.proxy_addr());
        Self::numbered(reader.number(), peer, reader.local_addr(), proxy, reader.tls())
    }

    /// A client's session of datagrams.
    pub fn session(client: &Datagrams) -> Self {
        Self::numbered(client.number(), client.peer_addr(), &client.local_addr(), None, None)
    }

    fn numbered(
        number: Option<u64>,
        peer: Address,
        local: &Address,
        proxy: Option<&Address>,
        tls: Option<&TlsInfo>,
    ) -> Self {
        let name = Name { number, peer };
        report(&Event::Accepted { name: &name, local, proxy, tls });
        Self { name, start: Instant::now() }.shaken(tls)
    }

    fn shaken(self, tls: Option<&TlsInfo>) -> Self {
        if let Some(tls) = tls {
            report(&Event::Tls { name: &self.name, tls });
        }
        self
    }

    pub fn peer(&self) -> &Address {
        &self.name.peer
    }

    /// Each line of the log that is written while a client is served begins with its name.
    pub fn span(&self) -> Span {
        let Name { number, peer } = &self.name;
        tracing::info_span!("client", number, %peer)
    }

    /// It has come to its end.
    pub fn closed(&self, totals: Totals, target: Option<&Endpoint>, error: Option<&Error>) {
        let seconds = self.start.elapsed().as_secs_f64();
        report(&Event::Closed { name: &self.name, totals, target, error, seconds });
    }
}

/// `#1 192.0.2.1:40000`
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.number {
            write!(f, "#{number} ")?;
        }
        self.peer.fmt(f)
    }
}
