//! Asks a port whether it receives datagrams.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{DatagramOptions, open_datagrams};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::stream::{Found, Probed};

/// Sends one empty message to `endpoint` and waits up to `wait` for an answer. May be cancelled.
///
/// An answer, whatever it says, means that the port is open; [`Error::Refused`] that it is closed. Silence
/// may mean either, and is [`Error::Unanswered`]: most programs do not answer an empty message, and many firewalls drop
/// what is for a closed port.
pub async fn probe_datagrams(endpoint: &Endpoint, options: &DatagramOptions, wait: Duration) -> Probed {
    let (endpoint, start) = (endpoint.clone(), Instant::now());
    let asked = ask(&endpoint, options, wait).await;
    let elapsed = start.elapsed();
    match asked {
        Ok(found) => Probed { endpoint, found: Some(found), error: None, elapsed },
        Err(error) => Probed { endpoint, found: None, error: Some(error), elapsed },
    }
}

async fn ask(endpoint: &Endpoint, options: &DatagramOptions, wait: Duration) -> Result<Found, Error> {
    let session = open_datagrams(endpoint, options).await?;
    let start = Instant::now();
    session.send(&[]).await?;
    match timeout(wait, session.receive()).await {
        Ok(Ok(_)) => {
            let (peer, local) = (session.peer_addr(), session.local_addr());
            Ok(Found { peer, local, connect: start.elapsed(), proxies: Vec::new(), tls: None })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Unanswered { target: endpoint.to_string(), after: wait }),
    }
}
