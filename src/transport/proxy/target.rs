//! What a proxy is asked to connect to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Dial, Scheme};
use crate::endpoint::{Endpoint, Family, host};
use crate::error::{Error, Step};
use crate::transport::is_target;
use crate::transport::resolve::{NOT_ASCII, Names, not_numeric, resolve};

/// The longest name that SOCKS5 can hold, and more than any name has (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 255;

/// A host and a port that a proxy can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host,
    pub(super) port: u16,
    /// Whether a name is looked up by this machine, because the proxy does not do it.
    is_looked_up: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Ip(IpAddr),
}

impl Target {
    /// The target, if a proxy of this kind can reach it.
    pub(super) fn new(endpoint: &Endpoint, scheme: Scheme) -> Result<Self, Error> {
        is_target(endpoint)?;
        let wrong = |reason| Err(Error::invalid(endpoint, reason));
        let Endpoint::Tcp { host, port } = endpoint else {
            return wrong("a Unix socket cannot be reached through a proxy");
        };
        host::check(host)?;
        let is_socks4 = matches!(scheme, Scheme::Socks4 | Scheme::Socks4a);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let host = match host.parse() {
            Ok(IpAddr::V6(_)) if is_socks4 => return wrong("SOCKS4 reaches IPv4 addresses only; use SOCKS5"),
            Ok(ip) => Host::Ip(ip),
            Err(_) if host.contains('%') => return wrong("a proxy does not know the zones of this machine"),
            Err(_) if !host.is_ascii() => return wrong(NOT_ASCII),
            Err(_) if host.len() > LONGEST_NAME || !host.bytes().all(is_plain) => {
                return wrong("not a name that a proxy can be asked for");
            }
            Err(_) => Host::Name(host.clone()),
        };
        Ok(Self { host, port: *port, is_looked_up: scheme == Scheme::Socks4 })
    }

    /// The same with an address in place of the name, where this machine looks it up.
    pub(super) async fn looked_up(self, how: &Dial) -> Result<Self, Error> {
        let Host::Name(name) = &self.host else { return Ok(self) };
        if how.names.numeric {
            return Err(not_numeric(name));
        }
        if !self.is_looked_up {
            return Ok(self);
        }
        let resolving = resolve(name, self.port, Names { family: Family::V4, numeric: false });
        let found = how.deadline.bound(Step::Resolve, resolving, || format!("resolving {name}")).await??;
        let ip = found.first().map(SocketAddr::ip);
        Ok(Self { host: ip.map_or(self.host, Host::Ip), ..self })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
        }
    }
}
