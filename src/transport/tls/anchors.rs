//! The trusted certificates: those of given files, or the system's.

use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem::{self, Contents, PemCertificate};
use crate::certificate::{Certificate, Purpose};
use crate::error::{Error, TlsFault};

/// Where distributions keep all roots in one file, which is read ten times as fast as the folder.
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
    /// The certificates of `store`, in the same order.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Anchors {
    /// The given certificates. Each must be usable for this purpose, because the caller named it.
    pub(super) fn of(all: &[Contents<PemCertificate>], purpose: Purpose) -> Result<Self, Error> {
        let mut anchors = Self::none();
        for contents in all {
            for certificate in contents.items()? {
                let added = anchors.add(certificate, purpose);
                added.map_err(|reason| contents.origin().error_at(certificate.line, reason))?;
            }
        }
        Ok(anchors)
    }

    /// The system's certificates, or only those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, if either is
    /// set.
    pub(super) fn of_system() -> Result<Self, Error> {
        let (file, folders) = (variable("SSL_CERT_FILE")?, variable("SSL_CERT_DIR")?);
        let mut found = if file.is_none() && folders.is_none() {
            installed()?
        } else {
            named(file.as_deref(), folders.as_deref())?
        };
        found.sort_by(|one, other| one.der.cmp(&other.der));
        found.dedup_by(|one, other| one.der == other.der);
        let mut anchors = Self::none();
        for certificate in &found {
            // The caller did not choose these, so an unusable one is skipped.
            let _ = anchors.add(certificate, Purpose::Servers);
        }
        if anchors.certificates.is_empty() {
            return Err(Error::tls("TLS", "none of the trusted certificates can be used"));
        }
        Ok(anchors)
    }

    /// One certificate, for a check of this very one.
    pub(super) fn of_one(certificate: &CertificateDer<'static>) -> Result<Self, webpki::Error> {
        let mut anchors = Self::none();
        anchors.store.roots.push(webpki::anchor_from_trusted_cert(certificate)?.to_owned());
        anchors.certificates.push(certificate.clone());
        Ok(anchors)
    }

    fn none() -> Self {
        Self { store: RootCertStore::empty(), certificates: Vec::new() }
    }

    fn add(&mut self, certificate: &PemCertificate, purpose: Purpose) -> Result<(), String> {
        let der = &certificate.der;
        if !certificate.is_for(purpose) {
            let whom = if purpose == Purpose::Servers { "servers" } else { "clients" };
            return Err(format!("its trust settings do not trust it for {whom} (openssl x509 -text)"));
        }
        // Reported now, because later it would look like a fault of the peer.
        if let Some(part) = Certificate::from_der(der.as_ref()).unreadable_part() {
            return Err(format!("the {part} of this certificate cannot be read"));
        }
        let anchor = webpki::anchor_from_trusted_cert(der);
        let anchor = anchor.map_err(|error| format!("this certificate cannot be trusted: {error}"))?;
        self.store.roots.push(anchor.to_owned());
        self.certificates.push(der.clone());
        Ok(())
    }
}

/// The path in an environment variable. An empty one is an error: it must not silently mean the system's
/// certificates.
fn variable(name: &str) -> Result<Option<PathBuf>, Error> {
    match std::env::var_os(name) {
        Some(value) if value.is_empty() => Err(Error::file(
            Path::new(name),
            "it is set but empty; unset it to use the system's certificates",
        )),
        value => Ok(value.map(PathBuf::from)),
    }
}

/// All certificates of a file and of the files in folders. As OpenSSL does, it skips a folder that is missing if there
/// is a certificate anywhere else.
fn named(file: Option<&Path>, folders: Option<&Path>) -> Result<Vec<PemCertificate>, Error> {
    let mut found = file.map(of_named_file).transpose()?.unwrap_or_default();
    let mut missing = None;
    let paths = folders.map(std::env::split_paths).into_iter().flatten();
    for folder in paths.filter(|folder| !folder.as_os_str().is_empty()) {
        match in_folder(&folder) {
            Ok(certificates) => found.extend(certificates),
            Err(error) => {
                let error = Error::file(&folder, pem::unreadable(&error));
                missing.get_or_insert(named_by(error, "SSL_CERT_DIR"));
            }
        }
    }
    if found.is_empty() {
        let none = || {
            named_by(pem::without(&folders.unwrap_or(Path::new("")).into(), "certificate"), "SSL_CERT_DIR")
        };
        return Err(missing.unwrap_or_else(none));
    }
    Ok(found)
}

fn of_named_file(file: &Path) -> Result<Vec<PemCertificate>, Error> {
    pem::items(&file.into()).map_err(|error| named_by(error, "SSL_CERT_FILE"))
}

fn named_by(error: Error, variable: &str) -> Error {
    match error {
        Error::File { path, reason } => Error::File { path, reason: format!("{reason} ({variable})") },
        other => other,
    }
}

/// The certificates of all files in a folder. Files without one are skipped.
fn in_folder(folder: &Path) -> io::Result<Vec<PemCertificate>> {
    // A folder prepared for OpenSSL has each file under several names.
    let mut known = HashSet::new();
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()) {
        let is_new = |about: Metadata| about.is_file() && known.insert((about.dev(), about.ino()));
        if path.metadata().is_ok_and(is_new) {
            found.extend(pem::readable_items(&pem::read(&path).unwrap_or_default()));
        }
    }
    Ok(found)
}

fn installed() -> Result<Vec<PemCertificate>, Error> {
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    let text = bundle.and_then(|path| pem::read(path).ok()).unwrap_or_default();
    let found: Vec<_> = pem::readable_items(&text).collect();
    if found.is_empty() { native() } else { Ok(found) }
}

/// The certificates of a system that keeps them in other places.
fn native() -> Result<Vec<PemCertificate>, Error> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let cause = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let reason = format!("this system has no root certificates{cause}; install ca-certificates");
        return Err(Error::tls("TLS", reason).with_fault(TlsFault::Untrusted));
    }
    Ok(found.certs.into_iter().map(PemCertificate::of_system).collect())
}
