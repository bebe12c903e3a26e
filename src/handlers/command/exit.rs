//! The end of a process, looked for again and again: no descriptor reports it here.

use std::io;
use std::process::Child;
use std::time::Duration;

use tokio::time::sleep;

/// How often the end of a process is looked for where no event reports it.
const PAUSE: Duration = Duration::from_millis(20);

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
