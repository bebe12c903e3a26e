//! Descriptors that a task waits for while other code reads and writes them with calls that block.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What a descriptor is ready for right now, out of `wanted`, and whether it is broken.
pub(crate) fn readiness(descriptor: impl AsFd, wanted: PollFlags) -> PollFlags {
    let mut polled = [PollFd::new(&descriptor, wanted)];
    match poll(&mut polled, Some(&Timespec::default())) {
        Ok(_) => polled[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

/// A descriptor that is registered with the runtime.
pub(crate) struct Watched<'a>(AsyncFd<BorrowedFd<'a>>);

impl<'a> Watched<'a> {
    /// Watches until there is something to be read.
    pub(crate) fn for_reading(descriptor: BorrowedFd<'a>) -> io::Result<Self> {
        Self::new(descriptor, Interest::READABLE)
    }

    /// Watches until it is broken.
    pub(crate) fn for_failure(descriptor: BorrowedFd<'a>) -> io::Result<Self> {
        Self::new(descriptor, Interest::ERROR)
    }

    #[allow(deprecated, reason = "unsound for a number only; a borrowed descriptor stays open")]
    fn new(descriptor: BorrowedFd<'a>, interest: Interest) -> io::Result<Self> {
        AsyncFd::with_interest(descriptor, interest).map(Self)
    }

    /// Waits until there is something to be read, or an end or an error. May be cancelled.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        let is_readable =
            |descriptor: &BorrowedFd<'_>| ready(!readiness(descriptor, PollFlags::IN).is_empty());
        self.0.async_io(Interest::READABLE, is_readable).await
    }

    /// Waits until it is broken. May be cancelled.
    pub(crate) async fn broken(&self) -> io::Result<()> {
        self.0.async_io(Interest::ERROR, is_broken).await
    }
}

/// Succeeds if the descriptor has an error, which no call may have reported yet. `WouldBlock` if not.
pub(super) fn is_broken(descriptor: &impl AsFd) -> io::Result<()> {
    ready(readiness(descriptor, PollFlags::empty()).contains(PollFlags::ERR))
}

fn ready(is_ready: bool) -> io::Result<()> {
    if is_ready { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
}
