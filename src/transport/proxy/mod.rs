//! Proxies: SOCKS and HTTP CONNECT, each a dialogue after which the connection is one with the target.
//!
//! A chain is walked from its end: the last proxy is reached through those before it, and asked for the target.

mod digest;
mod environment;
mod http;
mod login;
mod socks4;
mod socks5;
#[cfg(test)]
mod splits;
mod target;
mod url;

use std::fmt;

use super::dialogue::Dialogue;
use super::tls::TlsClient;
use super::{Dial, Prefixed, Transport, dial, quoted};
use crate::endpoint::{Address, Endpoint};
use crate::error::{Error, ProxyFault, Step};
use login::Login;
use target::Target;

/// A proxy through which a target is reached.
///
/// Parsed from `SCHEME://HOST[:PORT]`. The schemes, and the port where none is given:
///
/// | scheme | port | the target's name is looked up by | |
/// |---|---|---|---|
/// | `socks5` (or `socks5h`) | 1080 | the proxy | RFC 1928 and 1929 |
/// | `socks4a` | 1080 | the proxy | IPv4 only |
/// | `socks4` | 1080 | this machine | IPv4 only |
/// | `http` | 80 | the proxy | CONNECT (RFC 9110, 9.3.6) |
/// | `https` | 443 | the proxy | the same under TLS |
///
/// A URL that holds a user or a secret is refused, because command lines are no secret: they are given with
/// [`login`](Self::login). Neither its `Debug` nor its `Display` shows them.
///
/// ```
/// use astream::{ConnectOptions, Proxy};
///
/// # fn main() -> Result<(), astream::Error> {
/// let proxy: Proxy = "socks5://127.0.0.1:1080".parse()?;
/// let options = ConnectOptions::new().proxy(proxy.login("me", "secret"));
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct Proxy {
    scheme: Scheme,
    endpoint: Endpoint,
    login: Option<Login>,
    tls: TlsClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Socks5,
    Socks4,
    Socks4a,
    Http,
    Https,
}

impl Proxy {
    /// Who we are, for a proxy that asks. SOCKS5 sends both in clear; HTTP by Digest where the proxy offers it
    /// (RFC 7616), else by Basic, which `https` alone protects. SOCKS4 has no secrets, and gets the user.
    pub fn login(mut self, user: impl Into<String>, secret: impl Into<String>) -> Self {
        self.login = Some(Login::new(user.into(), secret.into()));
        self
    }

    /// How an `https` proxy is verified: by default its chain and its name, against the system's roots.
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.tls = tls;
        self
    }

    /// Whether the connection to it is under TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The proxy's own address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Finds out before any connection what would fail for certain.
    pub(crate) fn check(&self, target: &Endpoint) -> Result<(), Error> {
        Target::new(target, self.scheme)?;
        if let Some(login) = &self.login {
            login.check(self.scheme)?;
        }
        if self.scheme == Scheme::Https { self.tls.connector(self.endpoint.host()).map(drop) } else { Ok(()) }
    }

    /// An error of this proxy. What it holds of the proxy's words may repeat ours.
    fn error(&self, fault: ProxyFault, reason: &str) -> Error {
        let reason = self.login.as_ref().map_or_else(|| reason.to_owned(), |own| own.hidden_in(reason));
        Error::Proxy { proxy: self.to_string(), reason, fault }
    }

    /// The proxy itself cannot be reached.
    fn unreachable(&self, cause: Error) -> Error {
        Error::Proxy {
            proxy: self.to_string(),
            reason: cause.to_string(),
            fault: ProxyFault::Unreachable(Box::new(cause)),
        }
    }
}

/// As it is parsed, without what is secret.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.endpoint)
    }
}

/// A connection to a target, direct or through proxies.
pub(crate) struct Reached {
    pub(crate) connection: Prefixed,
    /// The addresses of the socket: that of the first proxy, if there is one, and of this end.
    pub(crate) peer: Address,
    pub(crate) local: Address,
}

impl From<Transport> for Reached {
    fn from(io: Transport) -> Self {
        let (peer, local) = io.addresses();
        Self { connection: io.into(), peer, local }
    }
}

/// Connects to `target` through these proxies; `how` is about the connection to the first one.
pub(crate) async fn reach(target: &Endpoint, how: &Dial, proxies: &[Proxy]) -> Result<Reached, Error> {
    let Some((proxy, before)) = proxies.split_last() else {
        return dial(target, how).await.map(Reached::from);
    };
    let asked = Target::new(target, proxy.scheme)?.looked_up(how).await?;
    let mut authorization = http::Authorization::default();
    loop {
        let reached = Box::pin(reach(&proxy.endpoint, how, before)).await;
        let reached =
            reached.map_err(|error| if before.is_empty() { proxy.unreachable(error) } else { error })?;
        let Reached { connection, peer, local } = reached;
        let connection = proxy.secured(connection, how).await?;
        if let Some(connection) = proxy.ask(connection, how, &asked, &mut authorization).await? {
            tracing::info!("connected to {target} through {proxy}");
            return Ok(Reached { connection: Prefixed { is_tunnel: true, ..connection }, peer, local });
        }
    }
}

impl Proxy {
    /// The connection under TLS, where the proxy speaks it.
    async fn secured(&self, connection: Prefixed, how: &Dial) -> Result<Prefixed, Error> {
        if self.scheme != Scheme::Https {
            return Ok(connection);
        }
        let handshake = async {
            let connector = self.tls.connector(self.endpoint.host())?;
            let (name, doing) = (self.to_string(), || format!("TLS handshake with the proxy {self}"));
            how.deadline.bound(Step::Handshake, Box::pin(connector.connect(connection, &name)), doing).await?
        };
        let (secured, _) = handshake.await.map_err(|error| self.unreachable(error))?;
        Ok(Transport::Shared(secured).into())
    }

    /// Asks for the target; none if the proxy must be asked again on another connection.
    async fn ask(
        &self,
        connection: Prefixed,
        how: &Dial,
        target: &Target,
        authorization: &mut http::Authorization,
    ) -> Result<Option<Prefixed>, Error> {
        let (proxy, doing) = (self.clone(), format!("the proxy {self}"));
        let error = move |reason: String| proxy.error(ProxyFault::Protocol, &reason);
        let mut dialogue =
            Dialogue::new(connection, how.deadline, Step::Proxy, doing, error).exactly(how.reads_exactly);
        let is_connected = match self.scheme {
            Scheme::Socks5 => socks5::ask(&mut dialogue, self, target).await.map(|()| true),
            Scheme::Socks4 | Scheme::Socks4a => socks4::ask(&mut dialogue, self, target).await.map(|()| true),
            Scheme::Http | Scheme::Https => http::ask(&mut dialogue, self, target, authorization).await,
        }?;
        Ok(is_connected.then(|| dialogue.end()))
    }
}

/// What is wrong with an answer that is none of this protocol.
fn other_protocol(protocol: &str, received: &[u8]) -> String {
    format!("it does not speak {protocol}; it answered {}", quoted(received))
}
