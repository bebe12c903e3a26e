//! The verifiers of one handshake, and the record of what they were presented with and found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::anchors::Anchors;
use super::chain::{Chain, Presented};
use super::flaw::Flaw;
use super::provider;
use crate::certificate::{Certificate, Pin};
use crate::error::TlsFault;

/// The pin of the public key that webpki finds in a certificate, which is the key that signs the handshake.
pub(super) fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    read_pin(certificate).ok()
}

fn read_pin(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(Pin::of_key(parsed.subject_public_key_info().as_ref()))
}

/// What makes a server trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// Its chain, its name and its validity.
    Chain(Chain),
    /// Its key alone, which the handshake proves that it has.
    Pins(Vec<Pin>),
    /// Nothing: every server is accepted. The result of a chain is only recorded, or why there is none.
    Everyone(Result<Chain, String>),
}

impl Trust {
    /// Returns the path to a trusted certificate, which is empty with pins.
    fn check(
        &self,
        presented: Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        match self {
            Self::Chain(chain) | Self::Everyone(Ok(chain)) => chain.check_server(presented, name, now),
            Self::Pins(pins) => match read_pin(presented.own) {
                Ok(pin) if pins.contains(&pin) => Ok(Vec::new()),
                Ok(_) => Err(Flaw::NotPinned),
                Err(Error::InvalidCertificate(error)) => Err(Flaw::from(&error)),
                Err(_) => Err(Flaw::Webpki(webpki::Error::BadDer)),
            },
            Self::Everyone(Err(reason)) => Err(Flaw::NoTrusted(reason.clone())),
        }
    }
}

/// What one handshake presented and found, kept also if the handshake fails.
#[derive(Debug, Clone, Default)]
pub(super) struct HandshakeRecord {
    verification: Arc<OnceLock<Verification>>,
    /// The server asked for a client certificate, and there is none.
    lacks_client_cert: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Verification {
    certificates: Vec<Certificate>,
    /// The path that verification took, if it found one.
    path: Vec<Certificate>,
    /// What is wrong with the certificates: the message, and the fault that hints are chosen by.
    flaw: Option<(String, TlsFault)>,
    /// Whether the check was binding, so that a flaw refuses the peer.
    is_binding: bool,
}

impl HandshakeRecord {
    /// The peer's certificates, its own first.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.verification.get().map(|found| found.certificates.clone()).unwrap_or_default()
    }

    /// The path from the peer's own certificate to the trusted one, if verification found one.
    pub(super) fn path(&self) -> Vec<Certificate> {
        self.verification.get().map(|found| found.path.clone()).unwrap_or_default()
    }

    /// Why the certificates were refused, if they were.
    pub(super) fn refusal(&self) -> Option<(String, TlsFault)> {
        self.verification.get().filter(|found| found.is_binding)?.flaw.clone()
    }

    /// What is wrong with the certificates although they were accepted.
    pub(super) fn overridden_flaw(&self) -> Option<String> {
        let found = self.verification.get().filter(|found| !found.is_binding)?;
        found.flaw.as_ref().map(|(words, _)| words.clone())
    }

    pub(super) fn lacks_client_cert(&self) -> bool {
        self.lacks_client_cert.load(Ordering::Relaxed)
    }

    /// Records the result of a check, and refuses the peer if the check is binding.
    fn keep(
        &self,
        presented: Presented<'_>,
        name: Option<&ServerName<'_>>,
        checked: Result<Vec<Certificate>, Flaw>,
        is_binding: bool,
    ) -> Result<(), Error> {
        let all = std::iter::once(presented.own).chain(presented.intermediates);
        let certificates: Vec<_> = all.map(|one| Certificate::from_der(one.as_ref())).collect();
        let (path, found) = match checked {
            Ok(path) => (path, None),
            Err(flaw) => (Vec::new(), Some(flaw)),
        };
        let flaw = found.as_ref().map(|flaw| (flaw.message(name, &certificates), flaw.fault()));
        let _ = self.verification.set(Verification { certificates, path, flaw, is_binding });
        match found {
            Some(flaw) if is_binding => Err(Error::from(&flaw)),
            _ => Ok(()),
        }
    }
}

/// The methods of either verifier that check the signatures of the handshake.
macro_rules! signature_checks {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

/// Verifies a server.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trust: Trust,
    record: HandshakeRecord,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    pub(super) fn new(trust: Trust, record: &HandshakeRecord) -> Self {
        Self { trust, record: record.clone(), algorithms: provider().signature_verification_algorithms }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = Presented { own, intermediates };
        let unusable = Flaw::of_key(own);
        let is_binding = unusable.is_some() || !matches!(self.trust, Trust::Everyone(_));
        let checked = unusable.map_or_else(|| self.trust.check(presented, name, now), Err);
        self.record.keep(presented, Some(name), checked, is_binding)?;
        Ok(ServerCertVerified::assertion())
    }

    signature_checks!();
}

/// Presents the client's certificate, if it has one, to a server that asks.
#[derive(Debug)]
pub(super) struct ClientCertResolver {
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) record: HandshakeRecord,
}

impl ResolvesClientCert for ClientCertResolver {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.record.lacks_client_cert.store(self.key.is_none(), Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// The limit of all names of issuers together, in bytes, so that every client can read the request that
/// contains them: Java reads 32 KiB, rustls and Go 64 KiB, OpenSSL 100 KiB.
const MAX_ISSUER_NAMES: usize = 31 * 1024;

/// The issuers that are named to clients, as a hint for their choice of a certificate (RFC 8446, 4.2.4). If
/// their names are too long, none is named.
pub(super) fn issuer_names(anchors: &Anchors) -> Arc<[DistinguishedName]> {
    let names = anchors.store.subjects();
    // Each is sent with a length of two bytes.
    let size: usize = names.iter().map(|name| name.as_ref().len() + 2).sum();
    if size <= MAX_ISSUER_NAMES {
        return names.into();
    }
    tracing::info!("the names of the {} trusted issuers are too long to be sent to clients", names.len());
    Arc::default()
}

/// Verifies a client, which must present a certificate.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Chain,
    issuers: Arc<[DistinguishedName]>,
    record: HandshakeRecord,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(super) fn new(chain: Chain, issuers: Arc<[DistinguishedName]>, record: &HandshakeRecord) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { chain, issuers, record: record.clone(), algorithms }
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.issuers
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let presented = Presented { own, intermediates };
        let checked = Flaw::of_key(own).map_or_else(|| self.chain.check_client(presented, now), Err);
        self.record.keep(presented, None, checked, true)?;
        Ok(ClientCertVerified::assertion())
    }

    signature_checks!();
}
