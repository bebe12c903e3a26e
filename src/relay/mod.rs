//! Two streams, each fed from the other, until both have ended.

mod copy;
#[cfg(test)]
mod fairness;
#[cfg(target_os = "linux")]
mod linux;
mod mover;
#[cfg(target_os = "linux")]
mod pump;
#[cfg(target_os = "linux")]
mod trial;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::observe::{EndTimes, Totals};
use crate::policy::IdleClock;
use crate::stream::StreamWriter;
use crate::transport::tls::{ALERT_LENGTH, is_alert};
use copy::copy;
pub(crate) use mover::Mover;
#[cfg(target_os = "linux")]
pub(crate) use pump::pump;

/// Which way bytes go: `Up` to the peer, `Down` from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Up { "up" } else { "down" })
    }
}

/// What a relay does beyond moving bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether the local end is passed on at once, or only after the peer's.
    pub(crate) half_close: bool,
    /// Whether the peer's end ends the relay.
    pub(crate) leave_with_peer: bool,
    /// How long nothing may move either way.
    pub(crate) idle: Option<Duration>,
    /// Whether the local side is a peer as well, so that an error of writing to it ends that way only.
    pub(crate) between_peers: bool,
}

/// Which side of one way failed.
pub(crate) enum Fault {
    Read(io::Error),
    Write(io::Error),
}

/// Why a relay stopped before both streams had ended.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Reading what goes this way failed.
    Read(Way, io::Error),
    /// Writing what goes this way failed.
    Write(Way, io::Error),
    /// Nothing moved for this long.
    Idle(Duration),
    /// The peer ended first, and the plan was to leave with it.
    Left,
}

/// What a relay has moved, and how long it has waited.
pub(crate) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
    idle: IdleClock,
    /// Whether something is still expected from the peer.
    receiving: AtomicBool,
    /// Whether what goes up comes from our own side, whose slowness is none of the network's.
    from_stdin: AtomicBool,
    /// Whether what comes down goes to our own side.
    to_stdout: bool,
    /// Whether what came first from the peer begins as an alert of TLS.
    begins_with_alert: AtomicBool,
    ends: EndTimes,
}

impl Meter {
    pub(crate) fn new(idle: Option<Duration>) -> Self {
        Self {
            to_stdout: true,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            idle: IdleClock::new(idle),
            receiving: AtomicBool::new(true),
            from_stdin: AtomicBool::new(false),
            begins_with_alert: AtomicBool::new(false),
            ends: EndTimes::default(),
        }
    }

    /// The meter of stdin and stdout, or of stdin alone.
    pub(crate) fn of_stdio(idle: Option<Duration>, receives: bool) -> Self {
        let meter = Self::new(idle);
        meter.receiving.store(receives, Ordering::Relaxed);
        meter.from_stdin.store(true, Ordering::Relaxed);
        meter
    }

    /// The meter of two peers, whose slowness is the network's on both sides.
    pub(crate) fn between_peers(idle: Option<Duration>) -> Self {
        Self { to_stdout: false, ..Self::new(idle) }
    }

    /// Our end is about to be sent.
    pub(crate) fn our_end(&self) {
        self.ends.ours(self.received.load(Ordering::Relaxed));
    }

    /// Nothing more comes from the peer.
    pub(crate) fn peer_ended(&self) {
        self.ends.peers();
        self.receiving.store(false, Ordering::Relaxed);
    }

    /// Nothing more comes from stdin: the network is what is waited for.
    pub(crate) fn input_ended(&self) {
        self.from_stdin.store(false, Ordering::Relaxed);
        self.idle.rest(false);
    }

    /// Whether stdin is all that can still move something.
    pub(crate) fn waits_for_stdin_only(&self) -> bool {
        self.from_stdin.load(Ordering::Relaxed) && !self.receiving.load(Ordering::Relaxed)
    }

    /// What goes up is waited for, or has come.
    pub(crate) fn input_waits(&self, waits: bool) {
        self.idle.rest(waits && self.waits_for_stdin_only());
    }

    /// Counts what has gone this way.
    pub(crate) fn moved(&self, way: Way, bytes: usize) {
        let counter = if way == Way::Up { &self.sent } else { &self.received };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        self.idle.touch();
    }

    /// Whether a time without movement ends the relay.
    pub(crate) fn has_limit(&self) -> bool {
        self.idle.has_limit()
    }

    /// Makes sure that what this connection moves is seen in time.
    pub(crate) fn watch(&self, writer: &StreamWriter) {
        if self.has_limit() {
            writer.watch_progress();
        }
    }

    /// The clock starts anew.
    pub(crate) fn touch(&self) {
        self.idle.touch();
    }

    /// Our own output does not take what the peer sent, or does again.
    pub(crate) fn output_stuck(&self, stuck: bool) {
        if self.to_stdout {
            self.idle.stop(stuck);
        }
    }

    /// The limit, once nothing has moved for it.
    pub(crate) async fn idle(&self) -> Duration {
        if !self.idle.has_limit() {
            return std::future::pending().await;
        }
        Box::pin(self.idle.expired()).await
    }

    /// Looks at what came first from the peer; at nothing that comes later.
    pub(crate) fn first_received(&self, bytes: &[u8]) {
        if self.received.load(Ordering::Relaxed) == 0 {
            self.begins_with_alert.store(is_alert(bytes), Ordering::Relaxed);
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let (sent, received) = (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed));
        let begins_with_alert = self.begins_with_alert.load(Ordering::Relaxed);
        let is_tls_alert = begins_with_alert && received == ALERT_LENGTH as u64;
        Totals { sent, received, is_tls_alert, after_end: self.ends.after_end(received) }
    }
}

/// Feeds `remote` from `local` and the other way round until both have ended.
///
/// The end of one stream is passed on and the other way goes on. An error of reading, or of writing
/// to our own side, ends both ways. An error of writing to the peer ends that way only: what the
/// peer still has to say comes first, and tells more. What has arrived is always written out.
pub(crate) async fn relay<LR, LW, RR, RW>(
    (local_reader, local_writer): (&mut LR, &mut LW),
    (remote_reader, remote_writer): (&mut RR, &mut RW),
    plan: Plan,
    meter: &Meter,
) -> Result<(), Stop>
where
    LR: AsyncBufRead + Unpin,
    LW: AsyncWrite + Unpin,
    RR: AsyncBufRead + Unpin,
    RW: AsyncWrite + Unpin,
{
    let (peer_ended, mut peer_end) = watch::channel(plan.half_close);
    let up = async {
        copy(local_reader, remote_writer, Way::Up, meter).await?;
        meter.input_ended();
        // It fails only if the other way is gone, and then so is this one.
        let _ = peer_end.wait_for(|ended| *ended).await;
        meter.our_end();
        remote_writer.shutdown().await.map_err(Fault::Write)
    };
    let down = async {
        copy(remote_reader, local_writer, Way::Down, meter).await?;
        meter.peer_ended();
        local_writer.shutdown().await.map_err(Fault::Write)?;
        peer_ended.send_replace(true);
        Ok(())
    };
    let ended = join(up, down, plan, meter.idle()).await;
    // A peer has got what it takes, and may never take the rest.
    if !plan.between_peers && !matches!(ended, Err(Stop::Write(Way::Down, _))) {
        local_writer.flush().await.map_err(|error| Stop::Write(Way::Down, error))?;
    }
    ended
}

/// Waits for both ways, and decides what the end of one means for the other.
pub(crate) async fn join(
    up: impl Future<Output = Result<(), Fault>>,
    down: impl Future<Output = Result<(), Fault>>,
    plan: Plan,
    idle: impl Future<Output = Duration>,
) -> Result<(), Stop> {
    let (mut up, mut down, mut idle) = (pin!(up), pin!(down), pin!(idle));
    let (mut up_done, mut down_done) = (false, false);
    let mut undelivered: Option<Stop> = None;
    while !(up_done && down_done) {
        // Now one first, now another: a way that never has to wait uses its task's turn up (tokio::task::coop).
        tokio::select! {
            ended = &mut up, if !up_done => {
                up_done = true;
                match ended {
                    Ok(()) => {}
                    Err(Fault::Read(error)) => return Err(Stop::Read(Way::Up, error)),
                    Err(Fault::Write(error)) => {
                        undelivered.get_or_insert(Stop::Write(Way::Up, error));
                    }
                }
            }
            ended = &mut down, if !down_done => {
                down_done = true;
                match ended {
                    Ok(()) if plan.leave_with_peer && !up_done => return Err(Stop::Left),
                    Ok(()) => {}
                    Err(Fault::Read(error)) => return Err(Stop::Read(Way::Down, error)),
                    Err(Fault::Write(error)) if plan.between_peers => {
                        undelivered.get_or_insert(Stop::Write(Way::Down, error));
                    }
                    Err(Fault::Write(error)) => return Err(Stop::Write(Way::Down, error)),
                }
            }
            limit = &mut idle => return Err(Stop::Idle(limit)),
        }
    }
    undelivered.map_or(Ok(()), Err)
}
