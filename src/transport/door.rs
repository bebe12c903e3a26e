//! Which clients of a server may come in, and how many at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::endpoint::{Address, Networks};

/// Who may come in. By default everybody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// How many connections there may be at once.
    pub(crate) most: Option<usize>,
    /// How many of them may come from one IP address.
    pub(crate) most_of_one: Option<usize>,
    /// If there are any, only addresses in these networks.
    pub(crate) allow: Option<Networks>,
    /// No address in these networks.
    pub(crate) deny: Networks,
}

impl Rules {
    /// Whether a client may come in, by its address.
    pub(crate) fn allow(&self, peer: &Address) -> bool {
        let Address::Tcp(peer) = peer else { return true };
        let is_allowed = self.allow.as_ref().is_none_or(|allow| allow.contains(peer.ip()));
        is_allowed && !self.deny.contains(peer.ip())
    }
}

/// Why a client may not come in.
pub(crate) const NOT_ALLOWED: &str = "its address is not allowed";

/// Lets clients in by its rules, and counts them.
#[derive(Debug, Default)]
pub(super) struct Door {
    rules: Mutex<Arc<Rules>>,
    inside: Mutex<Inside>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

impl Door {
    pub(super) fn new(rules: Rules) -> Arc<Self> {
        Arc::new(Self { rules: Mutex::new(Arc::new(rules)), ..Self::default() })
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets clients in by these rules from now on. Those that are inside stay.
    pub(super) fn set_rules(&self, rules: Rules) {
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        self.left.notify_one();
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for one more. May be cancelled.
    pub(super) async fn room(&self) {
        let is_full = || self.rules().most.filter(|most| self.inside().all >= *most);
        if let Some(most) = is_full() {
            tracing::info!("{most} of {most} connections are open: others wait until one has ended");
        }
        while is_full().is_some() {
            self.left.notified().await;
        }
    }

    /// Lets a client in, if there are rules to its place; or says why not.
    pub(super) fn enter(self: &Arc<Self>, peer: &Address) -> Result<Option<Place>, String> {
        let rules = self.rules();
        if !rules.allow(peer) {
            return Err(NOT_ALLOWED.to_owned());
        }
        let Rules { most, most_of_one, .. } = &*rules;
        let address = match peer {
            Address::Tcp(peer) => Some(peer.ip().to_canonical()),
            _ => None,
        };
        if most.is_none() && most_of_one.is_none() {
            return Ok(None);
        }
        let address = address.filter(|_| most_of_one.is_some());
        let mut inside = self.inside();
        if let (Some(address), Some(most)) = (address, *most_of_one) {
            let of = inside.of.entry(address).or_default();
            if *of >= most {
                return Err(format!("{address} has {of} of {most} connections"));
            }
            *of += 1;
        }
        inside.all += 1;
        drop(inside);
        Ok(Some(Place(Box::new((Arc::clone(self), address)))))
    }

    fn leave(&self, address: Option<IpAddr>) {
        let mut inside = self.inside();
        inside.all -= 1;
        if let Some(address) = address
            && let Some(of) = inside.of.get_mut(&address)
        {
            *of -= 1;
            if *of == 0 {
                inside.of.remove(&address);
            }
        }
        drop(inside);
        self.left.notify_one();
    }
}

/// The place of one client, which is free again when this is dropped.
pub(crate) struct Place(Box<(Arc<Door>, Option<IpAddr>)>);

impl Drop for Place {
    fn drop(&mut self) {
        let (door, address) = &*self.0;
        door.leave(*address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Address {
        Address::Tcp(text.parse().unwrap())
    }

    #[test]
    fn denial_wins_and_without_networks_to_allow_the_others_are_let_in() {
        let networks = |text: &str| text.parse::<Networks>().unwrap();
        let inner = Some(networks("10.0.0.0/8"));
        for (allow, deny, address, is_let_in) in [
            (None, "", "192.0.2.1:1", true),
            (None, "10.0.0.0/8", "192.0.2.1:1", true),
            (None, "10.0.0.0/8", "10.0.0.1:1", false),
            (None, "10.0.0.0/8", "[::ffff:10.0.0.1]:1", false),
            (inner.clone(), "", "[::ffff:10.0.0.1]:1", true),
            (inner.clone(), "", "[2001:db8::1]:1", false),
            (inner.clone(), "10.0.0.1", "10.0.0.1:1", false),
            (inner, "10.0.0.1", "10.0.0.2:1", true),
            // Where none is allowed, that is meant.
            (Some(Networks::default()), "", "10.0.0.1:1", false),
        ] {
            let deny = if deny.is_empty() { Networks::default() } else { networks(deny) };
            let door = Door::new(Rules { allow: allow.clone(), deny, ..Rules::default() });
            assert_eq!(door.enter(&peer(address)).is_ok(), is_let_in, "{allow:?}, {address}");
            assert!(door.enter(&Address::Unix(None)).is_ok());
        }
    }

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let door = Door::new(Rules { most_of_one: Some(2), ..Rules::default() });
        let (one, mapped) = (peer("10.0.0.1:1"), peer("[::ffff:10.0.0.1]:2"));
        for _ in 0..3 {
            let places = [door.enter(&one).unwrap(), door.enter(&mapped).unwrap()];
            assert!(door.enter(&one).is_err() && door.enter(&mapped).is_err());
            assert!(door.enter(&peer("10.0.0.2:1")).is_ok() && door.enter(&Address::Unix(None)).is_ok());
            drop(places);
        }
        assert!(door.inside().all == 0 && door.inside().of.is_empty());
    }
}
