//! Happy eyeballs (RFC 8305): the addresses of a name are tried together, each a little later than the one before.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use socket2::Socket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::source::ThisEnd;
use crate::endpoint::Family;
use crate::error::Attempt;

/// How the addresses of a name are tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Eyeballs {
    /// How long one address has before the next one is tried beside it; as long as it takes if none.
    pub(crate) delay: Option<Duration>,
    /// The family that comes first; any is the resolver's favourite.
    pub(crate) first: Family,
    /// How many addresses of it come before one of the other, or 0 for the resolver's order.
    pub(crate) lead: usize,
}

impl Default for Eyeballs {
    /// As RFC 8305 has it, 4 and 5.
    fn default() -> Self {
        Self { delay: Some(Duration::from_millis(250)), first: Family::Any, lead: 1 }
    }
}

impl Eyeballs {
    /// The two families in turn, beginning with the first one (RFC 8305, 4).
    pub(super) fn order(self, addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let first_is_v6 = match self.first {
            Family::Any => addresses.first().is_some_and(SocketAddr::is_ipv6),
            family => family == Family::V6,
        };
        if self.lead == 0 && self.first == Family::Any {
            return addresses;
        }
        let (first, second): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
        let lead = if self.lead == 0 { first.len() } else { self.lead.min(first.len()) };
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        let mut order: Vec<_> = first.by_ref().take(lead).collect();
        loop {
            match (second.next(), first.next()) {
                (None, None) => return order,
                pair => order.extend([pair.0, pair.1].into_iter().flatten()),
            }
        }
    }
}

/// Why a connection was not made: because of the source, or of the target.
pub(super) enum Failure {
    Source(io::Error),
    Target(io::Error),
}

impl Eyeballs {
    /// The first address that answers, if one does; a new one is tried after each failure and each delay. Those
    /// that failed are in `failed`, also where this is given up.
    ///
    /// # Errors
    /// The source cannot be had.
    pub(super) async fn race(
        self,
        this_end: &ThisEnd,
        addresses: &[SocketAddr],
        failed: &mut Vec<Attempt>,
    ) -> io::Result<Option<TcpStream>> {
        let mut waiting: VecDeque<_> = addresses.iter().copied().collect();
        let mut trying: JoinSet<(SocketAddr, Result<TcpStream, Failure>)> = JoinSet::new();
        let mut done = |address, connected| match connected {
            Ok(stream) => Ok(Some(stream)),
            Err(Failure::Source(cause)) => Err(cause),
            Err(Failure::Target(cause)) => {
                failed.push(Attempt::new(address, cause));
                Ok(None)
            }
        };
        loop {
            if let Some(address) = waiting.pop_front() {
                tracing::info!("connecting to {address}");
                let connecting = connect(address, this_end.clone());
                if waiting.is_empty() && trying.is_empty() {
                    // Nothing to race against: no task.
                    if let Some(stream) = done(address, connecting.await)? {
                        return Ok(Some(stream));
                    }
                } else {
                    trying.spawn(async move { (address, connecting.await) });
                }
            }
            let delay = self.delay.filter(|_| !waiting.is_empty());
            tokio::select! {
                Some(Ok((address, connected))) = trying.join_next() => {
                    if let Some(stream) = done(address, connected)? {
                        return Ok(Some(stream));
                    }
                }
                () = sleep(delay.unwrap_or_default()), if delay.is_some() => {}
                else => return Ok(None),
            }
        }
    }
}

async fn connect(address: SocketAddr, this_end: ThisEnd) -> Result<TcpStream, Failure> {
    let socket = this_end.socket(address).map_err(Failure::Target)?;
    if let Some(source) = &this_end.source {
        source.bind(&socket, address).map_err(Failure::Source)?;
    }
    // The same two ends are connected already, or were a moment ago.
    let is_taken = |kind| matches!(kind, ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable);
    match connected(socket, address).await.and_then(not_itself) {
        Err(cause) if this_end.source.is_some() && is_taken(cause.kind()) => Err(Failure::Source(cause)),
        connected => connected.map_err(Failure::Target),
    }
}

/// Connects a socket. It is looked at once before it is waited for, which is most of what a refusal by this machine
/// costs: that has come by then.
async fn connected(socket: Socket, address: SocketAddr) -> io::Result<TcpStream> {
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => return Err(error),
        _ => {}
    }
    if let Some(refused) = socket.take_error()? {
        return Err(refused);
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    stream.take_error()?.map_or(Ok(stream), Err)
}

/// A free port of this machine may be given to us as our own, and TCP then connects a socket to itself
/// (RFC 9293, 3.5): there is no other side.
fn not_itself(stream: TcpStream) -> io::Result<TcpStream> {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) if local == peer => Err(ErrorKind::ConnectionRefused.into()),
        _ => Ok(stream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Instant;

    fn socket(at: &str) -> Socket {
        let at: SocketAddr = at.parse().unwrap();
        let socket = Socket::new(socket2::Domain::for_address(at), socket2::Type::STREAM, None).unwrap();
        socket.bind(&at.into()).unwrap();
        socket
    }

    fn local(socket: &Socket) -> SocketAddr {
        socket.local_addr().unwrap().as_socket().unwrap()
    }

    /// An address that swallows connections: listening, and its queue is full.
    fn black_hole() -> (Socket, Vec<Socket>, SocketAddr) {
        let listener = socket("127.0.0.1:0");
        listener.listen(0).unwrap();
        let address = local(&listener);
        let fill = (0..3).map(|_| {
            let socket = socket("127.0.0.1:0");
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address.into());
            socket
        });
        let fill = fill.collect();
        (listener, fill, address)
    }

    fn refusing() -> (Socket, SocketAddr) {
        let socket = socket("127.0.0.1:0");
        let address = local(&socket);
        (socket, address)
    }

    async fn race(how: Eyeballs, addresses: &[SocketAddr], failed: &mut Vec<Attempt>) -> Option<SocketAddr> {
        let stream = how.race(&ThisEnd::default(), addresses, failed).await.unwrap();
        stream.map(|stream| stream.peer_addr().unwrap())
    }

    fn serving() -> (TcpListener, SocketAddr) {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        (server, address)
    }

    #[tokio::test]
    async fn a_dead_address_costs_one_attempt_delay() {
        let ((_listener, _fill, dead), (_server, alive)) = (black_hole(), serving());
        let (start, usual) = (Instant::now(), Eyeballs::default());
        assert_eq!(race(usual, &[dead, alive], &mut Vec::new()).await, Some(alive));
        assert!(start.elapsed() >= usual.delay.unwrap(), "the first address has its head start");
    }

    #[tokio::test]
    async fn a_refused_address_is_followed_by_the_next_at_once() {
        let ((_socket, dead), (_server, alive)) = (refusing(), serving());
        let addresses = [dead, dead, alive];
        assert_eq!(race(Eyeballs::default(), &addresses, &mut Vec::new()).await, Some(alive));
    }

    #[tokio::test]
    async fn every_failed_address_is_named() {
        let ((_one, first), (_two, second)) = (refusing(), refusing());
        let mut attempts = Vec::new();
        assert_eq!(race(Eyeballs::default(), &[first, second], &mut attempts).await, None);
        let mut named: Vec<_> = attempts.iter().map(|a| a.address.clone()).collect();
        named.sort();
        let mut wanted = vec![first.to_string(), second.to_string()];
        wanted.sort();
        assert_eq!(named, wanted);
    }

    #[tokio::test]
    async fn a_socket_that_is_connected_to_itself_is_refused() {
        let (socket, address) = refusing();
        socket.connect(&address.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(socket.into()).unwrap();
        assert_eq!(not_itself(stream).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn without_a_delay_the_next_address_waits_for_a_failure() {
        let ((_socket, dead), (_server, alive)) = (refusing(), serving());
        let how = Eyeballs { delay: None, ..Eyeballs::default() };
        assert_eq!(race(how, &[dead, alive], &mut Vec::new()).await, Some(alive));
        let (_listener, _fill, silent) = black_hole();
        let (addresses, mut failed, delay) = ([silent, alive], Vec::new(), Duration::from_millis(500));
        let racing = race(how, &addresses, &mut failed);
        assert!(tokio::time::timeout(delay, racing).await.is_err(), "the second one was tried");
    }

    #[test]
    fn families_take_turns_beginning_with_the_favourite() {
        // Addresses by their last digit: those of IPv6 begin with a colon.
        let address = |text: &&str| match text.strip_prefix(':') {
            Some(digit) => format!("[::{digit}]:1").parse::<SocketAddr>().unwrap(),
            None => format!("127.0.0.{text}:1").parse().unwrap(),
        };
        let addresses =
            |text: &str| text.split(' ').collect::<Vec<_>>().iter().map(address).collect::<Vec<_>>();
        let usual = Eyeballs::default();
        let (v4, v6) = (Eyeballs { first: Family::V4, ..usual }, Eyeballs { first: Family::V6, ..usual });
        for (eyeballs, given, wanted) in [
            (usual, ":1 :2 :3 1", ":1 1 :2 :3"),
            (usual, "1 :1 :2", "1 :1 :2"),
            (v4, ":1 :2 1 2", "1 :1 2 :2"),
            (v6, "1 2 :1 :2", ":1 1 :2 2"),
            (v6, "1", "1"),
            (Eyeballs { lead: 2, ..usual }, ":1 :2 :3 1 2", ":1 :2 1 :3 2"),
            (Eyeballs { lead: 9, ..usual }, ":1 :2 1", ":1 :2 1"),
            (Eyeballs { lead: 0, ..usual }, ":1 1 :2", ":1 1 :2"),
            (Eyeballs { lead: 0, ..v4 }, ":1 1 :2 2", "1 2 :1 :2"),
        ] {
            assert_eq!(eyeballs.order(addresses(given)), addresses(wanted), "{eyeballs:?}");
        }
    }
}
