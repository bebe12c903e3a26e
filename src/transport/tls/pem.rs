//! Reads PEM from files and from given bytes: once, up to a limit, and with errors for the person who named them.
//! Anything in a file that is not used is an error: if a revocation list were skipped in silence, what it names
//! would be accepted.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;

use crate::certificate::pem::{Block, blocks};
use crate::certificate::{Certificate, Form, Purpose, TrustSettings, blocks_of_der};
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

/// Where PEM comes from.
#[derive(Clone)]
pub(super) enum Origin {
    File(PathBuf),
    /// Bytes that were given; they may be DER too.
    Memory(Arc<[u8]>),
}

impl From<&Path> for Origin {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl Origin {
    pub(super) fn memory(bytes: impl AsRef<[u8]>) -> Self {
        Self::Memory(bytes.as_ref().into())
    }

    pub(super) fn error(&self, reason: impl fmt::Display) -> Error {
        match self {
            Self::File(path) => Error::file(path, reason),
            Self::Memory(_) => Error::tls(self.to_string(), reason),
        }
    }

    /// What is wrong at a line; DER has none.
    pub(super) fn error_at(&self, line: usize, reason: impl fmt::Display) -> Error {
        match line {
            0 => self.error(reason),
            line => self.error(format_args!("line {line}: {reason}")),
        }
    }

    pub(super) fn read(&self) -> Result<Cow<'_, [u8]>, Error> {
        match self {
            Self::File(path) => read(path).map(Cow::Owned),
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
        }
    }

    /// A command that converts it, where there is a file for that.
    fn convert(&self, command: impl FnOnce(path::Display<'_>) -> String) -> String {
        match self {
            Self::File(path) => command(path.display()),
            Self::Memory(_) => String::new(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory(_) => f.write_str("the given bytes"),
        }
    }
}

/// Never the bytes, which may hold a key.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The contents of one origin, all of one kind, read when first needed and then kept: a pipe can be read only
/// once.
#[derive(Debug)]
pub(super) struct Contents<T> {
    origin: Origin,
    read: Arc<OnceLock<Result<Vec<T>, Error>>>,
}

impl<T> Clone for Contents<T> {
    fn clone(&self) -> Self {
        Self { origin: self.origin.clone(), read: Arc::clone(&self.read) }
    }
}

impl<T: Content> Contents<T> {
    pub(super) fn of_file(path: impl Into<PathBuf>) -> Self {
        Self::of(Origin::File(path.into()))
    }

    pub(super) fn of_bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::of(Origin::memory(bytes))
    }

    fn of(origin: Origin) -> Self {
        Self { origin, read: Arc::default() }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// All of them, at least one.
    pub(super) fn items(&self) -> Result<&[T], Error> {
        let items = self.read.get_or_init(|| items(&self.origin));
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

/// Everything in `origin`, which must all be of this kind, and at least one.
pub(super) fn items<T: Content>(origin: &Origin) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for block in every_block(origin)? {
        items.push(item(origin, &block)?.ok_or_else(|| unused(origin, &block, T::NAME))?);
    }
    if items.is_empty() { Err(without(origin, T::NAME)) } else { Ok(items) }
}

/// The contents of a block of `origin`, if it is of this kind.
pub(super) fn item<T: Content>(origin: &Origin, block: &Block) -> Result<Option<T>, Error> {
    T::read(block).transpose().map_err(|reason| origin.error_at(block.line, reason))
}

/// The readable contents of this kind in a file that the caller did not name; everything else is skipped.
pub(super) fn readable_items<T: Content>(bytes: &[u8]) -> impl Iterator<Item = T> {
    blocks(bytes).flatten().filter_map(|block| T::read(&block)?.ok())
}

/// The blocks of an origin. The caller must use each of them or report it.
pub(super) fn every_block(origin: &Origin) -> Result<Vec<Block>, Error> {
    let bytes = origin.read()?;
    let der = matches!(origin, Origin::Memory(_)).then(|| blocks_of_der(&bytes)).flatten();
    if let Some(blocks) = der {
        return Ok(blocks);
    }
    if let Some(reason) = other_form(origin, &bytes) {
        return Err(origin.error(reason));
    }
    blocks(&bytes).collect::<Result<_, _>>().map_err(|flaw| origin.error(flaw))
}

/// The error for an origin that contains none of what was wanted.
pub(super) fn without(origin: &Origin, wanted: &str) -> Error {
    match origin {
        Origin::File(_) => origin.error(format_args!("it contains no {wanted} in PEM form")),
        Origin::Memory(_) => origin.error(format_args!("no {wanted} in PEM or DER form in them")),
    }
}

/// The error for a block that is not what was wanted.
pub(super) fn unused(origin: &Origin, block: &Block, wanted: &str) -> Error {
    let Block { label, line, .. } = block;
    let (kind, label) = (kind(label), label.escape_debug());
    let remedy = match kind {
        "a bundle of certificates" => origin
            .convert(|path| format!("; convert it: openssl pkcs7 -print_certs -in {path} -out {path}.pem")),
        _ => String::new(),
    };
    origin.error_at(*line, format_args!("expected a {wanted}, found {kind} ({label}){remedy}"))
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

/// What an origin holds that is not PEM, with the command that converts a file.
fn other_form(origin: &Origin, bytes: &[u8]) -> Option<String> {
    // In either byte order.
    if memchr::memmem::find(bytes, b"B\0E\0G\0I\0N\0").is_some() {
        let command = origin.convert(|at| format!(": iconv -f UTF-16 -t UTF-8 {at} > {at}.pem"));
        return Some(format!("it is text in UTF-16{command}"));
    }
    let convert = |what: &str, command: &str, options: &str| {
        let command =
            origin.convert(|at| format!(": openssl {command} -inform DER -in {at} -out {at}.pem{options}"));
        format!("it is {what} in DER, not in PEM{command}")
    };
    Some(match Form::of(bytes)? {
        Form::Certificate => convert("a certificate", "x509", ""),
        Form::RevocationList => convert("a CRL", "crl", ""),
        Form::Key => convert("a key", "pkey", ""),
        Form::Pkcs7 => convert("a bundle of certificates", "pkcs7", " -print_certs"),
        Form::Pkcs12 => {
            let command = origin.convert(|at| format!(": openssl pkcs12 -in {at} -out {at}.pem -nodes"));
            format!("it is PKCS#12, not PEM{command}")
        }
        Form::Other => "it is something in DER, not in PEM".to_owned(),
    })
}

/// Why a file cannot be read.
pub(super) fn unreadable(error: &io::Error) -> String {
    format!("cannot read it: {}", reason(error))
}
