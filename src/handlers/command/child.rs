//! A process of ours, with the group that it leads.
//!
//! tokio's own processes would do the same, but its runtime then prepares for every signal there is, which each start of a
//! program pays for.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::exit::Exit;

/// How long a command that was asked to end may take.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// A running command. Dropped before it has ended, it is ended, without waiting for that.
pub(super) struct Child(Option<Process>);

struct Process {
    child: std::process::Child,
    exit: Exit,
}

impl Child {
    /// Starts a command in a group of its own.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        Ok(Self(Some(Process { exit: Exit::of(&child), child })))
    }

    /// Our ends of its pipes, if it has any.
    pub(super) fn pipes(&mut self) -> Option<io::Result<(Sender, Receiver)>> {
        let child = &mut self.0.as_mut()?.child;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take())?;
        let pipes = || Ok((Sender::from_owned_fd(stdin.into())?, Receiver::from_owned_fd(stdout.into())?));
        Some(pipes())
    }

    /// Waits for its end. May be cancelled, and called again.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        match &mut self.0 {
            Some(process) => process.ended().await,
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Ends it: SIGTERM to its group, and SIGKILL if that takes too long.
    pub(super) async fn end(mut self) {
        if let Some(mut process) = self.0.take() {
            process.signal(Signal::TERM);
            process.kill_later().await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(mut process) = self.0.take() else { return };
        // At once: a runtime that is ending polls no more tasks.
        process.signal(Signal::TERM);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { process.kill_later().await });
        }
    }
}

impl Process {
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            self.exit.wait().await?;
        }
    }

    /// Kills a command that was asked to end and does not.
    async fn kill_later(&mut self) {
        if timeout(GRACE, self.ended()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.ended().await;
        }
    }

    /// Sends a signal to its group, unless it has ended: the number may be that of another group then.
    fn signal(&mut self, signal: Signal) {
        if let Ok(None) = self.child.try_wait() {
            // It may have ended just now.
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_noticed_with_a_descriptor_of_the_process_and_without() {
        for has_descriptor in [true, false] {
            let child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
            let exit = if has_descriptor { Exit::of(&child) } else { Exit::default() };
            let status = Process { child, exit }.ended().await.unwrap();
            assert_eq!(status.code(), Some(3));
        }
    }
}
