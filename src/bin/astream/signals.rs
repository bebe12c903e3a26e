//! The signals that ask a server to end.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::report::Ending;

/// How long handlers may take after their connections were ended: a command is killed 5 s after it was asked to end.
pub const LAST_WAIT: Duration = Duration::from_secs(6);

/// The signals that ask a program to end, except those that were ignored when it was started, as under nohup.
/// tokio's own set-up prepares for every signal there is, which each start would pay for.
pub struct Signals {
    /// A byte for each signal that was received.
    arrivals: UnixStream,
    /// The last one.
    last: Arc<AtomicUsize>,
    has_terminal: bool,
}

impl Signals {
    pub fn new() -> anyhow::Result<Self> {
        let (arrivals, notify) = UnixStream::pair()?;
        let notify = notify.into_std()?;
        let last = Arc::default();
        let ignored = ignored_signals();
        for signal in
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0)
        {
            // The number first: it must be there when the byte is read.
            flag::register_usize(signal, Arc::clone(&last), usize::try_from(signal)?)?;
            pipe::register(signal, notify.try_clone()?)?;
        }
        if ignored & (1 << (SIGCHLD - 1)) != 0 {
            // Ignored, as some parents leave it, the status of a command could not be known.
            flag::register(SIGCHLD, Arc::default())?;
        }
        Ok(Self { arrivals, last, has_terminal: is_terminal_there() })
    }

    /// Waits for the next one, for ever where signals are left to the system. May be cancelled.
    pub async fn next_of(signals: &mut Option<Self>) -> Ending {
        match signals {
            Some(signals) => signals.next().await,
            None => pending().await,
        }
    }

    /// Waits for the next one. May be cancelled.
    pub async fn next(&mut self) -> Ending {
        match self.arrivals.read_u8().await {
            Ok(_) => Ending::Signal(i32::try_from(self.last.load(Ordering::SeqCst)).unwrap_or(SIGTERM)),
            // Without the pipe no signal is noticed.
            Err(_) => pending().await,
        }
    }

    /// Waits for a signal that asks a server to end. SIGHUP does only if the terminal of the program is gone; otherwise
    /// `reload` is called. May be cancelled.
    pub async fn stop(&mut self, mut reload: impl FnMut()) -> Ending {
        loop {
            match self.next().await {
                Ending::Signal(SIGHUP) if self.has_terminal == is_terminal_there() => reload(),
                ending => return ending,
            }
        }
    }

    /// Waits until a server that was closed has ended, for as long as `grace` says, or until another signal that asks for
    /// its end comes: service managers send SIGHUP after SIGTERM, and there is nothing left to reload for.
    pub async fn grace(&mut self, ended: impl Future<Output = ()>, grace: Duration) -> Ending {
        tokio::select! {
            // What goes on after that is dropped.
            _ = timeout(grace, ended) => Ending::Status(0),
            signal = self.stop(|| ()) => signal,
        }
    }
}

/// Whether there is a terminal whose end would be reported by SIGHUP.
fn is_terminal_there() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// A bit for each signal that was ignored when the program started, where Linux says so.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
