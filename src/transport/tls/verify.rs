//! The verifiers of one handshake: whom it trusts, what it has been shown, and what it found.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

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
    fn check(&self, shown: Presented<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Flaw> {
        match self {
            Self::Chain(chain) | Self::Anybody(Ok(chain)) => chain.check_server(shown, name, now),
            Self::Pins(pins) => match pin_of(shown.own) {
                Some(pin) if pins.contains(&pin) => Ok(()),
                Some(_) => Err(Flaw::NotPinned),
                None => Err(Flaw::Webpki(webpki::Error::BadDer)),
            },
            Self::Anybody(Err(reason)) => Err(Flaw::NobodyTrusted(reason.clone())),
        }
    }
}

/// What was seen in one handshake, also where it failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<OnceLock<Sight>>);

#[derive(Debug)]
struct Sight {
    certificates: Vec<Certificate>,
    /// What is wrong with them, and what can be done about that.
    flaw: Option<(String, TlsFault)>,
}

impl Seen {
    /// The peer's certificates, its own first.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.0.get().map(|sight| sight.certificates.clone()).unwrap_or_default()
    }

    /// What is wrong with them, in words, whether or not that mattered.
    pub(super) fn flaw(&self) -> Option<(String, TlsFault)> {
        self.0.get()?.flaw.clone()
    }

    fn keep(&self, shown: Presented<'_>, name: Option<&ServerName<'_>>, checked: &Result<(), Flaw>) {
        let all = std::iter::once(shown.own).chain(shown.intermediates);
        let certificates: Vec<_> = all.map(|one| Certificate::from_der(one.as_ref())).collect();
        let flaw = checked.as_ref().err().map(|flaw| (flaw.words(name, &certificates), flaw.fault()));
        let _ = self.0.set(Sight { certificates, flaw });
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
        self.seen.keep(shown, Some(name), &checked);
        match checked {
            Err(flaw) if is_binding => Err(Error::from(&flaw)),
            _ => Ok(ServerCertVerified::assertion()),
        }
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

/// Verifies a client, which must show a certificate.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Chain,
    /// Whom a client may choose a certificate of.
    issuers: Vec<DistinguishedName>,
    seen: Seen,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientVerifier {
    pub(super) fn new(chain: Chain, seen: &Seen) -> Self {
        let issuers = chain.anchors().store.subjects();
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
        self.seen.keep(shown, None, &checked);
        checked.map(|()| ClientCertVerified::assertion()).map_err(|flaw| Error::from(&flaw))
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
