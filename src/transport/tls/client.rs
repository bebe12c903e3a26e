//! The client's side: what to trust, what to present, and the handshake.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::sync::oneshot;
use tokio_rustls::{TlsConnector, TlsStream};

use super::anchors::Anchors;
use super::chain::Chain;
use super::key_log::KeyLog;
use super::negotiation::{Negotiation, negotiation_setters};
use super::pem::{Contents, PemCertificate};
use super::revocation::{Lists, Revocations};
use super::verify::{ClientCertResolver, HandshakeRecord, ServerVerifier, Trust};
use super::{HandshakeIo, Identity, TlsInfo, TlsVersion, handshake_error, lacks_key_exchange, server_name};
use crate::certificate::{Pin, Purpose};
use crate::error::{Error, TlsFault};
use crate::transport::{Prefixed, Shared};

/// How to speak TLS to a server. By default its chain, its name or IP address and its validity are
/// verified against the system's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them).
///
/// ```
/// use astream::{ConnectOptions, TlsClient, TlsVersion};
///
/// let tls = TlsClient::new().alpn(["h2", "http/1.1"]).versions(TlsVersion::V1_3..=TlsVersion::V1_3);
/// let options = ConnectOptions::new().tls(tls);
/// ```
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct TlsClient {
    roots: Vec<Contents<PemCertificate>>,
    /// The system's certificates, once they are read.
    system: Arc<OnceLock<Loaded>>,
    crls: Vec<Lists>,
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

    /// Trusts the certificates of this PEM file instead of the system's roots; may be given repeatedly. The
    /// file is read for the first connection and then kept, as the system's roots are.
    pub fn roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.roots.push(Contents::of_file(file));
        self
    }

    /// Trusts the certificates in these bytes, as [`roots`](Self::roots) does those of a file. They are PEM, or
    /// DER: one certificate, or several one after the other (Python's `cadata`).
    pub fn roots_from_bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.roots.push(Contents::of_bytes(bytes));
        self
    }

    /// Refuses revoked certificates, by the revocation lists of this PEM file (RFC 5280, 5), which may hold
    /// several; may be given repeatedly. A certificate is refused if any list names it that its issuer's key
    /// signed, even an expired list. Moreover the server's own certificate must be covered by such a list
    /// that is current; the certificates of its issuers must be if there is a list by their issuer. Pins, and
    /// a server's certificate that is itself a trusted authority's, need no list.
    pub fn revocations(mut self, file: impl Into<PathBuf>) -> Self {
        self.crls.push(Contents::of_file(file));
        self
    }

    /// Refuses certificates that a revocation list in these bytes names, PEM or DER, as
    /// [`revocations`](Self::revocations) does with a file.
    pub fn revocations_from_bytes(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.crls.push(Contents::of_bytes(bytes));
        self
    }

    /// Presents this certificate if the server asks for one.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The name to ask for (SNI) and to verify, instead of the endpoint's host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Accepts a server with this public key, whatever its chain and name; may be given repeatedly.
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pins.push(pin);
        self
    }

    /// Accepts any server: anyone on the network path can read and change everything.
    pub fn danger_no_verification(mut self, yes: bool) -> Self {
        self.danger_no_verification = yes;
        self
    }

    negotiation_setters!();

    /// Accepts only a key exchange that is safe from quantum computers, that is one with ML-KEM (FIPS 203), which
    /// needs TLS 1.3; by default it is preferred.
    pub fn require_post_quantum(mut self, yes: bool) -> Self {
        self.negotiation.post_quantum = yes;
        self
    }

    /// Reads the files. The system's certificates, which take long, are read while the connection is made.
    pub(crate) fn connector(&self, host: Option<&str>) -> Result<Connector, Error> {
        self.negotiation.check()?;
        let is_verified = !self.danger_no_verification && self.pins.is_empty();
        let name = server_name::choose(self.server_name.as_deref(), host, is_verified)?;
        let host = self.server_name.as_deref().or(host).unwrap_or("localhost").to_owned();
        let anchors = if !self.danger_no_verification && !self.pins.is_empty() {
            Loading::None
        } else if self.roots.is_empty() {
            self.load_system()?
        } else {
            Loading::Done(Ok(Arc::new(Anchors::of(&self.roots, Purpose::Servers)?)))
        };
        let revocations = Revocations::of(&self.crls)?;
        let key_log = KeyLog::of_environment()?;
        Ok(Connector { host, name, anchors, revocations, key_log, client: self.clone() })
    }

    /// Reads all files, the system's certificates too if they decide whom to trust.
    pub(crate) fn check(&self, host: Option<&str>) -> Result<(), Error> {
        self.connector(host)?;
        let is_system_trusted = !self.danger_no_verification && self.pins.is_empty() && self.roots.is_empty();
        if is_system_trusted { of_system(&self.system).map(drop) } else { Ok(()) }
    }

    /// Starts to read the system's certificates, once for all connections.
    fn load_system(&self) -> Result<Loading, Error> {
        if let Some(loaded) = self.system.get() {
            return Ok(Loading::Done(loaded.clone()));
        }
        let (sender, receiver) = oneshot::channel();
        let system = Arc::clone(&self.system);
        std::thread::Builder::new()
            .name("roots".to_owned())
            .spawn(move || sender.send(of_system(&system)))
            .map_err(|error| Error::tls("reading the system's certificates", error))?;
        Ok(Loading::Pending(receiver))
    }
}

/// The certificates to trust, or why there are none, which is an error only where they decide.
type Loaded = Result<Arc<Anchors>, Error>;

/// The system's certificates, which are read by the first who asks.
fn of_system(system: &OnceLock<Loaded>) -> Loaded {
    system.get_or_init(|| Anchors::of_system().map(Arc::new)).clone()
}

/// How far the certificates to trust are read.
enum Loading {
    /// Pins are trusted instead.
    None,
    Done(Loaded),
    Pending(oneshot::Receiver<Loaded>),
}

/// A client that has read its files and waits for a connection.
pub(crate) struct Connector {
    host: String,
    /// None if it is not verified and no certificate could hold it.
    name: Option<ServerName<'static>>,
    anchors: Loading,
    revocations: Revocations,
    key_log: Option<Arc<KeyLog>>,
    client: TlsClient,
}

impl Connector {
    /// The name of the server.
    pub(crate) fn server_name(&self) -> String {
        self.name.as_ref().map_or_else(|| self.host.clone(), |name| name.to_str().into_owned())
    }

    /// The handshake over `io`, whose bytes read ahead are its beginning; `peer` is for messages.
    pub(crate) async fn connect(self, io: Prefixed, peer: &str) -> Result<(Shared, TlsInfo), Error> {
        let Self { host, name, anchors, revocations, key_log, client } = self;
        let chain = match anchors {
            Loading::None => None,
            Loading::Done(anchors) => Some(anchors),
            Loading::Pending(pending) => {
                let failed = |_| Err(Error::tls("TLS", "reading the system's certificates failed"));
                Some(pending.await.unwrap_or_else(failed))
            }
        };
        let chain = chain.map(|anchors| anchors.map(|anchors| Chain::new(anchors, revocations)));
        let trust = match chain {
            None => Trust::Pins(client.pins.clone()),
            Some(_) if client.danger_no_verification && name.is_none() => {
                Trust::Everyone(Err(format!("'{}' is {}", host.escape_debug(), server_name::flaw(&host))))
            }
            Some(chain) if client.danger_no_verification => {
                Trust::Everyone(chain.map_err(|error| error.to_string()))
            }
            Some(chain) => Trust::Chain(chain?),
        };
        let record = HandshakeRecord::default();
        let mut config = client.config(ServerVerifier::new(trust, &record), record.clone())?;
        config.enable_sni = name.is_some();
        if let Some(log) = &key_log {
            config.key_log = log.clone();
        }
        let name = name.map_or_else(|| server_name::read("localhost"), Ok)?;
        let start = Instant::now();
        let connecting =
            TlsConnector::from(Arc::new(config)).connect(name, HandshakeIo::new(io)).into_fallible();
        let mut stream = connecting.await.map_err(|failed| client.failure(peer, &failed, &record))?;
        key_log.map_or(Ok(()), |log| log.check())?;
        stream.get_mut().0.handshake_done();
        let mut info = TlsInfo::of(stream.get_ref().1, start.elapsed());
        info.verified_path = record.path();
        info.unverified = record.overridden_flaw();
        info.log(peer);
        let protocols = &client.negotiation.protocols;
        if info.alpn.is_none() && !protocols.is_empty() {
            let reason = format!("the peer chose none of the protocols {}", protocols.join(", "));
            let error = Error::tls(format!("TLS handshake with {peer}"), reason);
            return Err(error.with_fault(TlsFault::Protocol).with_certificates(info.peer_certificates));
        }
        let version = TlsVersion::of(stream.get_ref().1);
        Ok((
            Shared::new(Box::new(TlsStream::from(stream)), Some(version), client.ignore_unexpected_eof),
            info,
        ))
    }
}

impl TlsClient {
    fn failure(&self, peer: &str, failed: &(io::Error, HandshakeIo), record: &HandshakeRecord) -> Error {
        failed.1.handshake_failed(false);
        let error = handshake_error(peer, failed, record);
        if self.negotiation.post_quantum && lacks_key_exchange(&failed.0) {
            let reason = "the peer supports no post-quantum key exchange, which is required here";
            return Error::tls(format!("TLS handshake with {peer}"), reason)
                .with_fault(TlsFault::KeyExchange);
        }
        error
    }

    fn config(&self, verifier: ServerVerifier, record: HandshakeRecord) -> Result<ClientConfig, Error> {
        let key = self.identity.as_ref().map(Identity::certified_key);
        let mut config = ClientConfig::builder_with_provider(self.negotiation.provider())
            .with_protocol_versions(&self.negotiation.supported())
            .map_err(|error| Error::tls("TLS", error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(ClientCertResolver { key, record }));
        config.alpn_protocols = self.negotiation.alpn();
        // It serves one connection: there is nothing to resume.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}
