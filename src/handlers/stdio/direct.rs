//! stdio and a socket: a thread for each way, which blocks, while the kernel moves the bytes, or which
//! en- and decrypts them itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::stdio::{stdin, stdout};
use tokio::sync::{oneshot, watch};

use super::input::{stdin_is_empty, stdin_is_null};
use super::output::close_stdout;
use super::{Exchange, error};
use crate::handlers::Outcome;
use crate::relay::{Fault, Meter, Mover, Plan, Stop, join};
use crate::stream::{StreamReader, StreamWriter, into_blocking};
use crate::transport::BlockingSocket;

/// Exchanges bytes until both ways have ended, as [`relay`](crate::relay::relay) does.
pub(super) async fn exchange(
    exchange: &Exchange,
    plan: Plan,
    may_block: bool,
    reader: StreamReader,
    writer: StreamWriter,
) -> Outcome {
    let meter = Arc::new(Meter::of_stdio(plan.idle, exchange.receive));
    meter.watch(&writer);
    let socket = match into_blocking(reader, writer) {
        Ok(socket) => Arc::new(socket),
        Err(error) => return Outcome { totals: meter.totals(), result: Err(error) },
    };
    if meter.has_limit() {
        // A call that waits moves much, and tells it at its end. Refused, the clock sees less.
        let _ = socket.set_nonblocking();
    }
    let holding = Arc::new(AtomicBool::new(false));
    let mut unfinished = Unfinished(Some(Arc::clone(&socket)));
    let mover =
        Mover { socket: Arc::clone(&socket), meter: Arc::clone(&meter), holding: Arc::clone(&holding) };
    let result = match run(exchange, plan, may_block && plan.idle.is_none(), &mover).await {
        Ok(()) => Ok(()),
        Err(Stop::Left) if stdin_is_empty() && is_free(&holding).await => {
            socket.end_at_once();
            Ok(())
        }
        Err(stop) => Err(error(stop)),
    };
    if result.is_ok() {
        unfinished.0 = None;
    }
    Outcome { totals: meter.totals(), result }
}

/// A conversation that fails, or that is given up, is aborted: the peer shall not take what it has
/// for all there is.
struct Unfinished(Option<Arc<BlockingSocket>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            socket.abort();
        }
    }
}

async fn run(exchange: &Exchange, plan: Plan, may_block: bool, mover: &Mover) -> Result<(), Stop> {
    let (peer_ended, mut peer_end) = watch::channel(plan.half_close);
    let meter = &mover.meter;
    let up = async {
        if exchange.send && !stdin_is_null() {
            let mover = mover.clone();
            on_thread("stdin", move || send(&mover, plan)).await?;
            meter.input_ended();
        } else if plan.half_close {
            end(mover)?;
        }
        if !plan.half_close {
            let _ = peer_end.wait_for(|ended| *ended).await;
            end(mover)?;
        }
        Ok(())
    };
    let receives = exchange.receive;
    let down = async {
        if may_block {
            // The other way begins first.
            tokio::task::yield_now().await;
            mover.down(receives.then(stdout))?;
        } else {
            let mover = mover.clone();
            on_thread("stdout", move || mover.down(receives.then(stdout))).await?;
        }
        meter.peer_ended();
        if receives {
            close_stdout().map_err(Fault::Write)?;
        }
        peer_ended.send_replace(true);
        Ok(())
    };
    join(up, down, plan, idle(mover)).await
}

/// Whether the way up has nothing in its hands. A write that is done has a moment to say so.
async fn is_free(holding: &AtomicBool) -> bool {
    for _ in 0..50 {
        if !holding.load(Ordering::Acquire) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

/// stdin to the peer. Ends the direction itself, since nobody else may be there to do it.
fn send(mover: &Mover, plan: Plan) -> Result<(), Fault> {
    match mover.up(stdin()) {
        Ok(()) if plan.half_close => end(mover),
        Err(Fault::Read(error)) => {
            // Wakes the other way, which ends with this one, and tells the peer nothing.
            mover.socket.stop_reading();
            Err(Fault::Read(error))
        }
        other => other,
    }
}

fn end(mover: &Mover) -> Result<(), Fault> {
    mover.meter.our_end();
    mover.socket.end().map_err(Fault::Write)
}

/// Runs `work` on a thread of its own. Whoever stops waiting leaves it behind.
async fn on_thread(
    name: &str,
    work: impl FnOnce() -> Result<(), Fault> + Send + 'static,
) -> Result<(), Fault> {
    let (sender, receiver) = oneshot::channel();
    let run = move || sender.send(work());
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(Fault::Read)?;
    receiver.await.unwrap_or_else(|_| Err(Fault::Read(std::io::Error::other("its thread failed"))))
}

/// The limit, once nothing has moved for it. What waits in the socket is waiting for stdout, and
/// where nothing more comes from the peer, an empty stdin is all that is waited for.
async fn idle(mover: &Mover) -> Duration {
    loop {
        let limit = mover.meter.idle().await;
        let on_stdout = mover.socket.has_unread();
        let on_stdin = mover.meter.waits_for_stdin_only() && stdin_is_empty() && !mover.is_holding();
        if !on_stdout && !on_stdin {
            return limit;
        }
        mover.meter.touch();
    }
}
