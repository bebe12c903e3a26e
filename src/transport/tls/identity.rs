//! A certificate chain with its key, from PEM files.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::flaw::Flaw;
use super::verify::pin_of;
use super::{pem, provider};
use crate::certificate::Pin;
use crate::error::Error;

/// A certificate chain and the private key that belongs to it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads a chain, the own certificate first, and its key (PKCS#8, PKCS#1 or SEC1) from PEM
    /// files; both may be in one.
    ///
    /// # Errors
    /// [`Error::File`] if a file cannot be read, holds no certificate or no key, or if the key
    /// does not belong to the certificate.
    pub fn from_pem_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let text = pem::read(certificate)?;
        let chain = pem::items(certificate, &text, "certificate")?;
        // A pipe, which a shell makes of <(…), can be read only once.
        let text = if key == certificate { text } else { pem::read(key)? };
        let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
            if memchr::memmem::find(&text, b"ENCRYPTED").is_some() {
                Error::file(key, "the key is encrypted; decrypt it first: openssl pkey -in KEY -out PLAIN")
            } else {
                Error::file(key, pem::pem_reason(&error, "private key"))
            }
        })?;
        if let Some(flaw) = Flaw::of_key(&chain[0]) {
            return Err(Error::file(certificate, flaw.words(None, &[])));
        }
        Self::new(chain, secret).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => Error::file(
                key,
                format_args!("the key does not belong to the certificate in {}", certificate.display()),
            ),
            rustls::Error::InvalidCertificate(error) => {
                Error::file(certificate, format_args!("its first certificate cannot be used: {error}"))
            }
            other => Error::file(key, format_args!("the key cannot be used: {other}")),
        })
    }

    /// The public key's pin, for the other side.
    pub fn pin(&self) -> Pin {
        self.0.end_entity_cert().ok().and_then(|cert| pin_of(cert)).unwrap_or_default()
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
