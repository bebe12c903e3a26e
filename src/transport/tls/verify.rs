//! The verifiers of one handshake: whom it trusts, what it has been shown, and what it found.

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

/// The pin of a certificate's public key, as webpki finds it: the key that signs the handshake.
pub(super) fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(Pin::of_key(parsed.subject_public_key_info().as_ref()))
}

/// What makes a server trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// Its chain, its name and its validity.
    Chain(Chain),
    /// Its key alone. It still proves that it has it.
    Pins(Vec<Pin>),
    /// Nothing at all; what a chain would have said is kept, or why there is none.
    Anybody(Result<Chain, String>),
}

impl Trust {
    /// Gives the path to a trusted certificate, where that is what counts.
    fn check(
        &self,
        shown: Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        match self {
            Self::Chain(chain) | Self::Anybody(Ok(chain)) => chain.check_server(shown, name, now),
            Self::Pins(pins) => match pin_of(shown.own) {
                Some(pin) if pins.contains(&pin) => Ok(Vec::new()),
                Some(_) => Err(Flaw::NotPinned),
                None => Err(Flaw::Webpki(webpki::Error::BadDer)),
            },
            Self::Anybody(Err(reason)) => Err(Flaw::NobodyTrusted(reason.clone())),
        }
    }
}

/// What was seen in one handshake, also where it failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    sight: Arc<OnceLock<Sight>>,
    /// The server wanted a certificate of ours, and there was none.
    is_asked_in_vain: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Sight {
    certificates: Vec<Certificate>,
    /// The path that verification took, if it found one.
    path: Vec<Certificate>,
    /// What is wrong with them, and what can be done about that.
    flaw: Option<(String, TlsFault)>,
    /// Whether that was a reason to refuse them.
    is_refused: bool,
}

impl Seen {
    /// The peer's certificates, its own first.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.sight.get().map(|sight| sight.certificates.clone()).unwrap_or_default()
    }

    /// The path from the peer's own certificate to the trusted one, if verification found one.
    pub(super) fn path(&self) -> Vec<Certificate> {
        self.sight.get().map(|sight| sight.path.clone()).unwrap_or_default()
    }

    /// Why they were refused, if they were, and what can be done about that.
    pub(super) fn refusal(&self) -> Option<(String, TlsFault)> {
        self.sight.get().filter(|sight| sight.is_refused)?.flaw.clone()
    }

    /// What is wrong with them though they were not refused.
    pub(super) fn put_up_with(&self) -> Option<String> {
        self.sight.get().filter(|sight| !sight.is_refused)?.flaw.as_ref().map(|(words, _)| words.clone())
    }

    pub(super) fn is_asked_in_vain(&self) -> bool {
        self.is_asked_in_vain.load(Ordering::Relaxed)
    }

    /// Keeps what a check came to, and refuses where that is binding.
    fn keep(
        &self,
        shown: Presented<'_>,
        name: Option<&ServerName<'_>>,
        checked: Result<Vec<Certificate>, Flaw>,
        is_binding: bool,
    ) -> Result<(), Error> {
        let all = std::iter::once(shown.own).chain(shown.intermediates);
        let certificates: Vec<_> = all.map(|one| Certificate::from_der(one.as_ref())).collect();
        let (path, found) = match checked {
            Ok(path) => (path, None),
            Err(flaw) => (Vec::new(), Some(flaw)),
        };
        let flaw = found.as_ref().map(|flaw| (flaw.words(name, &certificates), flaw.fault()));
        let _ = self.sight.set(Sight { certificates, path, flaw, is_refused: is_binding });
        match found {
            Some(flaw) if is_binding => Err(Error::from(&flaw)),
            _ => Ok(()),
        }
    }
}

/// Verifies a server.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trust: Trust,
    seen: Seen,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    pub(super) fn new(trust: Trust, seen: &Seen) -> Self {
        Self { trust, seen: seen.clone(), algorithms: provider().signature_verification_algorithms }
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
        let shown = Presented { own, intermediates };
        let unusable = Flaw::of_key(own);
        let is_binding = unusable.is_some() || !matches!(self.trust, Trust::Anybody(_));
        let checked = unusable.map_or_else(|| self.trust.check(shown, name, now), Err);
        self.seen.keep(shown, Some(name), checked, is_binding)?;
        Ok(ServerCertVerified::assertion())
    }

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
}

/// What a client shows, if it is asked and has something to show.
#[derive(Debug)]
pub(super) struct Showing {
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) seen: Seen,
}

impl ResolvesClientCert for Showing {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.seen.is_asked_in_vain.store(self.key.is_none(), Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

/// How long the names of issuers may be in all, so that the request with them is a message that every client
/// reads: Java reads one of 32 KiB, rustls and Go of 64 KiB, OpenSSL of 100 KiB.
const MAX_ISSUER_NAMES: usize = 31 * 1024;

/// The issuers that are named to clients, which choose their certificate by them. They are only a hint
/// (RFC 8446, 4.2.4): where there are too many none is named.
pub(super) fn issuer_names(anchors: &Anchors) -> Arc<[DistinguishedName]> {
    let names = anchors.store.subjects();
    // Each has its length before it.
    let size: usize = names.iter().map(|name| name.as_ref().len() + 2).sum();
    if size <= MAX_ISSUER_NAMES {
        return names.into();
    }
    tracing::info!(
        "clients are not told the names of the {} trusted issuers, which are too long",
        names.len()
    );
    Arc::default()
}

/// Verifies a client, which must show a certificate.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Chain,
    issuers: Arc<[DistinguishedName]>,
    seen: Seen,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(super) fn new(chain: Chain, issuers: Arc<[DistinguishedName]>, seen: &Seen) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { chain, issuers, seen: seen.clone(), algorithms }
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
        let shown = Presented { own, intermediates };
        let checked = Flaw::of_key(own).map_or_else(|| self.chain.check_client(shown, now), Err);
        self.seen.keep(shown, None, checked, true)?;
        Ok(ClientCertVerified::assertion())
    }

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
}
