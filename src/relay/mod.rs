//! A relay: what one side receives is sent to the other side, both ways, until both directions have ended.

mod copy;
mod ends;
#[cfg(test)]
mod fairness;
mod fault;
mod intake;
#[cfg(target_os = "linux")]
mod linux;
mod mover;
#[cfg(target_os = "linux")]
mod pump;

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt};

use crate::error::Error;
use crate::policy::within;
use crate::stream::{Direction, Traffic};
use copy::copy;
pub(crate) use ends::{Ends, Party, Plan, Stop};
pub(crate) use fault::Fault;
pub(crate) use intake::Intake;
pub(crate) use mover::Mover;
#[cfg(target_os = "linux")]
pub(crate) use pump::pump;

/// How long our own side may take what has arrived when the time of the connection is up.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// Feeds `remote` from `local` and the other way round until both have ended.
///
/// The end of one stream is passed on and the other direction goes on. An error of reading from the peer, or
/// of writing to our own side, ends both. An error of our own input, or of writing to the peer, ends sending
/// only: what the peer still sends comes first. Everything that has arrived is written out.
///
/// `local_failure` and `remote_failure` return when a side fails after its end. `traffic` is that of the remote side.
pub(crate) async fn relay<LR, LW, RR, RW>(
    (local_reader, local_writer, local_failure): (&mut LR, &mut LW, impl Future<Output = Fault>),
    (remote_reader, remote_writer, remote_failure): (&mut RR, &mut RW, impl Future<Output = io::Error>),
    plan: Plan,
    traffic: &Traffic,
) -> Result<(), Stop>
where
    LR: AsyncBufRead + Unpin,
    LW: AsyncWrite + Unpin,
    RR: AsyncBufRead + Unpin,
    RW: AsyncWrite + Unpin,
{
    let ends = Ends::new(plan, traffic);
    let output_stuck = |is_stuck| {
        if !plan.between_peers {
            traffic.output_stuck(is_stuck);
        }
    };
    let sent = async {
        copy(local_reader, remote_writer, |_| ()).await?;
        Ok(remote_writer)
    };
    let up = ends.up(sent, |writer| async { writer.shutdown().await.map_err(Fault::Write) });
    let received = async {
        copy(remote_reader, &mut *local_writer, output_stuck).await?;
        Ok(&mut *local_writer)
    };
    let down = ends.down(received, |writer| async { writer.shutdown().await.map_err(Fault::Write) });
    let failure = ends.failure_after_an_end(local_failure, remote_failure);
    // The streams fail by themselves, but those that are not waited for are not noticed.
    let ended = ends.join(up, down, failure, traffic.time_is_up()).await;
    // Not for peers, which may never take the rest.
    if !plan.between_peers && !matches!(ended, Err(Stop::Write(Direction::Received, _))) {
        let is_time_up = matches!(ended, Err(Stop::Over(Error::Timeout { .. })));
        let flushed = within(is_time_up.then_some(LAST_FLUSH), local_writer.flush()).await;
        flushed.unwrap_or(Ok(())).map_err(|error| Stop::Write(Direction::Received, error))?;
    }
    ended
}
