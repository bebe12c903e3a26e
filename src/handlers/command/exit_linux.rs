//! The end of a process, as Linux reports it: its descriptor is then readable.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::transport::Watched;

/// Waits for the end of one process.
pub(super) struct Exit(OwnedFd);

impl Exit {
    pub(super) fn of(child: &Child) -> io::Result<Self> {
        Ok(Self(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?))
    }

    /// Returns when it has ended. May be cancelled, and called again.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        Watched::for_reading(self.0.as_fd())?.readable().await
    }
}
