//! The end of a process, looked for again and again: no descriptor reports it here.

use std::io;
use std::process::Child;

use tokio::time::sleep;

use super::PAUSE;

/// Waits for the end of one process.
#[derive(Default)]
pub(super) struct Exit;

impl Exit {
    pub(super) fn of(_: &Child) -> Self {
        Self
    }

    /// Returns when it may have ended. May be cancelled, and called again.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        sleep(PAUSE).await;
        Ok(())
    }
}
