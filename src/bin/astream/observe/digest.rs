//! `--sha256`: the digests of both directions of each connection.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use astream::{Direction, Error, Observer, Opened, Tap};
use aws_lc_rs::digest::{Context, SHA256};

use crate::report::{self, Event, Name};

/// Reports the digests of every connection at its end.
pub struct Digests;

impl Observer for Digests {
    fn open(&self, connection: &Opened<'_>) -> Box<dyn Tap> {
        let name = Name { number: connection.number, peer: connection.peer.clone() };
        Box::new(Digest { name, of: Direction::BOTH.map(|_| Mutex::new(Context::new(&SHA256))) })
    }
}

/// The digests of one connection.
struct Digest {
    name: Name,
    of: [Mutex<Context>; 2],
}

impl Digest {
    fn context(&self, direction: Direction) -> MutexGuard<'_, Context> {
        self.of[direction as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hex(&self, direction: Direction) -> String {
        let digest = self.context(direction).clone().finish();
        digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl Tap for Digest {
    fn moved(&self, direction: Direction, bytes: &[u8]) {
        self.context(direction).update(bytes);
    }

    fn ended(&self, _: Direction) {}

    fn closed(&self, _: Option<&Error>) {
        for direction in Direction::BOTH {
            let sha256 = &self.hex(direction);
            report::report(&Event::Digest { name: &self.name, direction, sha256 });
        }
    }
}
