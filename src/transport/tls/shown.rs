//! Which certificates a server has shown, also where the handshake fails.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate::Certificate;

/// The certificates of one handshake, once they have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<OnceLock<Vec<Certificate>>>);

impl Shown {
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.0.get().cloned().unwrap_or_default()
    }

    /// Verifies as `verifier` does, which need not like what it is given.
    pub(super) fn to(&self, verifier: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Recording { shown: self.clone(), verifier })
    }
}

#[derive(Debug)]
struct Recording {
    shown: Shown,
    verifier: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(certificate).chain(intermediates);
        let _ = self.shown.0.set(all.map(|one| Certificate::from_der(one.as_ref())).collect());
        self.verifier.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
