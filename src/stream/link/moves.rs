//! What moves on a connection: counted, shown to those that want to see it, and limited in time.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Direction, Link};

impl Link {
    /// This was received from the peer.
    pub(in crate::stream) fn received(&self, data: &[u8]) {
        self.traffic.received(data);
        if !data.is_empty() {
            self.taps.moved(Direction::Received, data);
        }
    }

    /// This was sent to the peer.
    pub(in crate::stream) fn sent(&self, data: &[u8]) {
        self.traffic.sent(data.len());
        self.taps.moved(Direction::Sent, data);
    }

    /// The peer's end was received.
    pub(in crate::stream) fn peers_end(&self) {
        self.traffic.peers_end();
        self.taps.ended(Direction::Received);
    }

    /// Fails the connection when it has been idle for its limit, or its time is up: everything that waits for it gets
    /// the error.
    pub(super) fn watch(self: &Arc<Self>) {
        let has_limit = self.traffic.has_limit() || self.traffic.has_end();
        let Some(runtime) = Handle::try_current().ok().filter(|_| has_limit) else { return };
        let (link, traffic) = (Arc::downgrade(self), self.traffic.clone());
        let watch = runtime.spawn(async move {
            let why = traffic.over().await;
            if let Some(link) = link.upgrade() {
                link.fail(&why);
                link.wake_reader();
            }
        });
        self.state().watch = Some(watch.abort_handle());
    }

    /// The connection continues without its streams; the code that moves its bytes watches it.
    pub(in crate::stream) fn stop_watch(&self) {
        if let Some(watch) = self.state().watch.take() {
            watch.abort();
        }
    }
}
