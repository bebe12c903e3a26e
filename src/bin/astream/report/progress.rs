//! `--progress`: how much has moved, how fast, and how long the rest takes.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use astream::Traffic;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::{FileType, SeekFrom, fstat, seek};
use rustix::stdio::stdin;

use super::figures::{Figures, Moved, Pace};
use super::{Event, report};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How often a line is printed where there is no bar.
const LINE: Duration = Duration::from_secs(5);

static SHOWN: OnceLock<Shown> = OnceLock::new();

/// What is shown while connections are open.
struct Shown {
    watched: Mutex<Watched>,
    /// Where a terminal shows it in one place.
    bar: Option<ProgressBar>,
    /// Ends the thread that shows it.
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// The connections whose bytes are added up.
#[derive(Default)]
struct Watched {
    open: Vec<(u64, Traffic)>,
    next: u64,
    /// What those have moved that are closed.
    closed: Moved,
}

impl Watched {
    fn moved(&self) -> Moved {
        self.open.iter().fold(self.closed, |all, (_, traffic)| all + Moved::of(traffic))
    }
}

/// Shows the progress from now on, of so many bytes if that is known: by default those of the file that stdin is.
///
/// # Errors
/// There can be no thread.
pub fn start(size: Option<u64>, is_json: bool) -> io::Result<()> {
    // What is printed in the same place would be written over.
    let has_bar = !is_json && io::stderr().is_terminal() && !io::stdout().is_terminal();
    let size = size.or_else(length_of_stdin);
    let bar = has_bar.then(|| bar(size));
    let (sender, stop) = channel();
    let tick = if has_bar { FRAME } else { LINE };
    let thread = thread::Builder::new().name("progress".to_owned()).spawn(move || {
        let mut pace = Pace::new(Instant::now(), size);
        loop {
            let stopped = stop.recv_timeout(tick) != Err(RecvTimeoutError::Timeout);
            let Some(shown) = SHOWN.get() else { return };
            show(shown, &pace.figures(Instant::now(), shown.watched().moved()), stopped);
            if stopped {
                return;
            }
        }
    })?;
    let _ = SHOWN.set(Shown { watched: Mutex::default(), bar, thread: Mutex::new(Some((sender, thread))) });
    Ok(())
}

/// Shows the last figures, and nothing after them.
pub(super) fn finish() {
    let Some(shown) = SHOWN.get() else { return };
    let thread = shown.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((stop, thread)) = thread {
        drop(stop);
        let _ = thread.join();
    }
}

/// Prints a line while the bar is out of its way.
pub(super) fn above<T>(print: impl FnOnce() -> T) -> T {
    match SHOWN.get().and_then(|shown| shown.bar.as_ref()) {
        Some(bar) if !bar.is_finished() => bar.suspend(print),
        _ => print(),
    }
}

/// Adds up what a connection moves, until this is dropped.
pub(super) struct Watching(u64);

/// None if no progress is shown.
pub(super) fn watch(traffic: &Traffic) -> Option<Watching> {
    let mut watched = SHOWN.get()?.watched();
    let number = watched.next;
    watched.next += 1;
    watched.open.push((number, traffic.clone()));
    Some(Watching(number))
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Some(shown) = SHOWN.get() else { return };
        let mut watched = shown.watched();
        if let Some(at) = watched.open.iter().position(|(number, _)| *number == self.0) {
            let (_, traffic) = watched.open.swap_remove(at);
            watched.closed = watched.closed + Moved::of(&traffic);
        }
    }
}

impl Shown {
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr();
    let template = if size.is_some() { "{msg} {wide_bar}" } else { "{msg}" };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(size, target).with_style(style.progress_chars("=> "))
}

fn show(shown: &Shown, figures: &Figures, is_last: bool) {
    let Some(bar) = &shown.bar else {
        report(&Event::Progress { figures });
        return;
    };
    bar.set_message(figures.to_string());
    bar.set_position(figures.moved.most());
    bar.tick();
    if is_last {
        bar.abandon();
    }
}

/// How many bytes a file gives that is stdin.
fn length_of_stdin() -> Option<u64> {
    let stat =
        fstat(stdin()).ok().filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)?;
    let at = seek(stdin(), SeekFrom::Current(0)).ok()?;
    u64::try_from(stat.st_size).ok()?.checked_sub(at)
}
