//! Relays to another address.

use std::future::Future;

use tokio::time::timeout;

use super::targets::Targets;
use super::{DatagramHandler, Handler, Outcome};
use crate::datagram::Datagrams;
use crate::endpoint::Endpoint;
use crate::error::Error;
#[cfg(target_os = "linux")]
use crate::relay::pump;
use crate::relay::{Fault, Party, Plan, Stop, relay};
use crate::stream::{
    AbortGuard, CLOSE_TIMEOUT, ConnectOptions, Direction, ForClient, StreamReader, StreamWriter, detach,
    is_bare,
};
use crate::transport::proxy_protocol::ProxyProtocol;

/// Opens a connection to the target for each client, and feeds the two from each other, under TLS or not on
/// either side. The end of one direction is passed on, and the other goes on. A failure of one side is never
/// passed on as a clean end: the other side gets what came before, and is then aborted.
///
/// There may be several targets: each client gets one of them. If none can be reached, the client is aborted.
///
/// As with every handler, sent and received are counted on the client's connection: for a relay the client is
/// the remote side, and the target the local one.
///
/// Datagrams are relayed too, each session of a client over a socket of its own. With settings of TLS or a proxy each
/// fails instead: they would leave without. So it does with [`proxy_protocol`](Self::proxy_protocol).
///
/// ```
/// use astream::{ConnectOptions, handlers::Forward};
///
/// # fn main() -> Result<(), astream::Error> {
/// let forward = Forward::new("127.0.0.1:8001".parse()?, ConnectOptions::new())?
///     .to("127.0.0.1:8002".parse()?, ConnectOptions::new())?
///     .balance(true);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Forward {
    targets: Targets,
    header: Option<ProxyProtocol>,
}

impl Forward {
    /// Relays to `target`, which is connected to with `options`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that cannot be connected to; [`Error::File`] and
    /// [`Error::Tls`] for settings of TLS that cannot be used.
    pub fn new(target: Endpoint, options: ConnectOptions) -> Result<Self, Error> {
        Self { targets: Targets::default(), header: None }.to(target, options)
    }

    /// Relays to this target if those before it cannot be reached: each that fails is logged as a warning, and has its
    /// own time limit. The time of [`retry_for`](ConnectOptions::retry_for) is that of the target which is tried
    /// first; all are tried, and then all again.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn to(mut self, target: Endpoint, options: ConnectOptions) -> Result<Self, Error> {
        self.targets.add(target, options)?;
        Ok(self)
    }

    /// Whether clients are shared out among the targets: each begins with the next target in turn, and tries the others
    /// if that one cannot be reached. By default all begin with the first.
    #[must_use]
    pub fn balance(mut self, yes: bool) -> Self {
        self.targets.balance = yes;
        self
    }

    /// Tells the target who the client is, by a header of the PROXY protocol before anything else, TLS included. Of a
    /// client without an IP address it says that it is unknown.
    #[must_use]
    pub fn proxy_protocol(mut self, version: ProxyProtocol) -> Self {
        self.header = Some(version);
        self
    }
}

/// One connection of a relay.
type Side = (StreamReader, StreamWriter);

impl Handler for Forward {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        // Until the target is reached, and if it never is, the client sees no clean end.
        let guard = writer.abort_guard();
        writer.set_relayed();
        let (target, result) = match self.reach(&writer, &guard).await {
            Ok((name, target)) => {
                if let Some(reason) = target.0.tls().and_then(|tls| tls.unverified.as_ref()) {
                    tracing::info!("the target is not verified: {reason}");
                }
                let relayed = relay_sides((reader, writer), target, &guard).await;
                (Some(name.clone()), relayed.map_err(|stop| stopped(stop, name)))
            }
            Err(error) => (None, Err(error)),
        };
        Outcome { target, ..guard.judge(result).into() }
    }
}

impl Forward {
    /// Connects to the target, unless the client fails first. A client that has only ended its side waits for
    /// the answer.
    async fn reach(&self, client: &StreamWriter, guard: &AbortGuard) -> Result<(&Endpoint, Side), Error> {
        let gone = |cause: Error| of("the client".to_owned(), cause);
        let header = self.header.map(|version| version.header(client.peer_addr(), client.local_addr()));
        let client_of = ForClient { number: client.number(), header: header.as_deref() };
        tokio::select! {
            reached = Box::pin(self.targets.open(client_of)) => {
                reached.map_err(|error| of("the target".to_owned(), error))
            }
            cause = client.lost() => Err(gone(Error::from_io("reading", cause))),
            why = guard.closed() => Err(gone(why)),
        }
    }
}

/// The error of a stopped relay, with the side that failed.
fn stopped(stop: Stop, target: &Endpoint) -> Error {
    let (client, target) = ("the client".to_owned(), format!("the target {target}"));
    stop.into_error(Party::Named(target), Party::Named(client))
}

impl DatagramHandler for Forward {
    async fn handle_datagrams(&self, client: Datagrams) -> Outcome {
        let opened = match self.header {
            Some(version) => Err(Error::invalid(
                version,
                "a header of the PROXY protocol comes before a stream, not before datagrams",
            )),
            None => self.targets.open_datagrams(&client).await,
        };
        let (target, error) = match opened {
            Ok((name, target)) => (Some(name.clone()), exchange(&client, name, &target).await),
            Err(error) => (None, of("the target".to_owned(), error)),
        };
        Outcome { target, ..Err(error).into() }
    }
}

/// Relays messages both ways; returns why that is over.
async fn exchange(client: &Datagrams, name: &Endpoint, target: &Datagrams) -> Error {
    let of_target = |error| of(format!("the target {name}"), error);
    loop {
        tokio::select! {
            received = client.receive_batch() => match received {
                Ok(messages) => if let Err(error) = target.send_batch(&messages).await {
                    return of_target(error);
                },
                Err(error) => return error,
            },
            answered = target.receive_batch() => match answered {
                Ok(messages) => if let Err(error) = client.send_batch(&messages).await {
                    return of("the client".to_owned(), error);
                },
                // A program may receive there later.
                Err(error @ Error::Refused { .. }) => tracing::info!("{}", of_target(error)),
                Err(error) => return of_target(error),
            },
        }
    }
}

const PLAN: Plan = Plan { half_close: true, leave_with_peer: false, between_peers: true };

async fn relay_sides(client: Side, target: Side, guard: &AbortGuard) -> Result<(), Stop> {
    #[cfg(target_os = "linux")]
    if is_bare(&client.0, &client.1) && is_bare(&target.0, &target.1) {
        return Box::pin(through_pipes(client, target, guard)).await;
    }
    let traffic = client.0.traffic();
    let ((mut reader, mut writer), (mut from, mut to)) = (client, target);
    let guards = [writer.abort_guard(), to.abort_guard()];
    let (client_lost, target_lost) = (writer.lost(), to.lost());
    let target_lost = async { Fault::Read(target_lost.await) };
    let (client, target) = ((&mut reader, &mut writer, client_lost), (&mut from, &mut to, target_lost));
    let relayed = unless_closed(guard, Box::pin(relay(target, client, PLAN, &traffic))).await;
    if let Err(stop) = relayed {
        let rest = async { tokio::join!(writer.sent(), to.sent()) };
        return Err(after_the_rest(stop, rest).await);
    }
    let (client, target) = tokio::join!(writer.wait_closed(), to.wait_closed());
    client.map_err(|error| Stop::Write(Direction::Sent, error.into()))?;
    target.map_err(|error| Stop::Write(Direction::Received, error.into()))?;
    guards.into_iter().for_each(AbortGuard::disarm);
    Ok(())
}

/// An error of one side.
fn of(side: String, error: Error) -> Error {
    Error::Relay { side, cause: Box::new(error) }
}

/// Lets the kernel move the bytes between two plain sockets.
#[cfg(target_os = "linux")]
async fn through_pipes(client: Side, target: Side, guard: &AbortGuard) -> Result<(), Stop> {
    let lost = |direction, error: Error| Stop::Read(direction, error.into());
    let traffic = [client.0.traffic(), target.0.traffic()];
    let client = detach(client.0, client.1).map_err(|error| lost(Direction::Received, error))?;
    let target = detach(target.0, target.1).map_err(|error| lost(Direction::Sent, error))?;
    let pumping = pump((&target, &traffic[1]), (&client, &traffic[0]), PLAN);
    match unless_closed(guard, pumping).await {
        Err(stop) => Err(after_the_rest(stop, async { tokio::join!(client.sent(), target.sent()) }).await),
        Ok(()) => Ok(()),
    }
}

/// Relays until the client's connection is closed by this end. Its reader is at an end then that is not the
/// client's, and must not be passed on.
async fn unless_closed(
    guard: &AbortGuard,
    relaying: impl Future<Output = Result<(), Stop>>,
) -> Result<(), Stop> {
    tokio::select! {
        biased;
        why = guard.closed() => Err(Fault::Read(why.into()).going(Direction::Received)),
        relayed = relaying => relayed,
    }
}

/// Waits until what was relayed before `stop` has left this machine, because the reset to come would discard
/// it. After a time limit nothing is moving any more, or nothing may.
async fn after_the_rest<T>(stop: Stop, rest: impl Future<Output = T>) -> Stop {
    if !matches!(stop, Stop::Over(_)) {
        tracing::debug!("aborting after the rest is sent");
        let _ = timeout(CLOSE_TIMEOUT, rest).await;
    }
    stop
}
