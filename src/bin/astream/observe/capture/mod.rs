//! `--capture`: what moves, as packets in a file that Wireshark reads.

mod ends;
mod facts;
mod packet;
mod pcapng;
mod stream;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use astream::{Direction, Error, Observer, Opened, Tap};

use super::output::Output;
use ends::{Ends, Open};
use packet::{Segment, Way};
use stream::Stream;

/// Writes what moves on every connection to one file, each packet in one piece.
pub struct Capture {
    output: Arc<Output>,
    /// The number of the next connection.
    number: AtomicU32,
    open: Open,
}

impl Capture {
    pub fn new(output: Arc<Output>) -> Self {
        output.write(&pcapng::head());
        Self { output, number: AtomicU32::new(1), open: Open::default() }
    }

    /// A connection between these ends, and what the first packet has for comments.
    fn connection(&self, ends: Ends, is_accepted: bool, number: u32, comments: Vec<String>) -> Connection {
        let wire = Wire { output: Arc::clone(&self.output), ends, is_accepted };
        let stream = Mutex::new(Stream::new(beginning(number, is_accepted)));
        let connection = Connection { wire, stream, open: self.open.clone() };
        let opener = if is_accepted { Direction::Received } else { Direction::Sent };
        connection.stream().open(opener, connection.wire.emit(comments));
        connection
    }
}

/// The sequence numbers that the directions of this connection begin with. No other connection begins with the same ones, so
/// that one between the same ends as an earlier one is another to a reader. The factor is odd, so that all numbers are used.
fn beginning(number: u32, is_accepted: bool) -> [u32; 2] {
    let client = number.wrapping_mul(0x9E37_79B1);
    if is_accepted { [!client, client] } else { [client, !client] }
}

impl Observer for Capture {
    fn open(&self, opened: &Opened<'_>) -> Box<dyn Tap> {
        let Opened { is_accepted, local, peer, .. } = *opened;
        let (client, server) = if is_accepted { (peer, local) } else { (local, peer) };
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let wanted = Ends::new(client, server, number);
        if opened.is_datagrams {
            let wire = Wire { output: Arc::clone(&self.output), ends: wanted, is_accepted };
            return Box::new(Session { wire, comments: Mutex::new(facts::facts(opened, false)) });
        }
        let ends = self.open.take(wanted);
        let comments = facts::facts(opened, ends != wanted);
        Box::new(self.connection(ends, is_accepted, number, comments))
    }
}

/// Where packets between two ends go.
struct Wire {
    output: Arc<Output>,
    ends: Ends,
    is_accepted: bool,
}

impl Wire {
    /// The way of what moves in this direction.
    fn way(&self, direction: Direction) -> Way {
        let is_of_client = (direction == Direction::Sent) != self.is_accepted;
        if is_of_client { self.ends.client_sends() } else { self.ends.server_sends() }
    }

    /// Writes segments of one moment, the first with these comments.
    fn emit(&self, mut comments: Vec<String>) -> impl FnMut(Direction, &Segment<'_>) {
        let now = SystemTime::now();
        move |direction, segment| {
            let way = self.way(direction);
            let write = |packet: &mut Vec<u8>| packet::tcp(packet, way, segment);
            let comments = std::mem::take(&mut comments);
            self.write(now, direction, &comments, segment.data.len(), write);
        }
    }

    /// Writes a packet of about this length. After a full disk this costs no time any more.
    fn write(
        &self,
        time: SystemTime,
        direction: Direction,
        comments: &[String],
        length: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.output.is_complete() {
            self.output.write(&pcapng::packet(time, direction, comments, length, write));
        }
    }
}

/// One connection. Its packets are written under the lock, in the order of their numbers.
struct Connection {
    wire: Wire,
    stream: Mutex<Stream>,
    open: Open,
}

impl Connection {
    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Connection {
    fn moved(&self, direction: Direction, bytes: &[u8]) {
        let mut stream = self.stream();
        stream.moved(direction, bytes, self.wire.emit(Vec::new()));
    }

    fn ended(&self, direction: Direction) {
        let mut stream = self.stream();
        stream.ended(direction, self.wire.emit(Vec::new()));
    }

    fn closed(&self, failure: Option<&Error>) {
        let is_of_peer = failure.is_some_and(is_of_peer);
        let cut_by = if is_of_peer { Direction::Received } else { Direction::Sent };
        self.stream().closed(cut_by, self.wire.emit(Vec::new()));
        self.open.free(&self.wire.ends);
    }
}

/// Whether the peer has cut the connection: everything else was given up by this end.
fn is_of_peer(failure: &Error) -> bool {
    match failure {
        Error::Truncated => true,
        Error::Lost { cause, .. } => {
            // To a write, a reset after the peer's end is a broken pipe.
            let resets = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::NotConnected];
            resets.contains(&cause.kind())
        }
        _ => false,
    }
}

/// One session of datagrams.
struct Session {
    wire: Wire,
    /// For the first message.
    comments: Mutex<Vec<String>>,
}

impl Tap for Session {
    fn moved(&self, direction: Direction, bytes: &[u8]) {
        // The lock keeps the message with the comments before all others.
        let mut comments = self.comments.lock().unwrap_or_else(PoisonError::into_inner);
        let way = self.wire.way(direction);
        let write = |packet: &mut Vec<u8>| packet::udp(packet, way, bytes);
        self.wire.write(SystemTime::now(), direction, &std::mem::take(&mut *comments), bytes.len(), write);
    }

    fn ended(&self, _: Direction) {}

    fn closed(&self, _: Option<&Error>) {}
}
