//! Probing: a connection is set up to learn whether that is possible, and closed.

use std::time::{Duration, Instant};

use super::ConnectOptions;
use super::connect::open_timed;
use crate::certificate::Certificate;
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::transport::proxy::Proxy;
use crate::transport::tls::TlsInfo;

/// How long a peer may take to end its side: until then nothing that it sends is answered with a reset.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// What a probe has found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Probed {
    /// What was probed.
    pub endpoint: Endpoint,
    /// The connection, if one could be made.
    pub found: Option<Found>,
    /// What failed. Under TLS 1.3 a connection can be made and then fail: only then does a server say that it
    /// does not accept the client's certificate.
    pub error: Option<Error>,
    /// How long it took until that was known, the look-up of a name left out.
    pub elapsed: Duration,
}

/// A connection that a probe has made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// The peer's address: that of the first proxy, if there is one.
    pub peer: Address,
    /// This end's address.
    pub local: Address,
    /// How long connecting took, through all proxies; with datagrams, how long the answer took.
    pub connect: Duration,
    /// The proxies on the way, in their order.
    pub proxies: Vec<Proxy>,
    /// What was agreed in the TLS handshake; none without TLS.
    pub tls: Option<TlsInfo>,
}

impl Probed {
    /// What was not even tried, because of this error.
    pub fn failed(endpoint: &Endpoint, error: Error) -> Self {
        Self { endpoint: endpoint.clone(), found: None, error: Some(error), elapsed: Duration::ZERO }
    }

    /// The chain that the peer has presented, trusted or not.
    pub fn certificates(&self) -> &[Certificate] {
        match (&self.found, &self.error) {
            (Some(Found { tls: Some(tls), .. }), _) => &tls.peer_certificates,
            (_, error) => error.as_ref().map_or(&[], Error::peer_certificates),
        }
    }
}

/// Sets up a connection to `endpoint` as `options` say, the TLS handshake included, and closes it cleanly without
/// sending a byte of payload. The peer has a second to end its side. May be cancelled.
///
/// ```
/// # use astream::{ConnectOptions, ServerOptions, probe, start_server};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// # let options = ServerOptions::new();
/// # let handler = |_, _| async { Ok::<_, astream::Error>(()) };
/// # let server = start_server(handler, &"127.0.0.1:0".parse()?, &options).await?;
/// let endpoint = server.local_addrs()[0].to_string().parse()?;
/// let probed = probe(&endpoint, &ConnectOptions::new()).await;
/// assert!(probed.found.is_some() && probed.error.is_none());
/// # Ok(())
/// # }
/// ```
pub async fn probe(endpoint: &Endpoint, options: &ConnectOptions) -> Probed {
    let options = match options.clone().close_timeout(CLOSE_LIMIT).resolved(endpoint).await {
        Ok(options) => options,
        Err(error) => return Probed::failed(endpoint, error),
    };
    let start = Instant::now();
    let ((reader, writer), connect) = match open_timed(endpoint, &options).await {
        Ok(opened) => opened,
        Err(error) => return Probed { elapsed: start.elapsed(), ..Probed::failed(endpoint, error) },
    };
    let elapsed = start.elapsed();
    let (peer, local) = (reader.peer_addr().clone(), reader.local_addr().clone());
    let (tls, proxies) = (reader.tls().cloned(), options.proxies().to_vec());
    let error = match writer.wait_closed().await {
        Err(Error::Tls { reason, fault, .. }) => {
            let certificates = tls.as_ref().map(|tls| tls.peer_certificates.clone()).unwrap_or_default();
            let error = Error::tls(format!("TLS with {endpoint}"), reason);
            Some(error.with_fault(fault).with_certificates(certificates))
        }
        // How an unused connection ends does not matter.
        _ => None,
    };
    let found = Some(Found { peer, local, connect, proxies, tls });
    Probed { endpoint: endpoint.clone(), found, error, elapsed }
}
