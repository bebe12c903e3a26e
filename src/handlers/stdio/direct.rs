//! Exchanges stdin and stdout with a socket. A thread for each direction blocks while the kernel moves the bytes,
//! or encrypts or decrypts them.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::stdio::{stdin, stdout};
use tokio::sync::oneshot;

use super::output::{close_stdout, reader_gone};
use super::{Exchange, error, no_thread, stdin_is_null};
use crate::error::Error;
use crate::relay::{Ends, Fault, Intake, Mover, Plan, Stop};
use crate::stream::{StreamReader, StreamWriter, into_blocking};
use crate::transport::{BlockingSocket, lost};

/// Exchanges bytes until both directions have ended, as [`relay`](crate::relay::relay) does.
pub(super) async fn exchange(
    exchange: &Exchange,
    plan: Plan,
    may_block: bool,
    reader: StreamReader,
    writer: StreamWriter,
) -> Result<(), Error> {
    let traffic = reader.traffic();
    let socket = Arc::new(into_blocking(reader, writer)?);
    if traffic.is_prompt() {
        // A blocking call moves much before it returns. If this is refused, the idle timeout and the counters see less.
        let _ = socket.set_nonblocking();
    }
    // While this task is blocked, no time passes for it.
    let may_block = may_block && !traffic.has_end();
    let mut unfinished = Unfinished(Some(Arc::clone(&socket)));
    let talk = Talk {
        mover: Mover { socket, traffic },
        intake: (exchange.send && !stdin_is_null()).then(|| Arc::new(Intake::new(stdin()))),
        receives: exchange.receive,
        may_block,
        plan,
    };
    let ended = match talk.run().await {
        Err(Stop::Left) => talk.leave().await,
        Err(Stop::Cut) => talk.nothing_undelivered().await.and(Err(Stop::Cut)),
        ended => ended,
    };
    if ended.is_ok() {
        unfinished.0 = None;
    }
    // Ends what still sends, which is then counted.
    drop(unfinished);
    if ended.is_err()
        && let Some(intake) = &talk.intake
    {
        intake.settle().await;
    }
    ended.map_err(error)
}

/// Aborts the connection if the exchange fails or is dropped, so that a cut stream does not look complete.
struct Unfinished(Option<Arc<BlockingSocket>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            socket.abort();
        }
    }
}

/// One connection and what is done with it.
struct Talk {
    mover: Mover,
    /// stdin, unless nothing is sent.
    intake: Option<Arc<Intake>>,
    receives: bool,
    /// Whether this task may be blocked while stdout takes nothing.
    may_block: bool,
    plan: Plan,
}

impl Talk {
    async fn run(&self) -> Result<(), Stop> {
        let Mover { socket, traffic } = &self.mover;
        let ends = Ends::new(self.plan, traffic);
        let up = ends.up(self.send(), |()| async {
            // Otherwise the thread that sends has sent it.
            if self.plan.half_close { Ok(()) } else { end(&self.mover) }
        });
        let down = ends.down(self.receive(), |()| async {
            traffic.peers_end();
            // Otherwise nothing is left to do, and the end of the process closes it at no cost.
            if self.receives && !traffic.is_our_end_sent() {
                close_stdout();
            }
            Ok(())
        });
        let failure = ends.failure_after_an_end(reader_gone(self.receives), lost(socket.as_fd()));
        ends.join(up, down, failure, traffic.over()).await
    }

    /// Sends stdin, by a thread that also ends the direction, because this task may be blocked.
    async fn send(&self) -> Result<(), Fault> {
        let (mover, half_close) = (self.mover.clone(), self.plan.half_close);
        let end_at_once = move |mover: &Mover| if half_close { end(mover) } else { Ok(()) };
        match &self.intake {
            Some(intake) => {
                let intake = Arc::clone(intake);
                let send = move || mover.up(&intake).and_then(|()| end_at_once(&mover));
                on_thread("stdin", Fault::Read, send).await
            }
            None => end_at_once(&mover),
        }
    }

    async fn receive(&self) -> Result<(), Fault> {
        let to = self.receives.then(stdout);
        if self.may_block {
            return self.mover.down_in_task(to).await;
        }
        let mover = self.mover.clone();
        on_thread("stdout", Fault::Write, move || mover.down(to)).await
    }

    /// Ends the connection after the peer's end, if nothing of stdin is left or lost.
    async fn leave(&self) -> Result<(), Stop> {
        self.nothing_undelivered().await?;
        self.mover.socket.end_at_once();
        Ok(())
    }

    /// Takes no more of stdin. Fails if something of it is left or lost.
    async fn nothing_undelivered(&self) -> Result<(), Stop> {
        match &self.intake {
            Some(intake) => intake.leave().await,
            None => Ok(()),
        }
    }
}

fn end(mover: &Mover) -> Result<(), Fault> {
    mover.traffic.our_end();
    mover.socket.end().map_err(Fault::Write)
}

/// Runs `work` on a thread of its own, which goes on if this is cancelled.
async fn on_thread(
    name: &'static str,
    fault: fn(io::Error) -> Fault,
    work: impl FnOnce() -> Result<(), Fault> + Send + 'static,
) -> Result<(), Fault> {
    let (sender, receiver) = oneshot::channel();
    let run = move || sender.send(work());
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|cause| fault(no_thread(cause).into()))?;
    receiver.await.unwrap_or_else(|_| Err(fault(io::Error::other("its thread failed"))))
}
