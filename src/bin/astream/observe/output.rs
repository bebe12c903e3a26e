//! A file that observers write to: what cannot be written ends the file, and not the connections.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::anyhow;

use crate::report;

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
        let file = how.mode(0o600).open(path).map_err(|cause| anyhow!("{option} {name}: {cause}"))?;
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
            To::File(file) => file.write_all(data),
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
