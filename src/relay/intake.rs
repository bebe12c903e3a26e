//! Takes bytes from our own input, in one thread, until another task closes it.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::io::Errno;
use rustix::termios::{isatty, tcgetpgrp};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Fault, Stop};
use crate::stream::Direction;
use crate::transport::blocking::read;
use crate::transport::readiness;

/// How long leaving waits until the bytes in hand are handed over.
const HANDING_OVER: Duration = Duration::from_secs(1);

/// How often a process in the background checks whether it is in the foreground, while something is typed.
const IN_BACKGROUND: Duration = Duration::from_millis(250);

/// A descriptor that bytes are taken from, and the state of that. It may be shared with other processes, and
/// blocks.
pub(crate) struct Intake {
    from: BorrowedFd<'static>,
    /// Whether reading it never waits. So it is with files, and with what was not opened for reading, which
    /// poll ignores.
    never_waits: bool,
    is_terminal: bool,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Nothing more is taken.
    is_closed: bool,
    hand: Hand,
}

/// The bytes between the input and the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Empty,
    /// Some are being taken or delivered.
    Full,
    /// Some were taken and could not be delivered.
    Lost,
}

impl Intake {
    pub(crate) fn new(from: BorrowedFd<'static>) -> Self {
        let kind = fstat(from).map(|stat| FileType::from_raw_mode(stat.st_mode)).ok();
        let is_for_writing =
            || fcntl_getfl(from).is_ok_and(|flags| flags & OFlags::ACCMODE == OFlags::WRONLY);
        let state = State { is_closed: false, hand: Hand::Empty };
        Self {
            from,
            never_waits: kind == Some(FileType::RegularFile) || is_for_writing(),
            is_terminal: kind == Some(FileType::CharacterDevice) && isatty(from),
            state: watch::Sender::new(state),
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'static> {
        self.from
    }

    /// Waits until a read would not wait. In the background of a terminal that is never: what is typed there
    /// is meant for other processes, and reading it would stop this one.
    pub(crate) fn wait(&self) -> Result<(), Errno> {
        if self.never_waits {
            return Ok(());
        }
        loop {
            let was_ours = self.is_ours();
            let mut from = [PollFd::new(&self.from, PollFlags::IN)];
            match poll(&mut from, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            }
            if !was_ours && from[0].revents().contains(PollFlags::HUP) {
                rest_for_ever();
            }
            if self.is_ours() {
                return Ok(());
            }
            std::thread::sleep(IN_BACKGROUND);
        }
    }

    /// Whether we may read it: it is not a terminal, or we are in its foreground.
    fn is_ours(&self) -> bool {
        !self.is_terminal
            || tcgetpgrp(self.from).map_or(true, |foreground| foreground == rustix::process::getpgrp())
    }

    /// Reads once; 0 is the end. To be called inside of [`take`](Self::take).
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match read(self.from, buffer)? {
            // For the system a terminal that has vanished is at its end, but its user has not ended it.
            0 if self.is_terminal && readiness(self.from, PollFlags::IN).contains(PollFlags::HUP) => {
                Err(Errno::IO)
            }
            n => Ok(n),
        }
    }

    /// Takes bytes and delivers them; None if the intake was closed. `take` must deliver all that it reads,
    /// and fails with [`Fault::Write`] if that was lost.
    pub(crate) fn take<T>(&self, take: impl FnOnce() -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        let mut is_closed = false;
        self.state.send_if_modified(|state| {
            is_closed = state.is_closed;
            state.hand = if is_closed { state.hand } else { Hand::Full };
            false
        });
        if is_closed {
            return Ok(None);
        }
        let taken = take();
        let hand = if matches!(taken, Err(Fault::Write(_))) { Hand::Lost } else { Hand::Empty };
        self.state.send_modify(|state| state.hand = hand);
        taken.map(Some)
    }

    /// Whether nothing can be taken right now.
    fn is_empty(&self) -> bool {
        !self.is_ours() || rustix::io::ioctl_fionread(self.from).map_or(true, |n| n == 0)
    }

    /// Closes the intake. Fails if something that was taken is not delivered, or if something is left to be
    /// taken.
    pub(crate) async fn leave(&self) -> Result<(), Stop> {
        self.settle().await;
        if self.state.borrow().hand == Hand::Empty { self.nothing_is_left() } else { Err(Stop::Left) }
    }

    /// Closes the intake, and waits until what was taken is delivered or lost, for a second at most.
    pub(crate) async fn settle(&self) {
        self.state.send_modify(|state| state.is_closed = true);
        let mut changes = self.state.subscribe();
        let _ = timeout(HANDING_OVER, changes.wait_for(|state| state.hand != Hand::Full)).await;
    }

    fn nothing_is_left(&self) -> Result<(), Stop> {
        if !self.is_empty() {
            return Err(Stop::Left);
        }
        if !self.is_ours() || readiness(self.from, PollFlags::IN).is_empty() {
            return Ok(());
        }
        // It is ready but has no bytes: it is at its end, or cannot be read.
        match self.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Stop::Left),
            Err(error) => Err(Stop::Read(Direction::Sent, error.into())),
        }
    }
}

/// For the thread that reads a terminal which was not ours and has vanished.
fn rest_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{PipeWriter, Write};
    use std::os::fd::AsFd;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::task::Poll;
    use std::thread;

    use super::*;

    /// An intake from a pipe, for the whole test.
    fn intake() -> (Arc<Intake>, PipeWriter) {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader: &'static _ = Box::leak(Box::new(reader));
        (Arc::new(Intake::new(reader.as_fd())), writer)
    }

    fn take_one(intake: &Intake) -> Result<usize, Fault> {
        intake.read(&mut [0]).map_err(|error| Fault::Read(error.into()))
    }

    #[tokio::test]
    async fn what_is_in_hand_is_waited_for_and_nothing_is_taken_after_that() {
        let (intake, mut writer) = intake();
        writer.write_all(b"ab").unwrap();
        let (taken, is_taken) = channel();
        let (go, gone) = channel::<()>();
        let own = Arc::clone(&intake);
        let other = thread::spawn(move || {
            own.take(|| {
                let n = take_one(&own)?;
                taken.send(()).unwrap();
                gone.recv().unwrap();
                Ok(n)
            })
        });
        is_taken.recv().unwrap();
        let leaving = intake.leave();
        let mut leaving = std::pin::pin!(leaving);
        // In hand, so it has to wait.
        assert!(poll_fn(|cx| Poll::Ready(leaving.as_mut().poll(cx).is_pending())).await);
        assert!(intake.take(|| take_one(&intake)).unwrap().is_none(), "taken after it was left");
        go.send(()).unwrap();
        assert!(matches!(leaving.await, Err(Stop::Left)), "the second byte was not taken");
        assert!(matches!(other.join().unwrap(), Ok(Some(1))));
    }

    #[tokio::test]
    async fn who_leaves_knows_what_became_of_the_input() {
        let (input, writer) = intake();
        assert!(input.leave().await.is_ok(), "nothing was there");
        drop(writer);
        assert!(input.leave().await.is_ok(), "it has ended");

        let (input, mut writer) = intake();
        writer.write_all(b"a").unwrap();
        assert!(matches!(input.leave().await, Err(Stop::Left)), "a byte is there");

        let (input, mut writer) = intake();
        writer.write_all(b"a").unwrap();
        let lose = || take_one(&input).and(Err::<(), _>(Fault::Write(Errno::PIPE.into())));
        assert!(input.take(lose).is_err());
        assert!(matches!(input.leave().await, Err(Stop::Left)), "a byte was lost");

        let folder: &'static _ = Box::leak(Box::new(std::fs::File::open("/").unwrap()));
        let unreadable = Intake::new(folder.as_fd()).leave().await;
        assert!(matches!(unreadable, Err(Stop::Read(Direction::Sent, _))), "{unreadable:?}");
    }
}
