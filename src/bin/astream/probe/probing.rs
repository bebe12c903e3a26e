//! How a port is probed: by a connection, or by a message.

use std::time::Duration;

use astream::{ConnectOptions, DatagramOptions, Endpoint, Error, Probed, probe, probe_datagrams};

/// How a port is probed.
#[derive(Clone)]
pub enum Probing {
    Connection(Box<ConnectOptions>),
    /// An empty message, and how long its answer is waited for.
    Datagram(Box<DatagramOptions>, Duration),
    /// Not at all: the name that the ports have in common could not be looked up.
    Failed(Error),
}

impl Probing {
    /// Looks the name up that several ports have in common.
    pub(super) async fn resolved(self, endpoint: &Endpoint) -> Self {
        let resolved = match self {
            Self::Connection(options) => {
                options.resolved(endpoint).await.map(|options| Self::Connection(Box::new(options)))
            }
            Self::Datagram(options, wait) => {
                options.resolved(endpoint).await.map(|options| Self::Datagram(Box::new(options), wait))
            }
            Self::Failed(error) => Err(error),
        };
        resolved.unwrap_or_else(Self::Failed)
    }

    pub(super) async fn probe(&self, endpoint: &Endpoint) -> Probed {
        match self {
            Self::Connection(options) => probe(endpoint, options).await,
            Self::Datagram(options, wait) => probe_datagrams(endpoint, options, *wait).await,
            Self::Failed(error) => Probed::failed(endpoint, error.clone()),
        }
    }
}
