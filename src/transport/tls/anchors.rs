//! The certificates that are trusted: those of a file, or the system's.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem::{self, PemFile};
use crate::error::Error;

/// Where distributions keep all roots in one file: reading it is ten times as fast as the folder.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The trusted certificates, ready for use.
#[derive(Debug)]
pub(super) struct Anchors {
    pub(super) store: RootCertStore,
    /// The same in the same order.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Anchors {
    /// The certificates of one file, which must all be usable: somebody named it.
    pub(super) fn of_file(file: &PemFile<CertificateDer<'static>>) -> Result<Self, Error> {
        let certificates = file.items()?.to_vec();
        let mut store = RootCertStore::empty();
        for certificate in &certificates {
            store.add(certificate.clone()).map_err(|error| Error::file(file.path(), error))?;
        }
        Ok(Self { store, certificates })
    }

    /// The system's, or in their place what `SSL_CERT_FILE` and `SSL_CERT_DIR` name: all of that, and
    /// nothing else.
    pub(super) fn of_system() -> Result<Self, Error> {
        let (file, folders) = (variable("SSL_CERT_FILE")?, variable("SSL_CERT_DIR")?);
        let found = if file.is_none() && folders.is_none() {
            installed()?
        } else {
            named(file.as_deref(), folders.as_deref())?
        };
        let mut store = RootCertStore::empty();
        let is_usable = |certificate: &CertificateDer<'_>| store.add(certificate.clone()).is_ok();
        let certificates: Vec<_> = found.into_iter().filter(is_usable).collect();
        if certificates.is_empty() {
            return Err(Error::tls("TLS", "none of the trusted certificates can be used"));
        }
        Ok(Self { store, certificates })
    }
}

/// What a variable names; one that is empty names nothing, which is no reason to trust others.
fn variable(name: &str) -> Result<Option<PathBuf>, Error> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => {
            Err(Error::file(Path::new(name), "it is set and empty; unset it for the system's certificates"))
        }
        value => Ok(value.map(PathBuf::from)),
    }
}

fn named(file: Option<&Path>, folders: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut found = Vec::new();
    if let Some(file) = file {
        let read = pem::read(file).and_then(|bytes| pem::items(file, &bytes, "certificate"));
        found.extend(read.map_err(|error| named_by(error, "SSL_CERT_FILE"))?);
    }
    let Some(folders) = folders else { return Ok(found) };
    for folder in std::env::split_paths(folders).filter(|folder| !folder.as_os_str().is_empty()) {
        if let Err(error) = std::fs::read_dir(&folder) {
            return Err(named_by(Error::file(&folder, pem::unreadable(&error)), "SSL_CERT_DIR"));
        }
        found.extend(rustls_native_certs::load_certs_from_paths(None, Some(&folder)).certs);
    }
    if found.is_empty() {
        return Err(named_by(Error::file(folders, "no certificate in PEM form in it"), "SSL_CERT_DIR"));
    }
    Ok(found)
}

fn named_by(error: Error, variable: &str) -> Error {
    match error {
        Error::File { path, reason } => Error::File { path, reason: format!("{reason} ({variable})") },
        other => other,
    }
}

fn installed() -> Result<Vec<CertificateDer<'static>>, Error> {
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let mut found = rustls_native_certs::load_certs_from_paths(bundle, None);
    if found.certs.is_empty() {
        found = rustls_native_certs::load_native_certs();
    }
    if found.certs.is_empty() {
        let told = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let reason = format!(
            "this system has no root certificates{told}; give some (--cacert) or install ca-certificates"
        );
        return Err(Error::tls("TLS", reason));
    }
    Ok(found.certs)
}
