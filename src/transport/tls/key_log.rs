//! Writes the secrets of connections to the file that `SSLKEYLOGFILE` names, so that Wireshark can decrypt
//! them.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::certificate::hex;
use crate::error::{Error, reason};

const VARIABLE: &str = "SSLKEYLOGFILE";

/// A file that the secrets of connections are appended to.
pub(super) struct KeyLog {
    path: PathBuf,
    file: Mutex<File>,
    /// The first error of writing to it.
    failure: OnceLock<Error>,
}

impl KeyLog {
    /// The file that the variable names, if it names one.
    pub(super) fn of_environment() -> Result<Option<Arc<Self>>, Error> {
        let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from) else {
            return Ok(None);
        };
        let file = open(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Some(Arc::new(Self { path, file: Mutex::new(file), failure: OnceLock::new() })))
    }

    /// Fails if a secret could not be written.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.failure.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}

/// Only its owner may read it: with the secrets anyone can decrypt the connections.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::file(path, format_args!("cannot write it: {} ({VARIABLE})", reason(error)))
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            let error = unwritable(&self.path, &error);
            if self.failure.set(error.clone()).is_ok() {
                tracing::warn!("{error}");
            }
        }
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog({})", self.path.display())
    }
}
