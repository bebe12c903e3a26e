//! Moves bytes between a socket and blocking descriptors, each in the fastest way.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::task::coop::consume_budget;

use super::fault::{read_fault, write_fault};
#[cfg(target_os = "linux")]
use super::linux::{Call, PipeSize};
use super::{Fault, Intake};
use crate::policy::Wait;
use crate::stream::{Direction, Traffic};
use crate::transport::blocking::{wait, write_all};
use crate::transport::tls::ALERT_LENGTH;
use crate::transport::{Aligned, BlockingSocket, Watched};

/// How many bytes are read and written at once. Larger reads mean fewer wake-ups of both peers.
const CHUNK: usize = 768 * 1024;

/// The same under TLS, where the bytes are in memory three times.
const TLS_CHUNK: usize = 256 * 1024;

/// How long a task that has just received something waits for more without asking the runtime, which would
/// take a fifth more CPU at full speed.
const NEAR: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// A socket, and the counters of its connection.
#[derive(Clone)]
pub(crate) struct Mover {
    pub(crate) socket: Arc<BlockingSocket>,
    pub(crate) traffic: Traffic,
}

impl Mover {
    /// Sends everything that `intake` gives.
    pub(crate) fn up(&self, intake: &Intake) -> Result<(), Fault> {
        let mut up = Flow::new(self, Direction::Sent, Some(intake.descriptor()));
        loop {
            match up.send_once(intake) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // The input had nothing, or the socket was full.
                Err(Fault::Read(error)) if error.kind() == ErrorKind::WouldBlock => {
                    intake.wait().map_err(read_fault)?;
                    let room = || wait(&*self.socket, PollFlags::OUT);
                    self.traffic.during(Wait::ToSend, room).map_err(write_fault)?;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Writes everything that the peer sends to `to`, or drops it without one. Blocks until the peer's end.
    pub(crate) fn down(&self, to: Option<BorrowedFd<'static>>) -> Result<(), Fault> {
        let mut down = Flow::new(self, Direction::Received, to);
        let mut has_arrived = down.may_hold_more();
        loop {
            if !has_arrived {
                let arrival = || wait(&*self.socket, PollFlags::IN);
                self.traffic.during(Wait::ToReceive, arrival).map_err(read_fault)?;
            }
            match down.receive_once()? {
                Some(0) => return Ok(()),
                received => has_arrived = received.is_some() && down.may_hold_more(),
            }
        }
    }

    /// The same in a task, which is blocked only while `to` takes nothing. May be cancelled.
    pub(crate) async fn down_in_task(&self, to: Option<BorrowedFd<'static>>) -> Result<(), Fault> {
        let Ok(watched) = Watched::for_reading(self.socket.as_fd()) else { return self.down(to) };
        let mut down = Flow::new(self, Direction::Received, to);
        let mut has_arrived = down.may_hold_more();
        loop {
            // A peer that sends without a pause leaves the other direction its turns.
            consume_budget().await;
            if !has_arrived {
                self.traffic.wait(Wait::ToReceive, true);
                watched.readable().await.map_err(Fault::Read)?;
                self.traffic.wait(Wait::ToReceive, false);
            }
            match down.receive_once()? {
                Some(0) => return Ok(()),
                received => has_arrived = received.is_some() && (down.may_hold_more() || self.more_is_near()),
            }
        }
    }

    /// Whether more arrives within a moment, for which this thread waits by itself.
    fn more_is_near(&self) -> bool {
        let mut polled = [PollFd::new(&*self.socket, PollFlags::IN)];
        poll(&mut polled, Some(&NEAR)).is_ok_and(|ready| ready > 0)
    }
}

/// One direction between the socket and a descriptor.
struct Flow<'a> {
    mover: &'a Mover,
    direction: Direction,
    local: Option<BorrowedFd<'static>>,
    /// Made when bytes are first read and written.
    buffer: Aligned,
    /// Whether the first bytes were looked at.
    has_looked: bool,
    #[cfg(target_os = "linux")]
    call: Option<Call>,
    #[cfg(target_os = "linux")]
    pipe: PipeSize,
}

impl<'a> Flow<'a> {
    fn new(mover: &'a Mover, direction: Direction, local: Option<BorrowedFd<'static>>) -> Self {
        Self {
            mover,
            direction,
            local,
            buffer: Aligned::default(),
            has_looked: false,
            #[cfg(target_os = "linux")]
            call: local.and_then(|local| match direction {
                Direction::Sent => Call::up(local, &mover.socket),
                Direction::Received => Call::down(&mover.socket, local),
            }),
            #[cfg(target_os = "linux")]
            pipe: PipeSize::of(local),
        }
    }

    /// Moves bytes by the kernel; None if it refuses.
    #[cfg(target_os = "linux")]
    fn by_kernel(&mut self) -> Result<Option<usize>, Fault> {
        let (Some(call), Some(local)) = (&mut self.call, self.local) else { return Ok(None) };
        // From the socket it takes only what has arrived, so it can only wait for the other side.
        let traffic = &self.mover.traffic;
        let once = || call.once(&self.mover.socket, local);
        let moved = match self.direction {
            Direction::Sent => traffic.during(Wait::ToSend, once)?,
            Direction::Received => while_stuck(traffic, once)?,
        };
        if moved.is_none() {
            self.call = None;
        }
        Ok(moved)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same face as on Linux")]
    fn by_kernel(&mut self) -> Result<Option<usize>, Fault> {
        Ok(None)
    }

    /// Sends some of what the intake gives; 0 is its end.
    fn send_once(&mut self, intake: &Intake) -> Result<usize, Fault> {
        // Counted while the bytes are in hand, so that the count is right once the intake has settled.
        let moved = intake.take(|| self.by_kernel().inspect(|moved| self.moved(moved.unwrap_or(0))));
        if let Some(moved) = moved?.ok_or_else(was_left)? {
            return Ok(moved);
        }
        self.prepare_buffer();
        intake.wait().map_err(read_fault)?;
        let moved = intake.take(|| {
            let n = intake.read(&mut self.buffer).map_err(read_fault)?;
            let Mover { socket, traffic } = self.mover;
            if n > 0 {
                traffic.sending();
            }
            let write = || socket.write_all(&self.buffer[..n], || traffic.touch());
            traffic.during(Wait::ToSend, write).map_err(Fault::Write)?;
            self.moved(n);
            Ok(n)
        });
        moved?.ok_or_else(was_left)
    }

    /// Receives what has arrived; 0 is the peer's end, None means that nothing has arrived yet.
    fn receive_once(&mut self) -> Result<Option<usize>, Fault> {
        match self.receive() {
            Err(Fault::Read(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            received => {
                let n = received?;
                self.moved(n);
                Ok(Some(n))
            }
        }
    }

    fn receive(&mut self) -> Result<usize, Fault> {
        self.look_at_first()?;
        if let Some(moved) = self.by_kernel()? {
            return Ok(moved);
        }
        self.prepare_buffer();
        let Mover { socket, traffic } = self.mover;
        let n = traffic.during(Wait::ToReceive, || socket.read(&mut self.buffer)).map_err(Fault::Read)?;
        if let Some(to) = self.local {
            let write = || write_all(to, &self.buffer[..n], || ());
            while_stuck(traffic, write).map_err(write_fault)?;
        }
        Ok(n)
    }

    /// Bytes that the kernel moves are not seen here, so the first ones are looked at before. What fails here is
    /// reported here: the system reports a reset once, and an end after that.
    fn look_at_first(&mut self) -> Result<(), Fault> {
        if !self.has_looked && self.mover.socket.is_plain() {
            let mut first = [0; ALERT_LENGTH];
            let n = self.mover.socket.peek(&mut first).map_err(Fault::Read)?;
            self.mover.traffic.begins_with(&first[..n]);
        }
        self.has_looked = true;
        Ok(())
    }

    /// Whether data may have arrived although the socket is empty: a TLS session holds what it has read.
    fn may_hold_more(&self) -> bool {
        !self.mover.socket.is_plain()
    }

    fn moved(&mut self, bytes: usize) {
        match self.direction {
            Direction::Sent => self.mover.traffic.sent(bytes),
            Direction::Received => self.mover.traffic.received_unseen(bytes),
        }
        #[cfg(target_os = "linux")]
        self.pipe.after(bytes);
    }

    fn prepare_buffer(&mut self) {
        if self.buffer.is_empty() {
            let (tls, chunk) =
                if self.mover.socket.is_plain() { ("", CHUNK) } else { (", under TLS", TLS_CHUNK) };
            if self.local.is_some() {
                tracing::debug!("{} by read and write{tls}", self.direction);
            }
            self.buffer = Aligned::new(chunk);
        }
    }
}

/// Runs a call that waits for our own output.
fn while_stuck<T>(traffic: &Traffic, run: impl FnOnce() -> T) -> T {
    traffic.output_stuck(true);
    let done = run();
    traffic.output_stuck(false);
    done
}

/// Ends sending after the intake was closed, when the result is no longer waited for.
fn was_left() -> Fault {
    Fault::Read(io::Error::other("nothing more is taken"))
}
