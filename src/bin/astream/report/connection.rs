//! A connection, or a session of datagrams, from its first line to its last.

use std::fmt;
use std::time::Instant;

use astream::{Address, Datagrams, Endpoint, Error, StreamReader, TlsInfo, Totals, Traffic};
use tracing::Span;

use super::progress::{self, Watching};
use super::{Event, report};

/// What both lines of a connection have. If it is dropped before its last line, a signal ends the program, and that line
/// is reported all the same.
pub struct Connection {
    name: Name,
    start: Instant,
    /// What is counted, until the last line.
    traffic: Option<Traffic>,
    /// Until it is closed.
    watching: Option<Watching>,
}

/// The peer, and of a server the number of its client.
pub struct Name {
    pub number: Option<u64>,
    pub peer: Address,
}

impl Connection {
    /// One of ours, which was begun at `start`.
    pub fn connected(reader: &StreamReader, start: Instant) -> Self {
        let connection =
            Self::begun(reader.peer_addr().clone(), reader.local_addr(), reader.traffic(), start);
        connection.shaken(reader.tls())
    }

    /// The same of datagrams.
    pub fn begun(peer: Address, local: &Address, traffic: Traffic, start: Instant) -> Self {
        report(&Event::Connected { peer: &peer, local });
        let watching = progress::watch(&traffic);
        Self { name: Name { number: None, peer }, start, traffic: Some(traffic), watching }
    }

    /// A client's.
    pub fn accepted(reader: &StreamReader) -> Self {
        let (peer, proxy) = (reader.peer_addr().clone(), reader.proxy_addr());
        let name = Name { number: reader.number(), peer };
        let connection = Self::numbered(name, reader.local_addr(), proxy, reader.tls(), reader.traffic());
        connection.shaken(reader.tls())
    }

    /// A client's session of datagrams.
    pub fn session(client: &Datagrams) -> Self {
        let name = Name { number: client.number(), peer: client.peer_addr() };
        Self::numbered(name, &client.local_addr(), None, None, client.traffic())
    }

    fn numbered(
        name: Name,
        local: &Address,
        proxy: Option<&Address>,
        tls: Option<&TlsInfo>,
        traffic: Traffic,
    ) -> Self {
        report(&Event::Accepted { name: &name, local, proxy, tls });
        let watching = progress::watch(&traffic);
        Self { name, start: Instant::now(), traffic: Some(traffic), watching }
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

    /// It has come to its end, which is reported once. Returns what it has moved.
    pub fn closed(&mut self, target: Option<&Endpoint>, error: Option<&Error>) -> Totals {
        let Some(traffic) = self.traffic.take() else { return Totals::default() };
        let totals = traffic.totals();
        self.watching = None;
        self.ended(totals, target, error, false);
        totals
    }

    fn ended(&self, totals: Totals, target: Option<&Endpoint>, error: Option<&Error>, is_interrupted: bool) {
        let seconds = self.start.elapsed().as_secs_f64();
        // It is the only one: its last line is the last of all.
        if self.name.number.is_none() {
            progress::finish();
        }
        report(&Event::Closed { name: &self.name, totals, target, error, seconds, is_interrupted });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(traffic) = self.traffic.take() {
            self.ended(traffic.totals(), None, Some(&interrupted()), true);
        }
    }
}

/// Why a connection has ended that a signal has ended.
pub fn interrupted() -> Error {
    Error::other("interrupted")
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
