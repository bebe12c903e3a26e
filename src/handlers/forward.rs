//! Relays to another address.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{DatagramHandler, Handler, Outcome};
use crate::datagram::{DatagramOptions, Datagrams, open_datagrams};
use crate::endpoint::Endpoint;
use crate::error::Error;
#[cfg(target_os = "linux")]
use crate::relay::pump;
use crate::relay::{Direction, Fault, Party, Plan, Stop, relay};
use crate::stream::{
    AbortGuard, CLOSE_TIMEOUT, ConnectOptions, StreamReader, StreamWriter, detach, is_bare, open_connection,
};

/// Opens a connection to the target for each client, and feeds the two from each other, under TLS or not on
/// either side. The end of one direction is passed on, and the other goes on. A failure of one side is never
/// passed on as a clean end: the other side gets what came before, and is then aborted.
///
/// As with every handler, sent and received are counted on the client's connection: for a relay the client is
/// the remote side, and the target the local one.
///
/// Datagrams are relayed too, each session of a client over a socket of its own. With settings of TLS or a proxy each
/// fails instead: they would leave without.
#[derive(Debug, Clone)]
pub struct Forward {
    target: Endpoint,
    options: ConnectOptions,
    /// For datagrams: since when the target's addresses are known, and they, in the options.
    known: Arc<Mutex<Option<Known>>>,
}

/// Since when something is known, and what.
type Known = (Instant, Result<DatagramOptions, Error>);

impl Forward {
    /// Relays to `target`, which is connected to with `options`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that cannot be connected to; [`Error::File`] and
    /// [`Error::Tls`] for settings of TLS that cannot be used.
    pub fn new(target: Endpoint, options: ConnectOptions) -> Result<Self, Error> {
        options.check(&target)?;
        Ok(Self { target, options, known: Arc::default() })
    }
}

/// One connection of a relay.
type Side = (StreamReader, StreamWriter);

impl Handler for Forward {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        // Until the target is reached, and if it never is, the client sees no clean end.
        let guard = writer.abort_guard();
        writer.set_relayed();
        let result = match self.reach(&writer, &guard).await {
            Ok(target) => {
                if let Some(reason) = target.0.tls().and_then(|tls| tls.unverified.as_ref()) {
                    tracing::info!("the target is not verified: {reason}");
                }
                let relayed = relay_sides((reader, writer), target, &guard).await;
                relayed.map_err(|stop| self.error(stop))
            }
            Err(error) => Err(error),
        };
        guard.judge(result).into()
    }
}

impl Forward {
    /// Connects to the target, unless the client fails first. A client that has only ended its side waits for
    /// the answer.
    async fn reach(&self, client: &StreamWriter, guard: &AbortGuard) -> Result<Side, Error> {
        let gone = |cause: Error| of("the client".to_owned(), cause);
        tokio::select! {
            reached = open_connection(&self.target, &self.options) => {
                reached.map_err(|error| of("the target".to_owned(), error))
            }
            cause = client.lost() => Err(gone(Error::from_io("reading", cause))),
            why = guard.closed() => Err(gone(why)),
        }
    }

    /// The error of a stopped relay, with the side that failed.
    fn error(&self, stop: Stop) -> Error {
        let (client, target) = ("the client".to_owned(), format!("the target {}", self.target));
        stop.into_error(Party::Named(target), Party::Named(client))
    }
}

impl DatagramHandler for Forward {
    async fn handle_datagrams(&self, client: Datagrams) -> Outcome {
        let target = match self.open().await {
            Ok(target) => target,
            Err(error) => return Err(of("the target".to_owned(), error)).into(),
        };
        Err(self.exchange(&client, &target).await).into()
    }
}

/// How long the addresses of a target count for sessions that begin: many may begin at once.
const KNOWN_FOR: Duration = Duration::from_secs(10);

impl Forward {
    async fn open(&self) -> Result<Datagrams, Error> {
        let mut known = self.known.lock().await;
        let is_known = known.as_ref().is_some_and(|(since, _)| since.elapsed() < KNOWN_FOR);
        if !is_known {
            let resolved = DatagramOptions::of(self.options.clone()).resolved(&self.target).await;
            *known = Some((Instant::now(), resolved));
        }
        let Some((_, options)) = &*known else { return Err(Error::Closed) };
        open_datagrams(&self.target, options.as_ref().map_err(Clone::clone)?).await
    }

    /// Relays messages both ways; returns why that is over.
    async fn exchange(&self, client: &Datagrams, target: &Datagrams) -> Error {
        let of_target = |error| of(format!("the target {}", self.target), error);
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
    client.map_err(|error| Stop::Write(Direction::ToPeer, error.into()))?;
    target.map_err(|error| Stop::Write(Direction::FromPeer, error.into()))?;
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
    let client = detach(client.0, client.1).map_err(|error| lost(Direction::FromPeer, error))?;
    let target = detach(target.0, target.1).map_err(|error| lost(Direction::ToPeer, error))?;
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
        why = guard.closed() => Err(Fault::Read(why.into()).going(Direction::FromPeer)),
        relayed = relaying => relayed,
    }
}

/// Waits until what was relayed before `stop` has left this machine, because the reset to come would discard
/// it. After an idle timeout nothing is moving any more.
async fn after_the_rest<T>(stop: Stop, rest: impl Future<Output = T>) -> Stop {
    if !matches!(stop, Stop::Idle(_)) {
        tracing::debug!("aborting after the rest is sent");
        let _ = timeout(CLOSE_TIMEOUT, rest).await;
    }
    stop
}
