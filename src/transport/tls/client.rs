//! The client's side: whom to trust, what to show, and the handshake.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use super::negotiation::Negotiation;
use super::pem::PemFile;
use super::shown::Shown;
use super::verify::{Chain, KeyOnly};
use super::{Identity, TlsInfo, TlsVersion, handshake_error, key_log, provider};
use crate::certificate::Pin;
use crate::error::{Error, TlsFault};
use crate::transport::{Io, Shared};

/// Where distributions keep all roots in one file: reading it is ten times as fast as the folder.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to speak TLS to a server. By default its chain, its name or IP address and its validity are
/// verified against the system's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them).
#[derive(Debug, Clone, Default)]
pub struct TlsClient {
    roots: Option<PemFile<CertificateDer<'static>>>,
    identity: Option<Identity>,
    server_name: Option<String>,
    pins: Vec<Pin>,
    danger_no_verification: bool,
    negotiation: Negotiation,
    ignore_unexpected_eof: bool,
}

impl TlsClient {
    /// The defaults: everything is verified.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates of this PEM file instead of the system's roots.
    #[must_use]
    pub fn roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots = Some(PemFile::new(file.into(), "certificate"));
        self
    }

    /// Shows this certificate if the server asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The name to ask for (SNI) and to verify, instead of the endpoint's host.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Accepts a server with this public key, whatever its chain and name; may be given repeatedly.
    #[must_use]
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pins.push(pin);
        self
    }

    /// Accepts any server: whoever sits in between can read and change everything.
    #[must_use]
    pub fn danger_no_verification(mut self, yes: bool) -> Self {
        self.danger_no_verification = yes;
        self
    }

    /// The versions to speak; all of them by default.
    #[must_use]
    pub fn versions(mut self, versions: RangeInclusive<TlsVersion>) -> Self {
        self.negotiation.versions = versions;
        self
    }

    /// The application protocols to agree on, the best first (ALPN, RFC 7301). A server that
    /// chooses none of them is refused.
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.negotiation.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Takes an end without `close_notify` for a clean one. Safe only where the protocol tells for
    /// itself where its data end.
    #[must_use]
    pub fn ignore_unexpected_eof(mut self, yes: bool) -> Self {
        self.ignore_unexpected_eof = yes;
        self
    }

    /// Reads what has to be read; what takes long goes on beside the connecting.
    pub(crate) fn connector(&self, host: Option<&str>) -> Result<Connector, Error> {
        self.negotiation.check()?;
        let host = self.server_name.as_deref().or(host);
        let unverified = self.danger_no_verification || !self.pins.is_empty();
        let name = match host {
            Some(host) => server_name(host)?,
            None if unverified => server_name("localhost")?,
            None => return Err(Error::tls("TLS", "the server's name is not known; give it (--servername)")),
        };
        let trust = if unverified {
            let pins = if self.danger_no_verification { Vec::new() } else { self.pins.clone() };
            Trust::Key(KeyOnly { pins, algorithms: provider().signature_verification_algorithms })
        } else if let Some(file) = &self.roots {
            let certificates = file.items()?;
            roots(certificates.iter().cloned(), file.path())?;
            Trust::Roots(certificates.to_vec())
        } else {
            let (sender, receiver) = oneshot::channel();
            let load = move || sender.send(system_roots());
            std::thread::Builder::new()
                .name("roots".to_owned())
                .spawn(load)
                .map_err(|error| Error::tls("reading the system's certificates", error))?;
            Trust::System(receiver)
        };
        Ok(Connector {
            name,
            trust,
            identity: self.identity.clone(),
            negotiation: self.negotiation.clone(),
            ignore_unexpected_eof: self.ignore_unexpected_eof,
        })
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    let host = host.strip_suffix('.').unwrap_or(host);
    // An address may carry a zone, which is no part of its name.
    let host = host.split('%').next().unwrap_or(host);
    ServerName::try_from(host.to_owned())
        .map_err(|_| Error::address(host, "not a name that a certificate can hold"))
}

/// What makes a server trusted.
enum Trust {
    Key(KeyOnly),
    Roots(Vec<CertificateDer<'static>>),
    System(oneshot::Receiver<Result<Vec<CertificateDer<'static>>, Error>>),
}

/// A client that has read its files and waits for a connection.
pub(crate) struct Connector {
    name: ServerName<'static>,
    trust: Trust,
    identity: Option<Identity>,
    negotiation: Negotiation,
    ignore_unexpected_eof: bool,
}

impl Connector {
    /// The name that will be verified.
    pub(crate) fn server_name(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// The handshake over `io`; `peer` is for messages.
    pub(crate) async fn connect(self, io: Box<dyn Io>, peer: &str) -> Result<(Shared, TlsInfo), Error> {
        let ignore = self.ignore_unexpected_eof;
        let (name, protocols) = (self.name.clone(), self.negotiation.protocols.clone());
        let shown = Shown::default();
        let config = Arc::new(self.config(&shown).await?);
        let stream = TlsConnector::from(config)
            .connect(name, io)
            .await
            .map_err(|error| handshake_error(peer, &error).with_certificates(shown.certificates()))?;
        let info = TlsInfo::of(stream.get_ref().1);
        info.tell(peer);
        if info.alpn.is_none() && !protocols.is_empty() {
            let reason = format!("the peer chose none of the protocols {}", protocols.join(", "));
            let doing = format!("TLS handshake with {peer}");
            let fault = TlsFault::Protocol;
            return Err(Error::Tls { doing, reason, fault, peer_certificates: info.peer_certificates });
        }
        Ok((Shared::tls(Box::new(stream), ignore), info))
    }

    async fn config(self, shown: &Shown) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&self.negotiation.supported())
            .map_err(|error| Error::tls("TLS", error))?;
        let chain = |roots| Chain::new(roots).map_err(|error| Error::tls("TLS", error));
        let verifier: Arc<dyn ServerCertVerifier> = match self.trust {
            Trust::Key(verifier) => Arc::new(verifier),
            Trust::Roots(roots) => Arc::new(chain(roots)?),
            Trust::System(loading) => {
                let failed = |_| Error::tls("TLS", "reading the system's certificates failed");
                Arc::new(chain(loading.await.map_err(failed)??)?)
            }
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(shown.to(verifier));
        let mut config = match self.identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified_key())))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.negotiation.alpn();
        // One connection is made with it: there is nothing to resume.
        config.resumption = Resumption::disabled();
        config.key_log = key_log();
        Ok(config)
    }
}

/// The roots of one file, which must all be usable: somebody named it.
pub(super) fn roots(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
    file: &Path,
) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|error| Error::file(file, error))?;
    }
    Ok(store)
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, Error> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let bundle = BUNDLES.iter().map(Path::new).find(|path| !named && path.exists());
    let mut found = rustls_native_certs::load_certs_from_paths(bundle, None);
    if found.certs.is_empty() {
        found = rustls_native_certs::load_native_certs();
    }
    if found.certs.is_empty() {
        let told = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let reason = format!(
            "this system has no root certificates{told}; give some (--cacert) or install ca-certificates"
        );
        return Err(Error::tls("TLS", reason));
    }
    Ok(found.certs)
}
