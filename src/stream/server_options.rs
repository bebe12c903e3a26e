//! How to serve: the options.

use std::sync::Arc;
use std::time::Duration;

use super::limits::limit_setters;
use super::serve::Admission;
use super::{Limits, SETUP_TIMEOUT};
use crate::endpoint::Networks;
use crate::error::Error;
use crate::transport::tls::TlsServer;
use crate::transport::{Listen, Rules, name_setters};

/// How to serve.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use astream::{Family, ServerOptions};
///
/// let [second, minute] = [1, 60].map(Duration::from_secs);
/// let bound = ServerOptions::new().family(Family::V4).numeric(true).backlog(128).reuse_port(true).unix_mode(0o660);
/// let strict = bound.handshake_timeout(5 * second).idle_timeout(minute).close_timeout(second).limit(1024);
/// let wide = strict.multipath(true).by_streams(true);
/// ```
#[must_use]
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub(super) listen: Listen,
    pub(super) rules: Rules,
    handshake_timeout: Option<Duration>,
    tls: Option<TlsServer>,
    proxies: Networks,
    limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            rules: Rules::default(),
            handshake_timeout: Some(SETUP_TIMEOUT),
            tls: None,
            proxies: Networks::default(),
            limits: Limits::default(),
        }
    }
}

/// Most of these are used in the [example](ServerOptions#example), and TLS in that of [`TlsServer`].
impl ServerOptions {
    /// The defaults: both families, names looked up, no TLS, a line limit of 64 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    name_setters!(listen.names);

    /// How many connections may wait to be accepted, if the system allows that many (`net.core.somaxconn`);
    /// 4096 by default. Others are refused or retry. asyncio's `backlog`.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.listen.backlog = connections;
        self
    }

    /// Lets other sockets that set the same listen on the same port: the system shares the connections
    /// among them (`SO_REUSEPORT`). For TCP only. asyncio's `reuse_port`.
    pub fn reuse_port(mut self, yes: bool) -> Self {
        self.listen.reuse_port = yes;
        self
    }

    /// The permissions of the path of a Unix socket: who may connect. `0o600` by default, for its owner alone.
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.listen.mode = mode;
        self
    }

    /// Uses multipath TCP with the clients that have it (RFC 8684). Linux only: elsewhere listening fails with
    /// [`Error::Bind`].
    pub fn multipath(mut self, yes: bool) -> Self {
        self.listen.multipath = yes;
        self
    }

    /// How many connections there may be at once, those in their TLS handshake included; there is no limit by default.
    /// While there are as many, others wait in the backlog, and are accepted when one has ended: its streams are dropped,
    /// and its handler has returned.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.rules.most = Some(connections);
        self
    }

    /// How many of them there may be from one IP address. Others are reset at once.
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.rules.most_of_one = Some(connections);
        self
    }

    /// Accepts connections only from addresses in these networks, and in those of earlier calls. Others are reset at
    /// once, before a TLS handshake. Clients of a Unix socket, which have no address, are always allowed.
    pub fn allow(mut self, networks: Networks) -> Self {
        self.rules.allow.get_or_insert_default().extend(networks);
        self
    }

    /// Resets connections from addresses in these networks, and in those of earlier calls, even if
    /// [`allow`](Self::allow) names them.
    pub fn deny(mut self, networks: Networks) -> Self {
        self.rules.deny.extend(networks);
        self
    }

    /// Speaks TLS.
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Believes proxies in these networks who their clients are. Each of their connections must begin with a header of
    /// the PROXY protocol, version 1 or 2, before everything else; one without is reset and logged. The streams then
    /// have the addresses of the header, unless it names none. Connections from elsewhere are served as they are: what
    /// looks like a header there is data. Repeated, the networks add up.
    ///
    /// By [`allow`](Self::allow) and [`deny`](Self::deny) both the proxy and its client must be allowed.
    /// [`max_connections_per_address`](Self::max_connections_per_address) counts connections, and so those of the proxy.
    ///
    /// ```
    /// # fn main() -> Result<(), astream::Error> {
    /// let options = astream::ServerOptions::new().proxy_protocol("10.0.0.0/8,::1".parse()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn proxy_protocol(mut self, proxies: Networks) -> Self {
        self.proxies.extend(proxies);
        self
    }

    /// The limit of what comes before a client's stream: the header of a proxy and the TLS handshake; 30 s by default.
    /// `None` is no limit.
    pub fn handshake_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = limit.into();
        self
    }

    limit_setters!();
}

impl ServerOptions {
    pub(super) fn admission(&self) -> Result<Admission, Error> {
        let acceptor = self.tls.as_ref().map(TlsServer::acceptor).transpose()?;
        let (proxies, rules) = (self.proxies.clone(), self.rules.clone());
        let limits = Arc::new(self.limits.clone());
        Ok(Admission { acceptor, proxies, rules, timeout: self.handshake_timeout, limits })
    }
}
