//! stdout as the program received it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::fcntl_getfd;
use rustix::stdio::{dup2_stdout, stdout};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the standard library opens /dev/null in the place of descriptors that are closed: after that it
/// cannot be distinguished from a /dev/null that was asked for.
#[ctor::ctor]
fn look() {
    WAS_CLOSED.store(fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
}

/// If stdout was closed when the program started, makes writing to it fail from now on, as it would have.
pub fn restore() -> io::Result<()> {
    if WAS_CLOSED.load(Ordering::Relaxed) {
        let (unwritable, _) = io::pipe()?;
        dup2_stdout(&unwritable)?;
    }
    Ok(())
}

/// stdout without a buffer. Unlike the standard library's, it reports that a closed one cannot be written.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(stdout(), data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
