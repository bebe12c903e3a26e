//! `--progress`: how much has moved, how fast, and how long the rest takes.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use astream::Traffic;
use rustix::fs::{FileType, SeekFrom, fstat, seek};
use rustix::stdio::stdin;
use rustix::termios::tcgetwinsize;

use super::figures::{Figures, Moved, Pace};
use super::{Event, report, stderr};

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// How often a sample is taken where there is no bar.
const SAMPLE: Duration = Duration::from_secs(1);

/// After how many of these samples a line is printed.
const SAMPLES: u32 = 5;

/// Of a terminal that does not say how wide it is.
const WIDTH: usize = 80;

static SHOWN: OnceLock<Shown> = OnceLock::new();

/// What is shown while connections are open.
struct Shown {
    watched: Mutex<Watched>,
    /// Whether it is a bar in one line of a terminal.
    has_bar: bool,
    /// Ends the thread that shows it.
    thread: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// The connections whose bytes are added up.
#[derive(Default)]
struct Watched {
    /// When the first one began.
    begin: Option<Instant>,
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
    let (sender, stop) = channel();
    let (tick, samples) = if has_bar { (FRAME, 1) } else { (SAMPLE, SAMPLES) };
    let thread = thread::Builder::new().name("progress".to_owned()).spawn(move || {
        let mut pace = None;
        for sample in 1.. {
            let stopped = stop.recv_timeout(tick) != Err(RecvTimeoutError::Timeout);
            let Some(shown) = SHOWN.get() else { return };
            let (begin, moved) = {
                let watched = shown.watched();
                (watched.begin, watched.moved())
            };
            // Until there is a connection, there is nothing to show.
            if let Some(begin) = begin {
                let pace = pace.get_or_insert_with(|| Pace::new(begin, size));
                let mut figures = pace.figures(Instant::now(), moved);
                // A size that was an estimate leaves a rest that never comes.
                figures.left = figures.left.filter(|_| !stopped);
                if stopped || sample % samples == 0 {
                    show(shown, &figures, stopped);
                }
            }
            if stopped {
                return;
            }
        }
    })?;
    let _ =
        SHOWN.set(Shown { watched: Mutex::default(), has_bar, thread: Mutex::new(Some((sender, thread))) });
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

/// Adds up what a connection moves, until this is dropped.
pub(super) struct Watching(u64);

/// None if no progress is shown.
pub(super) fn watch(traffic: &Traffic) -> Option<Watching> {
    let mut watched = SHOWN.get()?.watched();
    watched.begin.get_or_insert_with(Instant::now);
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

fn show(shown: &Shown, figures: &Figures, is_last: bool) {
    if !shown.has_bar {
        report(&Event::Progress { figures });
        return;
    }
    // It may have been made narrower.
    let width = tcgetwinsize(rustix::stdio::stderr()).map_or(0, |size| usize::from(size.ws_col));
    // That stderr cannot be written is no reason to stop.
    let _ = stderr::draw(&figures.in_one_line(if width > 0 { width } else { WIDTH }), is_last);
}

/// How many bytes a file gives that is stdin.
fn length_of_stdin() -> Option<u64> {
    let stat =
        fstat(stdin()).ok().filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)?;
    let at = seek(stdin(), SeekFrom::Current(0)).ok()?;
    u64::try_from(stat.st_size).ok()?.checked_sub(at)
}
