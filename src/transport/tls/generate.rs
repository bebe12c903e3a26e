//! Makes keys, and certificates around them.

use std::fs::{File, OpenOptions, hard_link, remove_file, symlink_metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use super::Identity;
use super::flaw::Flaw;
use super::identity::key;
use super::pem::Origin;
use crate::certificate::pem::block;
use crate::error::{Error, reason};

impl Identity {
    /// Makes a fresh P-256 key and a certificate that it signs itself. Both live in memory only; the other
    /// side verifies them by their [`pin`](Self::pin). Needs the feature `generate`.
    ///
    /// # Errors
    /// [`Error::Tls`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let key = fresh().map_err(|reason| Error::tls("making a key", reason))?;
        Self::around(&key.into()).map_err(|reason| Error::tls("making a certificate", reason))
    }

    /// The same with a key that is kept: the one of the PEM file `path`, so that the pin stays what it is. If the
    /// file is not there, it is made with a fresh key, for its owner alone to read. It appears all at once, and
    /// what is there is never overwritten, also not by another program that makes it at this moment. Needs the
    /// feature `generate`.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or made, or holds anything else than one key that can be used.
    pub fn generate_in(path: &Path) -> Result<Self, Error> {
        let is_there = symlink_metadata(path).is_ok_and(|_| true);
        if !is_there {
            let key = fresh().map_err(|reason| Error::file(path, reason))?;
            create(path, &pem(&key))
                .map_err(|error| Error::file(path, format_args!("it cannot be made: {}", reason(&error))))?;
        }
        let origin = Origin::from(path);
        Self::around(&key(&origin)?).map_err(|reason| origin.error(reason))
    }

    /// A certificate around a key, signed by itself.
    fn around(key: &PrivateKeyDer<'static>) -> Result<Self, String> {
        let unusable = |reason: &dyn std::fmt::Display| format!("the key cannot be used: {reason}");
        let pair = KeyPair::try_from(key).map_err(|error| unusable(&error))?;
        let params = CertificateParams::new(["localhost".to_owned()]);
        let made = params.and_then(|params| params.self_signed(&pair)).map_err(|error| unusable(&error))?;
        if let Some(flaw) = Flaw::of_key(made.der()) {
            return Err(flaw.message(None, &[]));
        }
        Self::new(vec![made.der().clone()], key.clone_key()).map_err(|error| unusable(&error))
    }
}

fn fresh() -> Result<KeyPair, String> {
    KeyPair::generate().map_err(|error| error.to_string())
}

/// A file that only its owner may read. It is written under another name first, so that it appears whole.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let temporary = beside(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    // Unlike a rename, a link is not made where something is.
    let created = written.and_then(|()| hard_link(&temporary, path));
    let _ = remove_file(&temporary);
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            // The file is there all the same, if perhaps not after a crash of the system.
            let _ = File::open(folder(path)).and_then(|folder| folder.sync_all());
            Ok(())
        }
    }
}

/// A name in the same folder that no other program uses.
fn beside(path: &Path) -> PathBuf {
    folder(path).join(format!(".astream-key-{:016x}", RandomState::new().hash_one(path)))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// PKCS#8 in PEM (RFC 7468, 10).
fn pem(key: &KeyPair) -> String {
    block("PRIVATE KEY", &key.serialize_der())
}
