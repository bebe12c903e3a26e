//! PEM files: read once, bounded, and what is wrong with them for the person who named them. What is in a file
//! and is not used is an error: a revocation list that is passed over in silence accepts what it names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;

use crate::certificate::pem::{Block, blocks};
use crate::certificate::{Certificate, Form, Purpose, TrustSettings};
use crate::error::Error;

/// No bundle of certificates comes near it.
const MOST_BYTES: u64 = 64 << 20;

/// What is found in PEM files.
pub(super) trait Content: Sized {
    /// What it is, for messages.
    const NAME: &str;

    /// None for a block of another kind.
    fn read(block: &Block) -> Option<Result<Self, String>>;
}

/// What a PEM file holds of one kind, read when first needed and then kept: a pipe gives it only once.
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
    /// One that was in no file.
    pub(super) fn of_system(der: CertificateDer<'static>) -> Self {
        Self { line: 0, der, settings: TrustSettings::default() }
    }

    /// Whether its owner trusts it for this.
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
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(Error::file(path, unreadable(&error))),
        Ok(count) if count as u64 > MOST_BYTES => Err(Error::file(path, "it is too large for a PEM file")),
        Ok(_) => Ok(bytes),
    }
}

/// Everything that is in the `bytes` of `path`: all of this kind, at least one.
pub(super) fn items<T: Content>(path: &Path, bytes: &[u8]) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for block in every_block(path, bytes)? {
        items.push(item(path, &block)?.ok_or_else(|| unused(path, &block, T::NAME))?);
    }
    if items.is_empty() { Err(without(path, T::NAME)) } else { Ok(items) }
}

/// What a block of `path` holds, if it is of this kind.
pub(super) fn item<T: Content>(path: &Path, block: &Block) -> Result<Option<T>, Error> {
    let at_line = |reason| Error::file(path, format_args!("line {}: {reason}", block.line));
    T::read(block).transpose().map_err(at_line)
}

/// What can be read of this kind in a file that nobody has named; all else is passed over.
pub(super) fn readable_items<T: Content>(bytes: &[u8]) -> impl Iterator<Item = T> {
    blocks(bytes).flatten().filter_map(|block| T::read(&block)?.ok())
}

/// The blocks of a file, each of which somebody must use.
pub(super) fn every_block(path: &Path, bytes: &[u8]) -> Result<Vec<Block>, Error> {
    if let Some(reason) = other_form(path, bytes) {
        return Err(Error::file(path, reason));
    }
    blocks(bytes).collect::<Result<_, _>>().map_err(|flaw| Error::file(path, flaw))
}

/// A file that has nothing of what it was named for.
pub(super) fn without(path: &Path, wanted: &str) -> Error {
    Error::file(path, format_args!("no {wanted} in PEM form in it"))
}

/// A block that is of no use where only `wanted` is read.
pub(super) fn unused(path: &Path, block: &Block, wanted: &str) -> Error {
    let Block { label, line, .. } = block;
    let (kind, label) = (kind(label), label.escape_debug());
    let remedy = match kind {
        "a bundle of certificates" => {
            format!(
                "; openssl pkcs7 -print_certs -in {0} -out {0}.pem makes certificates of it",
                path.display()
            )
        }
        _ => String::new(),
    };
    Error::file(
        path,
        format_args!("line {line}: {kind} ({label}) is not used here, only a {wanted} is{remedy}"),
    )
}

/// What a label stands for (RFC 7468), in words.
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

/// What a file is that has no text, or one of another encoding, with the command that makes PEM of it.
fn other_form(path: &Path, bytes: &[u8]) -> Option<String> {
    let at = path.display();
    // With either byte first.
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
    format!("cannot read it: {}", words(error))
}

/// The system's words without its number.
pub(super) fn words(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}
