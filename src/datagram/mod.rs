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

pub use connect::{DatagramOptions, open_datagrams};
pub use probe::probe_datagrams;
pub use server::{DatagramServer, DatagramServerOptions, serve_datagrams};
pub use session::Datagrams;

/// The longest message that UDP takes over IPv4, in bytes: a packet has 65,535, its headers 28.
pub const MAX_DATAGRAM: usize = 65_507;
