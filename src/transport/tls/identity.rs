//! A certificate chain with its key, from PEM or DER.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::flaw::Flaw;
use super::pem::{Content, Origin, PemCertificate};
use super::verify::pin_of;
use super::{pem, provider};
use crate::certificate::Pin;
use crate::certificate::pem::Block;
use crate::error::Error;

/// A certificate chain and the private key that belongs to it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads a chain, its own certificate first, and the key (PKCS#8, PKCS#1 or SEC1) from PEM files, which
    /// may be one and the same. Anything else in them is an error.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be read, holds no certificate or no key, or if the key
    /// does not belong to the certificate.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Self::read(&certificate.into(), &key.into())
    }

    /// The same from bytes: a chain, its own certificate first, and the key, each in PEM, or in DER with the
    /// certificates one after the other. Both may be in the same bytes.
    ///
    /// ```
    /// # fn load(certificate: &[u8], key: &[u8]) -> Result<astream::TlsServer, astream::Error> {
    /// let identity = astream::Identity::from_bytes(certificate, key)?;
    /// Ok(astream::TlsServer::new(identity))
    /// # }
    /// # assert!(load(b"", b"").is_err());
    /// ```
    ///
    /// # Errors
    /// [`Error::Tls`] if there is no certificate or no key in them, or if the key does not belong to the
    /// certificate.
    pub fn from_bytes(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::read(&Origin::memory(certificate), &Origin::memory(key))
    }

    fn read(certificate: &Origin, key: &Origin) -> Result<Self, Error> {
        let (chain, secret) = if is_same(certificate, key) {
            both(certificate)?
        } else {
            (pem::items(certificate)?, only_one(key, pem::items(key)?)?)
        };
        let chain: Vec<_> = chain.into_iter().map(|certificate: PemCertificate| certificate.der).collect();
        if let Some(flaw) = Flaw::of_key(&chain[0]) {
            return Err(certificate.error(flaw.message(None, &[])));
        }
        Self::new(chain, secret).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                key.error(format_args!("the key does not belong to the certificate in {certificate}"))
            }
            rustls::Error::InvalidCertificate(error) => {
                let flaw = Flaw::from(&error).message(None, &[]);
                certificate.error(format_args!("its first certificate cannot be used: {flaw}"))
            }
            other => key.error(format_args!("the key cannot be used: {other}")),
        })
    }

    /// The pin of the public key, by which a peer can verify it.
    pub fn pin(&self) -> Pin {
        self.own().and_then(pin_of).unwrap_or_default()
    }

    /// The certificate that belongs to the key.
    pub(super) fn own(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }

    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self(Arc::new(CertifiedKey::from_der(chain, key, &provider())?)))
    }

    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, key (redacted))", self.pin())
    }
}

/// A private key of a PEM file.
struct PemKey {
    line: usize,
    /// None for parameters, which may come before a key and only name its curve.
    der: Option<PrivateKeyDer<'static>>,
}

impl Content for PemKey {
    const NAME: &str = "private key";

    fn read(block: &Block) -> Option<Result<Self, String>> {
        let der = || block.der.clone();
        let key = match block.label.as_str() {
            "EC PARAMETERS" => return Some(Ok(Self { line: block.line, der: None })),
            "PRIVATE KEY" => PrivateKeyDer::Pkcs8(der().into()),
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der().into()),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der().into()),
            "ENCRYPTED PRIVATE KEY" => return Some(Err(ENCRYPTED.to_owned())),
            _ => return None,
        };
        let key = Self { line: block.line, der: Some(key) };
        Some(if block.is_encrypted { Err(ENCRYPTED.to_owned()) } else { Ok(key) })
    }
}

const ENCRYPTED: &str = "the key is encrypted; decrypt it first: openssl pkey -in KEY -out PLAIN";

/// A certificate chain and a key of one origin, which may be a pipe and is read only once.
fn both(origin: &Origin) -> Result<(Vec<PemCertificate>, PrivateKeyDer<'static>), Error> {
    let (mut chain, mut secrets) = (Vec::new(), Vec::new());
    for block in pem::every_block(origin)? {
        if let Some(certificate) = pem::item(origin, &block)? {
            chain.push(certificate);
        } else {
            let secret = pem::item(origin, &block)?;
            secrets.push(secret.ok_or_else(|| pem::unused(origin, &block, "certificate or a private key"))?);
        }
    }
    if chain.is_empty() {
        return Err(pem::without(origin, PemCertificate::NAME));
    }
    Ok((chain, only_one(origin, secrets)?))
}

/// The one key of an origin that holds nothing else.
#[cfg(feature = "generate")]
pub(super) fn key(origin: &Origin) -> Result<PrivateKeyDer<'static>, Error> {
    only_one(origin, pem::items(origin)?)
}

fn only_one(origin: &Origin, secrets: Vec<PemKey>) -> Result<PrivateKeyDer<'static>, Error> {
    let mut secrets = secrets.into_iter().filter_map(|secret| Some((secret.line, secret.der?)));
    let (_, first) = secrets.next().ok_or_else(|| pem::without(origin, PemKey::NAME))?;
    match secrets.next() {
        Some((line, _)) => Err(origin.error_at(line, "a second private key")),
        None => Ok(first),
    }
}

fn is_same(one: &Origin, other: &Origin) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    match (one, other) {
        (Origin::File(one), Origin::File(other)) => {
            one == other || real(one).is_some_and(|one| real(other) == Some(one))
        }
        (Origin::Memory(one), Origin::Memory(other)) => one == other,
        _ => false,
    }
}
