//! Connecting: from a name to a connection, all within one limit.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use super::eyeballs::Eyeballs;
use super::resolve::{Names, list, resolve};
use super::source::ThisEnd;
use super::{Transport, multipath, unix};
use crate::endpoint::Endpoint;
use crate::error::{Attempt, Error, Step, reason};
use crate::policy::Deadline;

/// How to connect.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) known: Option<Arc<Known>>,
    pub(crate) names: Names,
    pub(crate) eyeballs: Eyeballs,
    pub(crate) this_end: ThisEnd,
    /// Whether the dialogue with a proxy reads no byte of the stream after it, because the caller has no place for
    /// what was read ahead. It is then read byte by byte.
    pub(crate) reads_exactly: bool,
    pub(crate) deadline: Deadline,
}

/// A host that was looked up.
#[derive(Debug)]
pub(crate) struct Known {
    host: String,
    addresses: Vec<SocketAddr>,
}

#[cfg(test)]
impl Known {
    /// A host of a test.
    pub(crate) fn new(host: &str, addresses: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { host: host.to_owned(), addresses })
    }
}

/// Whether this is an address to connect to.
pub(crate) fn is_target(endpoint: &Endpoint) -> Result<(), Error> {
    let refused = |reason| Err(Error::invalid(endpoint, reason));
    match endpoint {
        Endpoint::Tcp { host, .. } if host == "*" => {
            refused("'*' is an address to listen on, not to connect to")
        }
        Endpoint::Tcp { port: 0, .. } => refused("port 0 is a port to listen on, not to connect to"),
        _ => Ok(()),
    }
}

impl Dial {
    /// Whether this is an address that can be connected to from here.
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<(), Error> {
        match endpoint {
            Endpoint::Unix(_) if self.this_end.source.is_some() => {
                Err(Error::invalid(endpoint, "a connection to a Unix socket has no source address"))
            }
            _ => is_target(endpoint),
        }
    }

    /// Looks the host of an address up, if it has one.
    pub(crate) async fn look_up(&self, endpoint: &Endpoint) -> Result<Option<Arc<Known>>, Error> {
        let Endpoint::Tcp { host, port } = endpoint else { return Ok(None) };
        is_target(endpoint)?;
        if let Some(known) = self.known.as_ref().filter(|known| known.host == *host) {
            return Ok(Some(Arc::clone(known)));
        }
        let addresses = self.addresses(host, *port).await?;
        Ok(Some(Arc::new(Known { host: host.clone(), addresses })))
    }

    /// Those of `addresses` that can be reached from the source, in the order in which they are tried.
    pub(super) fn reachable(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        if let Some(source) = &self.this_end.source {
            addresses.retain(|address| source.reaches(address));
            if addresses.is_empty() {
                let reason = "the target has no address of the same family";
                return Err(self.no_source(io::Error::new(ErrorKind::AddrNotAvailable, reason)));
            }
        }
        Ok(self.eyeballs.order(addresses))
    }

    pub(super) fn no_source(&self, cause: io::Error) -> Error {
        let local = self.this_end.source.as_ref().map_or_else(String::new, ToString::to_string);
        Error::Source { local, cause: cause.into() }
    }

    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Some(known) = self.known.as_ref().filter(|known| known.host == host) {
            let mut addresses = known.addresses.clone();
            for address in &mut addresses {
                address.set_port(port);
            }
            return Ok(addresses);
        }
        let resolving = resolve(host, port, self.names);
        self.deadline.bound(Step::Resolve, resolving, || format!("resolving {host}")).await?
    }
}

/// Connects to the first address of `endpoint` that answers.
pub(crate) async fn dial(endpoint: &Endpoint, how: &Dial) -> Result<Transport, Error> {
    how.check(endpoint)?;
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let addresses = how.reachable(how.addresses(host, *port).await?)?;
            let mut failed = Vec::new();
            let doing = || format!("connecting to {}", names(endpoint, &addresses));
            let raced = how
                .deadline
                .bound(Step::Connect, how.eyeballs.race(&how.this_end, &addresses, &mut failed), doing)
                .await;
            // The error names them all where every one has failed.
            if !matches!(raced, Ok(Ok(None))) {
                failed.iter().for_each(log_failed);
            }
            match raced?.map_err(|cause| how.no_source(cause))? {
                Some(stream) => {
                    if how.this_end.multipath {
                        tracing::info!("{endpoint}: {}", multipath::outcome(&stream));
                    }
                    Ok(Transport::tcp(stream))
                }
                None => Err(failure(endpoint, failed)),
            }
        }
        Endpoint::Unix(path) => how
            .deadline
            .bound(Step::Connect, unix::connect(path), || format!("connecting to {endpoint}"))
            .await?
            .map(Transport::Unix)
            .map_err(|cause| Error::Connect {
                target: endpoint.to_string(),
                attempts: vec![Attempt::new(endpoint, cause)],
            }),
    }
}

/// The error of a connection that could not be made. A reset means that it was made, and lost before we
/// looked.
fn failure(endpoint: &Endpoint, attempts: Vec<Attempt>) -> Error {
    let is_lost = |kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    match attempts.last() {
        Some(last) if is_lost(last.cause.kind()) => {
            Error::Lost { doing: "connecting", cause: Arc::clone(&last.cause) }
        }
        _ => Error::Connect { target: endpoint.to_string(), attempts },
    }
}

/// `localhost:80 (127.0.0.1:80, [::1]:80)`, or just the one address.
fn names(endpoint: &Endpoint, addresses: &[SocketAddr]) -> String {
    let (target, tried) = (endpoint.to_string(), list(addresses));
    if target == tried { target } else { format!("{target} ({tried})") }
}

fn log_failed(attempt: &Attempt) {
    tracing::info!("{}: {}", attempt.address, reason(&attempt.cause));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_reset_before_we_looked_was_made_and_lost() {
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let failed = |kind: ErrorKind| failure(&endpoint, vec![Attempt::new(&endpoint, kind.into())]);
        assert!(matches!(failed(ErrorKind::ConnectionReset), Error::Lost { .. }));
        assert!(matches!(failed(ErrorKind::ConnectionRefused), Error::Connect { .. }));
    }
}
