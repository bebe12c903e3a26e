//! Datagrams: messages with boundaries, one session for each peer.

mod connect;
mod inbox;
mod probe;
mod serve;
mod server;
mod session;
mod sessions;
#[cfg(all(test, target_os = "linux"))]
mod several;
mod ways;

pub(crate) use connect::open_datagrams_for;
pub use connect::{DatagramOptions, open_datagrams};
pub use probe::probe_datagrams;
pub use server::{DatagramServer, DatagramServerOptions, serve_datagrams};
pub use session::Datagrams;

use std::time::Duration;

use crate::stream::Observers;

/// What the options of a client and of a server both say about each session.
#[derive(Debug, Clone, Default)]
struct Limits {
    idle: Option<Duration>,
    /// What sees the messages.
    observers: Observers,
}

/// The longest message that UDP takes over IPv4, in bytes: a packet has 65,535, its headers 28.
pub const MAX_DATAGRAM: usize = 65_507;
