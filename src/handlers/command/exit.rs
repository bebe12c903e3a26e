//! The end of a process, looked for again and again: no descriptor reports it here.

use std::io;
use std::process::Child;
use std::time::Duration;

/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for the end of one process.
pub(super) struct Exit;

impl Exit {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
    pub(super) fn of(_: &Child) -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns when it may have ended. May be cancelled, and called again.
    #[expect(clippy::unused_self, reason = "it is used on Linux")]
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}
