//! Reads PEM files: once, up to a limit, and with errors for the person who named them. Anything in a file
//! that is not used is an error: if a revocation list were skipped in silence, what it names would be
//! accepted.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;

use crate::certificate::pem::{Block, blocks};
use crate::certificate::{Certificate, Form, Purpose, TrustSettings};
use crate::error::{Error, reason};

/// Far more than any bundle of certificates has.
const MAX_BYTES: u64 = 64 << 20;

/// A kind of contents of PEM files.
pub(super) trait Content: Sized {
    /// Its name in messages.
    const NAME: &str;

    /// None for a block of another kind.
    fn read(block: &Block) -> Option<Result<Self, String>>;
}

/// The contents of a PEM file, all of one kind, read when first needed and then kept: a pipe can be read only
/// once.
#[derive(Debug)]
pub(super) struct PemFile<T> {
    path: PathBuf,
    read: Arc<OnceLock<Result<Vec<T>, Error>>>,
}

impl<T> Clone for PemFile<T> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), read: Arc::clone(&self.read) }
    }
}

impl<T: Content> PemFile<T> {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All of them, at least one.
    pub(super) fn items(&self) -> Result<&[T], Error> {
        let items = self.read.get_or_init(|| items(&self.path, &read(&self.path)?));
        items.as_deref().map_err(Clone::clone)
    }
}

/// A certificate of a PEM file.
#[derive(Debug)]
pub(super) struct PemCertificate {
    pub(super) line: usize,
    pub(super) der: CertificateDer<'static>,
    settings: TrustSettings,
}

impl PemCertificate {
    /// A certificate that came from no file.
    pub(super) fn of_system(der: CertificateDer<'static>) -> Self {
        Self { line: 0, der, settings: TrustSettings::default() }
    }

    /// Whether its owner trusts it for this purpose.
    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.settings.allow(purpose)
    }
}

impl Content for PemCertificate {
    const NAME: &str = "certificate";

    fn read(block: &Block) -> Option<Result<Self, String>> {
        let (der, settings) = match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => Some((&block.der[..], TrustSettings::default())),
            "TRUSTED CERTIFICATE" => TrustSettings::split(&block.der),
            _ => return None,
        }
        .unwrap_or_default();
        if !Certificate::from_der(der).is_readable() {
            return Some(Err("this certificate cannot be read".to_owned()));
        }
        Some(Ok(Self { line: block.line, der: der.to_vec().into(), settings }))
    }
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(Error::file(path, unreadable(&error))),
        Ok(count) if count as u64 > MAX_BYTES => Err(Error::file(path, "it is too large for a PEM file")),
        Ok(_) => Ok(bytes),
    }
}

/// Everything in the `bytes` of `path`, which must all be of this kind, and at least one.
pub(super) fn items<T: Content>(path: &Path, bytes: &[u8]) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for block in every_block(path, bytes)? {
        items.push(item(path, &block)?.ok_or_else(|| unused(path, &block, T::NAME))?);
    }
    if items.is_empty() { Err(without(path, T::NAME)) } else { Ok(items) }
}

/// The contents of a block of `path`, if it is of this kind.
pub(super) fn item<T: Content>(path: &Path, block: &Block) -> Result<Option<T>, Error> {
    let at_line = |reason| Error::file(path, format_args!("line {}: {reason}", block.line));
    T::read(block).transpose().map_err(at_line)
}

/// The readable contents of this kind in a file that the caller did not name; everything else is skipped.
pub(super) fn readable_items<T: Content>(bytes: &[u8]) -> impl Iterator<Item = T> {
    blocks(bytes).flatten().filter_map(|block| T::read(&block)?.ok())
}

/// The blocks of a file. The caller must use each of them or report it.
pub(super) fn every_block(path: &Path, bytes: &[u8]) -> Result<Vec<Block>, Error> {
    if let Some(reason) = other_form(path, bytes) {
        return Err(Error::file(path, reason));
    }
    blocks(bytes).collect::<Result<_, _>>().map_err(|flaw| Error::file(path, flaw))
}

/// The error for a file that contains none of what was wanted.
pub(super) fn without(path: &Path, wanted: &str) -> Error {
    Error::file(path, format_args!("it contains no {wanted} in PEM form"))
}

/// The error for a block that is not what was wanted.
pub(super) fn unused(path: &Path, block: &Block, wanted: &str) -> Error {
    let Block { label, line, .. } = block;
    let (kind, label) = (kind(label), label.escape_debug());
    let remedy = match kind {
        "a bundle of certificates" => {
            format!("; convert it: openssl pkcs7 -print_certs -in {0} -out {0}.pem", path.display())
        }
        _ => String::new(),
    };
    Error::file(path, format_args!("line {line}: expected a {wanted}, found {kind} ({label}){remedy}"))
}

/// What a label stands for (RFC 7468), in messages.
fn kind(label: &str) -> &'static str {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => "a certificate",
        "X509 CRL" | "CRL" => "a revocation list",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => "a request for a certificate",
        "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => "a bundle of certificates",
        _ if label.ends_with("PRIVATE KEY") => "a private key",
        _ if label.ends_with("PUBLIC KEY") => "a public key",
        _ if label.ends_with("PARAMETERS") => "parameters for keys",
        _ => "a block",
    }
}

/// What a file is that is not PEM, with the command that converts it.
fn other_form(path: &Path, bytes: &[u8]) -> Option<String> {
    let at = path.display();
    // In either byte order.
    if memchr::memmem::find(bytes, b"B\0E\0G\0I\0N\0").is_some() {
        return Some(format!("it is text in UTF-16: iconv -f UTF-16 -t UTF-8 {at} > {at}.pem"));
    }
    let convert = |what: &str, command: &str, options: &str| {
        format!(
            "it is {what} in DER, not in PEM: openssl {command} -inform DER -in {at} -out {at}.pem{options}"
        )
    };
    Some(match Form::of(bytes)? {
        Form::Certificate => convert("a certificate", "x509", ""),
        Form::RevocationList => convert("a CRL", "crl", ""),
        Form::Key => convert("a key", "pkey", ""),
        Form::Pkcs7 => convert("a bundle of certificates", "pkcs7", " -print_certs"),
        Form::Pkcs12 => format!("it is PKCS#12, not PEM: openssl pkcs12 -in {at} -out {at}.pem -nodes"),
        Form::Other => "it is something in DER, not in PEM".to_owned(),
    })
}

/// Why a file cannot be read.
pub(super) fn unreadable(error: &io::Error) -> String {
    format!("cannot read it: {}", reason(error))
}
