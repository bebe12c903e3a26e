//! Connecting: happy eyeballs over all addresses of a name (RFC 8305), all within one limit.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::resolve::{list, resolve};
use super::{Transport, unix};
use crate::endpoint::{Endpoint, Family};
use crate::error::{Attempt, Error, Step, reason};
use crate::policy::Deadline;

/// How long to wait for one address before the next is tried beside it (RFC 8305, 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How to connect.
pub(crate) struct Dial {
    pub(crate) known: Option<Arc<Known>>,
    pub(crate) family: Family,
    pub(crate) numeric: bool,
    pub(crate) deadline: Deadline,
}

/// A host that was looked up.
#[derive(Debug)]
pub(crate) struct Known {
    host: String,
    addresses: Vec<SocketAddr>,
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
    /// Looks the host of an address up, if it has one.
    pub(crate) async fn look_up(&self, endpoint: &Endpoint) -> Result<Option<Arc<Known>>, Error> {
        let Endpoint::Tcp { host, port } = endpoint else { return Ok(None) };
        is_target(endpoint)?;
        let addresses = self.addresses(host, *port).await?;
        Ok(Some(Arc::new(Known { host: host.clone(), addresses })))
    }

    pub(super) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Some(known) = self.known.as_ref().filter(|known| known.host == host) {
            let mut addresses = known.addresses.clone();
            for address in &mut addresses {
                address.set_port(port);
            }
            return Ok(addresses);
        }
        let resolving = resolve(host, port, self.family, self.numeric);
        self.deadline.bound(Step::Resolve, resolving, || format!("resolving {host}")).await?
    }
}

/// Connects to the first address of `endpoint` that answers.
pub(crate) async fn dial(endpoint: &Endpoint, how: &Dial) -> Result<Transport, Error> {
    is_target(endpoint)?;
    match endpoint {
        Endpoint::Tcp { host, port } => {
            let addresses = interleaved(how.addresses(host, *port).await?);
            let mut failed = Vec::new();
            let doing = || format!("connecting to {}", names(endpoint, &addresses));
            let raced = how.deadline.bound(Step::Connect, race(&addresses, &mut failed), doing).await;
            // The error names them all where every one has failed.
            if !matches!(raced, Ok(None)) {
                failed.iter().for_each(log_failed);
            }
            match raced? {
                Some(stream) => Ok(Transport::tcp(stream)),
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
                attempts: vec![Attempt { address: endpoint.to_string(), cause: cause.into() }],
            }),
    }
}

/// The error of a connection that could not be made. A reset means that it was made, and lost before we
/// looked.
fn failure(endpoint: &Endpoint, attempts: Vec<Attempt>) -> Error {
    let is_lost = |kind| matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
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

/// The two families in turn, beginning with the family that the resolver prefers (RFC 8305, 4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order: Vec<_> = first.into_iter().flat_map(|a| [Some(a), second.next()]).flatten().collect();
    order.extend(second);
    order
}

/// Connects to the first address that answers; a new one is tried after each failure and each delay. Those
/// that failed are in `failed`, even if this is cancelled.
async fn race(addresses: &[SocketAddr], failed: &mut Vec<Attempt>) -> Option<TcpStream> {
    let mut waiting: VecDeque<_> = addresses.iter().copied().collect();
    let mut trying: JoinSet<(SocketAddr, io::Result<TcpStream>)> = JoinSet::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            tracing::info!("connecting to {address}");
            if waiting.is_empty() && trying.is_empty() {
                // With one address there is no race, and no task.
                match connect(address).await {
                    Ok(stream) => return Some(stream),
                    Err(error) => failed.push(Attempt::new(address, error)),
                }
            } else {
                trying.spawn(async move { (address, connect(address).await) });
            }
        }
        tokio::select! {
            Some(done) = trying.join_next() => match done {
                Ok((_, Ok(stream))) => return Some(stream),
                Ok((address, Err(error))) => failed.push(Attempt::new(address, error)),
                Err(_) => {}
            },
            () = sleep(ATTEMPT_DELAY), if !waiting.is_empty() => {}
            else => return None,
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    not_itself(TcpStream::connect(address).await?)
}

/// Refuses a socket that is connected to itself, which TCP allows if the system chooses the target's port for
/// our end (RFC 9293, 3.5): there is no peer.
fn not_itself(stream: TcpStream) -> io::Result<TcpStream> {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) if local == peer => Err(io::ErrorKind::ConnectionRefused.into()),
        _ => Ok(stream),
    }
}

fn log_failed(attempt: &Attempt) {
    tracing::info!("{}: {}", attempt.address, reason(&attempt.cause));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Instant;

    /// An address that swallows connections: listening, and its queue is full.
    fn black_hole(host: &str) -> (socket2::Socket, Vec<socket2::Socket>, SocketAddr) {
        let address: SocketAddr = format!("{host}:0").parse().unwrap();
        let listener =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fill = (0..3).map(|_| {
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)
                    .unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        });
        let fill = fill.collect();
        (listener, fill, address)
    }

    fn refusing() -> (socket2::Socket, SocketAddr) {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    }

    #[tokio::test]
    async fn a_dead_address_costs_one_attempt_delay() {
        let (_listener, _fill, dead) = black_hole("127.0.0.1");
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        let stream = race(&[dead, server.local_addr().unwrap()], &mut Vec::new()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), server.local_addr().unwrap());
        assert!(start.elapsed() >= ATTEMPT_DELAY, "the first address has its head start");
    }

    #[tokio::test]
    async fn a_refused_address_is_followed_by_the_next_at_once() {
        let (_socket, dead) = refusing();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = race(&[dead, dead, server.local_addr().unwrap()], &mut Vec::new()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), server.local_addr().unwrap());
    }

    #[tokio::test]
    async fn every_failed_address_is_named() {
        let ((_one, first), (_two, second)) = (refusing(), refusing());
        let mut attempts = Vec::new();
        assert!(race(&[first, second], &mut attempts).await.is_none());
        let mut named: Vec<_> = attempts.iter().map(|a| a.address.clone()).collect();
        named.sort();
        let mut wanted = vec![first.to_string(), second.to_string()];
        wanted.sort();
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_connection_that_was_reset_before_we_looked_was_made_and_lost() {
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let failed = |kind: io::ErrorKind| {
            failure(&endpoint, vec![Attempt::new("127.0.0.1:1".parse().unwrap(), kind.into())])
        };
        assert!(matches!(failed(io::ErrorKind::ConnectionReset), Error::Lost { .. }));
        assert!(matches!(failed(io::ErrorKind::ConnectionRefused), Error::Connect { .. }));
    }

    #[tokio::test]
    async fn a_socket_that_is_connected_to_itself_is_refused() {
        let (socket, address) = refusing();
        socket.connect(&address.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(socket.into()).unwrap();
        assert_eq!(not_itself(stream).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn families_take_turns_beginning_with_the_favourite() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, x] = ["[::1]:1", "[::2]:1", "[::3]:1", "127.0.0.1:1"].map(address);
        assert_eq!(interleaved(vec![a, b, c, x]), [a, x, b, c]);
        assert_eq!(interleaved(vec![x, a, b]), [x, a, b]);
    }
}
