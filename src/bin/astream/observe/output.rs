//! A file that observers write to: what cannot be written ends the file, and not the connections.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fcntl_setfl, fstat};

use crate::report;

/// How long a pipe may take nothing. Everything stands still meanwhile.
const PATIENCE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// Where observers write to, each piece whole.
pub struct Output {
    /// The option, for messages.
    option: &'static str,
    name: String,
    to: Mutex<To>,
    has_failed: AtomicBool,
}

enum To {
    File(File),
    Stderr,
}

impl Output {
    /// At the end of this file, which is made if it is not there; `-` is stderr.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn append(option: &'static str, path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::new(option, "stderr".to_owned(), To::Stderr));
        }
        Self::open(option, path, OpenOptions::new().append(true).create(true))
    }

    /// In the place of what is in this file, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn create(option: &'static str, path: &Path) -> anyhow::Result<Self> {
        Self::open(option, path, OpenOptions::new().write(true).truncate(true).create(true))
    }

    /// What is in it may be secret, so a new file is for its owner alone.
    fn open(option: &'static str, path: &Path, how: &mut OpenOptions) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let failed = |cause: io::Error| anyhow!("{option} {name}: {cause}");
        let file = how.mode(0o600).open(path).map_err(failed)?;
        if FileType::from_raw_mode(fstat(&file).map_err(|cause| failed(cause.into()))?.st_mode)
            == FileType::Fifo
        {
            // What was opened here is shared with no other process.
            fcntl_setfl(&file, OFlags::NONBLOCK).map_err(|cause| failed(cause.into()))?;
        }
        Ok(Self::new(option, name, To::File(file)))
    }

    fn new(option: &'static str, name: String, to: To) -> Self {
        Self { option, name, to: Mutex::new(to), has_failed: AtomicBool::new(false) }
    }

    /// Writes `data` in one piece, unless an earlier piece could not be written.
    pub fn write(&self, data: &[u8]) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_failed.load(Ordering::Relaxed) {
            return;
        }
        let written = match &mut *to {
            To::File(file) => write_all(file, data),
            To::Stderr => report::stderr::write(data),
        };
        if let Err(cause) = written {
            self.has_failed.store(true, Ordering::Relaxed);
            let Self { option, name, .. } = self;
            report::warn(&format!("{option} {name}: {cause}; it ends here, and the connections go on"));
        }
    }

    /// Whether everything was written.
    pub fn is_complete(&self) -> bool {
        !self.has_failed.load(Ordering::Relaxed)
    }
}

/// Writes all, unless the reader of a pipe is stuck: it must not hold up what is observed.
fn write_all(file: &mut File, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match file.write(data) {
            Ok(written) => data = &data[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&PATIENCE))? == 0 {
                    return Err(io::Error::other("its reader has taken nothing for 2 s"));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
