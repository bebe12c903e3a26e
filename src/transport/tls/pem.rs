//! PEM files: read once, bounded, and what is wrong with them for the person who named them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::{self, PemObject};

use crate::error::Error;

/// No bundle of certificates comes near it.
const MOST_BYTES: u64 = 64 << 20;

/// What a PEM file holds of one kind, read when first needed and then kept: a pipe gives it only once.
#[derive(Debug, Clone)]
pub(super) struct PemFile<T> {
    path: PathBuf,
    kind: &'static str,
    read: Arc<OnceLock<Result<Vec<T>, Error>>>,
}

impl<T: PemObject> PemFile<T> {
    /// `kind` is what is looked for, for messages.
    pub(super) fn new(path: PathBuf, kind: &'static str) -> Self {
        Self { path, kind, read: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, at least one.
    pub(super) fn items(&self) -> Result<&[T], Error> {
        let items = self.read.get_or_init(|| items(&self.path, &read(&self.path)?, self.kind));
        items.as_deref().map_err(Clone::clone)
    }
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(Error::file(path, unreadable(&error))),
        Ok(count) if count as u64 > MOST_BYTES => Err(Error::file(path, "it is too large for a PEM file")),
        Ok(_) => Ok(bytes),
    }
}

/// Everything of one kind in the `bytes` of `path`, at least one.
pub(super) fn items<T: PemObject>(path: &Path, bytes: &[u8], kind: &str) -> Result<Vec<T>, Error> {
    let found = T::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Err(error) => Err(Error::file(path, pem_reason(&error, kind))),
        Ok(found) if found.is_empty() => Err(Error::file(path, format_args!("no {kind} in PEM form in it"))),
        Ok(found) => Ok(found),
    }
}

/// What is wrong with a PEM file.
pub(super) fn pem_reason(error: &pem::Error, kind: &str) -> String {
    let flaw = match error {
        pem::Error::NoItemsFound => return format!("no {kind} in PEM form in it"),
        pem::Error::MissingSectionEnd { .. } => "a section has no end",
        pem::Error::IllegalSectionStart { .. } => "a section has no right beginning",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "a section cannot be read",
    };
    format!("not a {kind} in PEM form: {flaw}")
}

/// Why a file cannot be read.
pub(super) fn unreadable(error: &io::Error) -> String {
    let text = error.to_string();
    format!("cannot read it: {}", text.split(" (os error").next().unwrap_or_default().to_lowercase())
}
