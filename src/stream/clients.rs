//! The connections of a server: waiting for all, and ending all.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::{Arc, Weak};

use tokio::sync::watch;

use super::link::{Link, Owner};

/// What a server still has to wait for; a change wakes all that wait.
#[derive(Debug)]
pub(super) struct Clients(watch::Sender<Open>);

#[derive(Debug, Default)]
struct Open {
    is_closed: bool,
    /// How many tasks accept connections or make handshakes, and have no streams yet.
    preparing: usize,
    /// How many times all connections were ended.
    dismissals: u64,
    /// By their addresses in memory.
    links: BTreeMap<usize, Weak<Link>>,
}

impl Clients {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Open::default())))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    pub(super) fn close(&self) {
        self.0.send_modify(|open| open.is_closed = true);
    }

    /// Waits until the server is closed.
    pub(super) async fn closed(&self) {
        self.wait_for(|open| open.is_closed).await;
    }

    /// Waits until the server is closed and no connection is left.
    pub(super) async fn gone(&self) {
        self.wait_for(|open| open.is_closed && open.preparing == 0 && open.links.is_empty()).await;
    }

    async fn wait_for(&self, is_so: impl FnMut(&Open) -> bool) {
        // It fails only without a sender, which is here.
        let _ = self.0.subscribe().wait_for(is_so).await;
    }

    /// From now on this connection is waited for.
    pub(super) fn add(self: &Arc<Self>, link: &Arc<Link>) {
        link.set_server(Arc::clone(self) as Arc<dyn Owner>);
        self.0.send_modify(|open| drop(open.links.insert(place(link), Arc::downgrade(link))));
    }

    /// Ends all connections: those in their handshake are dropped, the others are returned.
    pub(super) fn dismiss(&self) -> Vec<Arc<Link>> {
        self.0.send_modify(|open| open.dismissals += 1);
        self.0.borrow().links.values().filter_map(Weak::upgrade).collect()
    }

    /// Makes the server wait until the returned value is dropped.
    pub(super) fn prepare(self: &Arc<Self>) -> Preparing {
        self.0.send_modify(|open| open.preparing += 1);
        Preparing { dismissals: self.0.borrow().dismissals, clients: Arc::clone(self) }
    }
}

impl Owner for Clients {
    fn release(&self, link: &Link) {
        self.0.send_modify(|open| drop(open.links.remove(&place(link))));
    }
}

fn place(link: &Link) -> usize {
    ptr::from_ref(link).addr()
}

/// A task that accepts connections or makes a handshake.
pub(super) struct Preparing {
    pub(super) clients: Arc<Clients>,
    dismissals: u64,
}

impl Preparing {
    /// Waits until all connections are ended.
    pub(super) async fn dismissed(&self) {
        self.clients.wait_for(|open| open.dismissals != self.dismissals).await;
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        self.clients.0.send_modify(|open| open.preparing -= 1);
    }
}
