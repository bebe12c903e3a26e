//! stderr, whose last line may be a bar that is drawn again and again.

use std::io::{self, StderrLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether the last line is a bar. Set only while stderr is locked.
static HAS_BAR: AtomicBool = AtomicBool::new(false);

/// Writes to stderr in one piece, in the place of a bar.
pub fn write(data: &[u8]) -> io::Result<()> {
    locked().write_all(data)
}

/// Draws a bar over the one before. Unless it `stays`, what is written next takes its place.
///
/// # Errors
/// It cannot be written.
pub(super) fn draw(bar: &str, stays: bool) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    HAS_BAR.store(!stays, Ordering::Relaxed);
    let end = if stays { "\n" } else { "" };
    stderr.write_all(format!("\r{bar}\u{1b}[K{end}").as_bytes())
}

/// stderr, once no bar is in the way.
fn locked() -> StderrLock<'static> {
    let mut stderr = io::stderr().lock();
    if HAS_BAR.swap(false, Ordering::Relaxed) {
        // What follows meets the same error.
        let _ = stderr.write_all(b"\r\x1b[K");
    }
    stderr
}

/// stderr without waiting and without errors: a line for which there is no room, or that cannot be written,
/// is dropped, because a log that is not read must not stop a server. (tracing would report an error with a
/// panic if stderr cannot be written.)
pub(super) struct NeverWaiting;

impl Write for NeverWaiting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = rustix::stdio::stderr();
        let ready = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&Timespec::default()));
        // A pipe that is ready has room for any line.
        if ready.is_ok_and(|count| count > 0) {
            return Ok(locked().write(line).unwrap_or(line.len()));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
