//! The end of a process, as Linux reports it: its descriptor is then readable.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::time::sleep;

use super::PAUSE;
use crate::transport::Watched;

/// Waits for the end of one process. Without a descriptor, which a sandbox may refuse, it is looked for again and again.
#[derive(Default)]
pub(super) struct Exit(Option<OwnedFd>);

impl Exit {
    pub(super) fn of(child: &Child) -> Self {
        Self(pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok())
    }

    /// Returns when it has ended, or may have. May be cancelled, and called again.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        if let Some(process) = &self.0 {
            return Watched::for_reading(process.as_fd())?.readable().await;
        }
        sleep(PAUSE).await;
        Ok(())
    }
}
