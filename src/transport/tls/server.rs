//! The server's side: what to show, whom to ask for a certificate, and the handshake.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsAcceptor;

use super::client::roots;
use super::{Identity, TlsInfo, handshake_error, key_log, load_certificates, provider};
use crate::certificate::Pin;
use crate::error::Error;
use crate::transport::{Io, Shared};

/// How to speak TLS to clients.
#[derive(Debug, Clone)]
pub struct TlsServer {
    identity: Identity,
    client_roots: Option<PathBuf>,
    ignore_unexpected_eof: bool,
}

impl TlsServer {
    /// A server that shows `identity` and asks its clients for nothing.
    pub fn new(identity: Identity) -> Self {
        Self { identity, client_roots: None, ignore_unexpected_eof: false }
    }

    /// The pin of the key that is shown, for clients.
    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// Demands a certificate of every client, issued under the certificates of this PEM file.
    #[must_use]
    pub fn client_roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.client_roots = Some(file.into());
        self
    }

    /// Takes an end without `close_notify` for a clean one. Safe only where the protocol tells for
    /// itself where its data end.
    #[must_use]
    pub fn ignore_unexpected_eof(mut self, yes: bool) -> Self {
        self.ignore_unexpected_eof = yes;
        self
    }

    pub(crate) fn acceptor(&self) -> Result<Acceptor, Error> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::tls("TLS", error))?;
        let builder = match &self.client_roots {
            Some(file) => {
                let roots = roots(load_certificates(file)?, file)?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| Error::file(file, error))?)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config =
            builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(self.identity.certified_key())));
        // A client that only writes leaves tickets unread, and its close would then reset the
        // connection and destroy what we have not read yet.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.key_log = key_log();
        Ok(Acceptor { config: Arc::new(config), ignore_unexpected_eof: self.ignore_unexpected_eof })
    }
}

/// A server that has read its files and waits for connections.
#[derive(Clone)]
pub(crate) struct Acceptor {
    config: Arc<ServerConfig>,
    ignore_unexpected_eof: bool,
}

impl Acceptor {
    /// The handshake over `io`; `peer` is for messages.
    pub(crate) async fn accept(&self, io: Box<dyn Io>, peer: &str) -> Result<(Shared, TlsInfo), Error> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let stream = acceptor.accept(io).await.map_err(|error| handshake_error(peer, &error))?;
        let info = TlsInfo::of(stream.get_ref().1);
        Ok((Shared::tls(Box::new(stream), self.ignore_unexpected_eof), info))
    }
}
