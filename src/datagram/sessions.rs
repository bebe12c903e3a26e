//! The sessions of a server: found by their peer, and bounded in number.

use std::collections::{BTreeMap, HashMap};

use super::session::Datagrams;
use crate::transport::Route;

/// The socket that a message came by, of those that a server has, and where from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) socket: usize,
    pub(super) route: Route,
}

/// When a session was last known to move, and its number.
type Place = (u64, u64);

#[derive(Debug)]
pub(super) struct Sessions {
    most: usize,
    by_key: HashMap<Key, (Datagrams, Place)>,
    /// Those that were last known to move come last. A session that has moved since stands too early, which is put
    /// right when its turn comes.
    by_place: BTreeMap<Place, Key>,
    /// The number of the next one.
    next: u64,
}

impl Sessions {
    /// At most so many, and at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), by_key: HashMap::new(), by_place: BTreeMap::new(), next: 0 }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Datagrams> {
        self.by_key.get(key).map(|(session, _)| session)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many there have ever been.
    pub(super) fn begun(&self) -> u64 {
        self.next
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Datagrams> {
        self.by_key.values().map(|(session, _)| session)
    }

    /// Adds a session and returns its number. One takes the place of the session that was idle longest, if there
    /// are as many as there may be.
    pub(super) fn add(&mut self, key: Key, session: Datagrams) -> u64 {
        self.remove_of(&key);
        while self.by_key.len() >= self.most {
            self.replace_one();
        }
        let place = (session.moved(), self.next);
        self.next += 1;
        self.by_place.insert(place, key.clone());
        self.by_key.insert(key, (session, place));
        place.1
    }

    /// Removes the session with this number, unless it is gone already.
    pub(super) fn remove(&mut self, key: &Key, number: u64) {
        if self.by_key.get(key).is_some_and(|(_, place)| place.1 == number) {
            self.remove_of(key);
        }
    }

    fn remove_of(&mut self, key: &Key) {
        if let Some((_, place)) = self.by_key.remove(key) {
            self.by_place.remove(&place);
        }
    }

    fn replace_one(&mut self) {
        let Some((known, key)) = self.by_place.pop_first() else { return };
        let Some((session, place)) = self.by_key.get_mut(&key) else { return };
        let moved = session.moved();
        if moved > known.0 {
            *place = (moved, known.1);
            self.by_place.insert(*place, key);
        } else {
            session.replace();
            self.by_key.remove(&key);
        }
    }
}
