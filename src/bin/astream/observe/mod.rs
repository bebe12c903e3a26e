//! What sees the bytes of the connections of this process, a dump, a capture or digests, and their progress.

mod capture;
mod digest;
mod dump;
mod output;

use std::sync::{Arc, OnceLock};

use astream::{ConnectOptions, DatagramOptions, DatagramServerOptions, Observer, ServerOptions};

use crate::cli::{ObserveOptions, Report};
use crate::report::{self, progress};
use crate::signals::Signals;
use capture::Capture;
use digest::Digests;
use dump::Dump;
use output::Output;

/// Set once, by [`start`].
static OBSERVERS: OnceLock<Observers> = OnceLock::new();

#[derive(Default)]
struct Observers {
    all: Vec<Arc<dyn Observer>>,
    /// What they write to.
    outputs: Vec<Arc<Output>>,
    has_progress: bool,
}

/// Opens what the bytes of all connections are shown to.
///
/// # Errors
/// A file cannot be opened.
pub fn start(options: &ObserveOptions, report: Report) -> anyhow::Result<()> {
    let mut observers = Observers { has_progress: options.progress, ..Observers::default() };
    if let Some(file) = &options.dump {
        let output = Arc::new(Output::append("--dump", file)?);
        observers.outputs.push(Arc::clone(&output));
        observers.all.push(Arc::new(Dump::new(output)));
    }
    if let Some(file) = &options.capture {
        let output = Arc::new(Output::create("--capture", file)?);
        observers.outputs.push(Arc::clone(&output));
        observers.all.push(Arc::new(Capture::new(output)));
    }
    if options.sha256 {
        observers.all.push(Arc::new(Digests));
    }
    let _ = OBSERVERS.set(observers);
    if options.progress {
        progress::start(options.size, report.json)?;
    }
    Ok(())
}

/// Whether everything was written that was to be.
pub fn is_complete() -> bool {
    OBSERVERS.get().is_none_or(|observers| observers.outputs.iter().all(|output| output.is_complete()))
}

/// The signals of a client, unless the system may end it: a command must be ended, totals are reported, and what sees the
/// bytes sees the end too.
pub fn signals(has_command: bool) -> anyhow::Result<Option<Signals>> {
    let is_needed = has_command || report::has_last_word() || all().next().is_some();
    is_needed.then(Signals::new).transpose()
}

fn has_progress() -> bool {
    OBSERVERS.get().is_some_and(|observers| observers.has_progress)
}

fn all() -> impl Iterator<Item = Arc<dyn Observer>> {
    OBSERVERS.get().into_iter().flat_map(|observers| observers.all.iter().cloned())
}

/// These options, with all that wants to see the bytes.
pub fn connecting(options: ConnectOptions) -> ConnectOptions {
    all().fold(options, ConnectOptions::observer).count_promptly(has_progress())
}

/// The same of a server.
pub fn serving(options: ServerOptions) -> ServerOptions {
    all().fold(options, ServerOptions::observer).count_promptly(has_progress())
}

/// The same of a session of datagrams.
pub fn sending(options: DatagramOptions) -> DatagramOptions {
    all().fold(options, DatagramOptions::observer)
}

/// The same of a server of datagrams.
pub fn receiving(options: DatagramServerOptions) -> DatagramServerOptions {
    all().fold(options, DatagramServerOptions::observer)
}
