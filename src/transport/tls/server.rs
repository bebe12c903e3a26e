//! The server's side: what to present, which client certificates to accept, and the handshake.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DistinguishedName, ServerConfig};
use tokio_rustls::{StartHandshake, TlsStream};

use super::anchors::Anchors;
use super::chain::Chain;
use super::key_log::KeyLog;
use super::negotiation::{Negotiation, negotiation_setters};
use super::pem::{Contents, PemCertificate};
use super::revocation::{Lists, Revocations};
use super::verify::{ClientVerifier, HandshakeRecord, issuer_names};
use super::{HandshakeIo, Identity, TlsInfo, TlsVersion, handshake_error, hello, provider};
use crate::certificate::{Pin, Purpose};
use crate::error::Error;
use crate::transport::{Prefixed, Shared};

/// How to speak TLS to clients.
///
/// ```
/// # #[cfg(feature = "generate")]
/// # fn main() -> Result<(), astream::Error> {
/// use astream::{Identity, ServerOptions, TlsServer};
///
/// let tls = TlsServer::new(Identity::generate()?);
/// println!("clients know us by {}", tls.pin());
/// let options = ServerOptions::new().tls(tls);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "generate"))]
/// # fn main() {}
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct TlsServer {
    identity: Identity,
    client_roots: Vec<Contents<PemCertificate>>,
    crls: Vec<Lists>,
    negotiation: Negotiation,
    ignore_unexpected_eof: bool,
}

impl TlsServer {
    /// A server that presents `identity` and asks its clients for no certificate.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            client_roots: Vec::new(),
            crls: Vec::new(),
            negotiation: Negotiation::default(),
            ignore_unexpected_eof: false,
        }
    }

    /// The pin of the server's key, for clients.
    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// Requires every client to present a certificate issued under the certificates of this PEM file; may be
    /// given repeatedly.
    pub fn client_roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_roots.push(Contents::of_file(file));
        self
    }

    /// Requires a certificate issued under the certificates in these bytes, PEM or DER, as
    /// [`client_roots`](Self::client_roots) does with a file.
    pub fn client_roots_from_bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.client_roots.push(Contents::of_bytes(bytes));
        self
    }

    /// Refuses clients by the revocation lists of this PEM file, as
    /// [`TlsClient::revocations`](crate::TlsClient::revocations) refuses servers; may be given repeatedly.
    pub fn client_revocations(mut self, file: impl Into<PathBuf>) -> Self {
        self.crls.push(Contents::of_file(file));
        self
    }

    /// Refuses clients by the revocation lists in these bytes, PEM or DER, as
    /// [`client_revocations`](Self::client_revocations) does with a file.
    pub fn client_revocations_from_bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.crls.push(Contents::of_bytes(bytes));
        self
    }

    negotiation_setters!();

    /// Reads the files.
    pub(crate) fn acceptor(&self) -> Result<Acceptor, Error> {
        self.negotiation.check()?;
        let clients = match &self.client_roots[..] {
            [] => None,
            all => {
                let anchors = Arc::new(Anchors::of(all, Purpose::Clients)?);
                let chain = Chain::new(anchors, Revocations::of(&self.crls)?);
                Some(Clients { issuers: issuer_names(chain.anchors()), chain })
            }
        };
        let key_log = KeyLog::of_environment()?;
        let config = Arc::new(self.config(None, key_log.as_ref())?);
        Ok(Acceptor { config, clients, key_log, server: self.clone() })
    }

    fn config(
        &self,
        verifier: Option<ClientVerifier>,
        key_log: Option<&Arc<KeyLog>>,
    ) -> Result<ServerConfig, Error> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&self.negotiation.supported())
            .map_err(|error| Error::tls("TLS", error))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(CertResolver(self.identity.certified_key())));
        config.alpn_protocols = self.negotiation.alpn();
        // A client that only writes leaves tickets unread, and its close would then reset the
        // connection and destroy what we have not read yet.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(log) = key_log {
            config.key_log = log.clone();
        }
        Ok(config)
    }
}

/// A server that has read its files and waits for connections.
#[derive(Clone)]
pub(crate) struct Acceptor {
    /// For clients that are not asked for a certificate.
    config: Arc<ServerConfig>,
    clients: Option<Clients>,
    key_log: Option<Arc<KeyLog>>,
    server: TlsServer,
}

/// Which client certificates are accepted.
#[derive(Clone)]
struct Clients {
    chain: Chain,
    /// The issuers that are named to clients.
    issuers: Arc<[DistinguishedName]>,
}

impl Acceptor {
    /// The handshake over `io`, beginning with the bytes that were read ahead; `peer` is for messages.
    pub(crate) async fn accept(&self, io: Prefixed, peer: &str) -> Result<(Shared, TlsInfo), Error> {
        let (record, mut io) = (HandshakeRecord::default(), HandshakeIo::new(io));
        let hello = match hello::receive(&mut io, &self.server.negotiation).await {
            Ok(hello) => hello,
            Err(error) => return Err(failure(peer, &(error, io), &record)),
        };
        let (config, start) = (self.config(&record)?, Instant::now());
        let accepting = StartHandshake::from_parts(hello, io).into_stream(config).into_fallible();
        let mut stream = accepting.await.map_err(|failed| failure(peer, &failed, &record))?;
        stream.get_mut().0.handshake_done();
        let mut info = TlsInfo::of(stream.get_ref().1, start.elapsed());
        info.server_name = stream.get_ref().1.server_name().map(str::to_owned);
        info.verified_path = record.path();
        info.log(peer);
        let version = TlsVersion::of(stream.get_ref().1);
        let ignores_eof = self.server.ignore_unexpected_eof;
        Ok((Shared::new(Box::new(TlsStream::from(stream)), Some(version), ignores_eof), info))
    }

    /// The configuration for one client, whose verifier records what that client presents.
    fn config(&self, record: &HandshakeRecord) -> Result<Arc<ServerConfig>, Error> {
        let Some(Clients { chain, issuers }) = &self.clients else { return Ok(Arc::clone(&self.config)) };
        let verifier = ClientVerifier::new(chain.clone(), Arc::clone(issuers), record);
        self.server.config(Some(verifier), self.key_log.as_ref()).map(Arc::new)
    }
}

fn failure(peer: &str, failed: &(io::Error, HandshakeIo), record: &HandshakeRecord) -> Error {
    failed.1.handshake_failed(true);
    handshake_error(peer, failed, record)
}

/// Presents the same certificate for every name.
#[derive(Debug)]
struct CertResolver(Arc<CertifiedKey>);

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
