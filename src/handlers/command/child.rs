//! A process of ours, with the group that it leads.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a command that was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);

/// A running command. Dropped before it has ended, it is ended, without waiting for that.
pub(super) struct Child(Option<tokio::process::Child>);

impl Child {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        command.spawn().map(Some).map(Self)
    }

    /// Our ends of its pipes, if it has any.
    pub(super) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        let child = self.0.as_mut()?;
        child.stdin.take().zip(child.stdout.take())
    }

    /// Waits for its end. May be cancelled, and called again.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        match &mut self.0 {
            Some(child) => child.wait().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Ends it: SIGTERM to its group, and SIGKILL if that takes too long.
    pub(super) async fn end(mut self) {
        if let Some(child) = self.0.take() {
            signal(&child, Signal::TERM);
            kill_later(child).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(child) = self.0.take().filter(|child| child.id().is_some()) else { return };
        // At once: a runtime that is ending polls no more tasks.
        signal(&child, Signal::TERM);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(kill_later(child));
        }
    }
}

/// Kills a command that was asked to end and does not.
async fn kill_later(mut child: tokio::process::Child) {
    if timeout(GRACE, child.wait()).await.is_err() {
        signal(&child, Signal::KILL);
        let _ = child.wait().await;
    }
}

/// Sends a signal to its group, unless it has ended: the number may be that of another group then.
fn signal(child: &tokio::process::Child, signal: Signal) {
    let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let Some(group) = group {
        // It may have ended just now.
        let _ = kill_process_group(group, signal);
    }
}
