//! What the end of one direction means for the other, whichever engine moves the bytes.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::time::sleep;

use super::fault::Fault;
use crate::error::{Error, Step};
use crate::policy::Wait;
use crate::stream::{Direction, Traffic};

/// How long a peer may be silent after our own input has failed. It is sent no end, which would make the
/// input look complete, and may wait for one for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a relay does beyond moving bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether the local end is passed on at once, or only after the peer's.
    pub(crate) half_close: bool,
    /// Whether the peer's end ends the relay.
    pub(crate) leave_with_peer: bool,
    /// Whether the local side is a peer as well, so that an error of writing to it ends that direction only.
    pub(crate) between_peers: bool,
}

impl Fault {
    /// Why a relay stops when this direction of it has failed.
    pub(crate) fn going(self, direction: Direction) -> Stop {
        let (Self::Read(error) | Self::Write(error)) = &self;
        let known = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        if let Some(over @ (Error::Idle { .. } | Error::Timeout { step: Step::Connection, .. })) = known {
            return Stop::Over(over.clone());
        }
        match self {
            Self::Read(error) => Stop::Read(direction, error),
            Self::Write(error) => Stop::Write(direction, error),
        }
    }
}

/// Why a relay stopped before both streams had ended.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Reading what goes in this direction failed.
    Read(Direction, io::Error),
    /// Writing what goes in this direction failed.
    Write(Direction, io::Error),
    /// Nothing moved for too long, or the time of the connection is up.
    Over(Error),
    /// The peer ended first, and the plan says to leave then.
    Left,
    /// The peer ended TLS without `close_notify`, before the end of the local side was passed on to it.
    Cut,
}

/// One side of a relay, as an error names it.
pub(crate) enum Party {
    /// Our own stdin and stdout.
    Stdio,
    /// The only peer there is.
    Peer,
    /// One of two peers.
    Named(String),
}

impl Stop {
    /// The error of a relay between these sides.
    pub(crate) fn into_error(self, local: Party, remote: Party) -> Error {
        match self {
            Self::Read(Direction::Sent, cause) => local.error("reading", cause),
            Self::Write(Direction::Received, cause) => local.error("writing", cause),
            Self::Read(Direction::Received, cause) => remote.error("reading", cause),
            Self::Write(Direction::Sent, cause) => remote.error("writing", cause),
            Self::Over(error) => error,
            Self::Left => Error::Undelivered,
            Self::Cut => remote.error("reading", Error::Truncated.into()),
        }
    }
}

impl Party {
    fn error(self, doing: &'static str, cause: io::Error) -> Error {
        match self {
            Self::Stdio if doing == "reading" => Error::from_local("read stdin", cause),
            Self::Stdio => Error::from_local("write to stdout", cause),
            Self::Peer => Error::from_io(doing, cause),
            Self::Named(side) => Error::Relay { side, cause: Box::new(Error::from_io(doing, cause)) },
        }
    }
}

/// The ends that one relay has met, and what follows from them.
pub(crate) struct Ends<'a> {
    plan: Plan,
    traffic: &'a Traffic,
    /// Everything that the local side gives was sent.
    input_ended: SetOnce<()>,
    /// The local side could not be read.
    input_failed: SetOnce<()>,
    /// Everything that the peer gives was received.
    peer_ended: SetOnce<()>,
    /// The end is being passed on to the local side.
    is_output_ending: AtomicBool,
}

impl<'a> Ends<'a> {
    /// The ends of a relay whose remote side has this traffic.
    pub(crate) fn new(plan: Plan, traffic: &'a Traffic) -> Self {
        Self {
            plan,
            traffic,
            input_ended: SetOnce::new(),
            input_failed: SetOnce::new(),
            peer_ended: SetOnce::new(),
            is_output_ending: AtomicBool::new(false),
        }
    }

    /// The sending direction: everything is `sent`, and then the end, which may have to wait for the peer's.
    pub(crate) async fn up<T, E: Future<Output = Result<(), Fault>>>(
        &self,
        sent: impl Future<Output = Result<T, Fault>>,
        end: impl FnOnce(T) -> E,
    ) -> Result<(), Fault> {
        let sent = sent.await?;
        self.expect_the_end();
        happens(&self.input_ended);
        if !self.plan.half_close {
            self.peer_ended.wait().await;
        }
        end(sent).await
    }

    /// The receiving direction: everything is `received`, and then the end is passed on.
    pub(crate) async fn down<T, E: Future<Output = Result<(), Fault>>>(
        &self,
        received: impl Future<Output = Result<T, Fault>>,
        end: impl FnOnce(T) -> E,
    ) -> Result<(), Fault> {
        let received = received.await?;
        self.is_output_ending.store(true, Ordering::Release);
        end(received).await?;
        happens(&self.peer_ended);
        Ok(())
    }

    /// Waits for the failure of a side that has ended. Such a side is no longer read, so otherwise only the
    /// next write would find it. A side that is gone altogether answers our end with a reset, under TLS at
    /// least: that is not a failure, because nothing is left to be sent.
    pub(crate) async fn failure_after_an_end(
        &self,
        local: impl Future<Output = Fault>,
        remote: impl Future<Output = io::Error>,
    ) -> Stop {
        tokio::select! {
            stop = async {
                self.input_ended.wait().await;
                let fault = Box::pin(local).await;
                unless(self.is_output_ending.load(Ordering::Acquire)).await;
                let direction = if matches!(fault, Fault::Read(_)) { Direction::Sent } else { Direction::Received };
                fault.going(direction)
            } => stop,
            error = async {
                self.peer_ended.wait().await;
                let error = Box::pin(remote).await;
                unless(self.traffic.is_our_end_sent()).await;
                error
            } => Stop::Read(Direction::Received, error),
        }
    }

    /// Waits for both directions, and decides what the end of one means for the other. `over` returns when nothing
    /// has moved for too long, or the time is up.
    pub(crate) async fn join(
        &self,
        up: impl Future<Output = Result<(), Fault>>,
        down: impl Future<Output = Result<(), Fault>>,
        failure: impl Future<Output = Stop>,
        over: impl Future<Output = Error>,
    ) -> Result<(), Stop> {
        let (mut up, mut down, mut failure) = (pin!(up), pin!(down), pin!(failure));
        let mut silence = pin!(self.silence(over));
        let (mut up_done, mut down_done, mut first) = (false, false, None);
        while !(up_done && down_done) {
            // Polled in random order: a direction that never has to wait uses up the budget of its task
            // (tokio::task::coop).
            tokio::select! {
                ended = &mut up, if !up_done => {
                    up_done = true;
                    self.note(Direction::Sent, ended, &mut first)?;
                }
                ended = &mut down, if !down_done => {
                    down_done = true;
                    self.note(Direction::Received, ended, &mut first)?;
                    if self.plan.leave_with_peer && !up_done {
                        return Err(Stop::Left);
                    }
                }
                stop = &mut failure => return Err(what_to_report(first, stop)),
                why = &mut silence => return Err(what_to_report(first, Stop::Over(why))),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Decides whether the relay goes on after one direction has ended like this. If it does, the failure is
    /// kept.
    fn note(
        &self,
        direction: Direction,
        ended: Result<(), Fault>,
        first: &mut Option<Stop>,
    ) -> Result<(), Stop> {
        let Err(fault) = ended else { return Ok(()) };
        let between_peers = self.plan.between_peers;
        let goes_on = match (direction, &fault) {
            // What the peer still sends comes first, and after a failed write it says more about the cause.
            (Direction::Sent, Fault::Read(_)) => !between_peers,
            (Direction::Sent, Fault::Write(_)) => true,
            (Direction::Received, Fault::Read(_)) => false,
            (Direction::Received, Fault::Write(_)) => between_peers,
        };
        let stop = match fault.going(direction) {
            Stop::Read(Direction::Received, cause) if self.is_cut_by(&cause) => Stop::Cut,
            stop => stop,
        };
        if !goes_on || matches!(stop, Stop::Over(_)) {
            return Err(what_to_report(first.take(), stop));
        }
        if matches!(stop, Stop::Read(..)) {
            self.expect_the_end();
            happens(&self.input_failed);
        }
        first.get_or_insert(stop);
        Ok(())
    }

    /// Whether this is an end without `close_notify` while there may be more to send.
    fn is_cut_by(&self, cause: &io::Error) -> bool {
        let known = cause.get_ref().and_then(|error| error.downcast_ref::<Error>());
        matches!(known, Some(Error::Truncated)) && !self.input_ended.initialized()
    }

    /// Nothing more is sent, so at least the peer's end is waited for.
    fn expect_the_end(&self) {
        self.traffic.wait(Wait::ForNothing, false);
        self.traffic.touch();
    }

    /// Returns when nothing has moved for too long, or the time is up.
    async fn silence(&self, over: impl Future<Output = Error>) -> Error {
        tokio::select! {
            why = over => why,
            () = async {
                self.input_failed.wait().await;
                Box::pin(self.last_words()).await;
            } => Error::Idle { after: LAST_WORDS },
        }
    }

    async fn last_words(&self) {
        loop {
            let before = self.traffic.received_so_far();
            sleep(LAST_WORDS).await;
            if !self.traffic.is_output_stuck() && self.traffic.received_so_far() == before {
                return;
            }
        }
    }
}

/// A failed input is the cause of all that follows. Otherwise the latest failure says the most.
fn what_to_report(first: Option<Stop>, latest: Stop) -> Stop {
    match first {
        Some(first @ Stop::Read(Direction::Sent, _)) => first,
        _ => latest,
    }
}

/// Returns at once, or never.
async fn unless(never: bool) {
    if never {
        pending::<()>().await;
    }
}

fn happens(once: &SetOnce<()>) {
    // An error means that it has happened already.
    let _ = once.set(());
}
