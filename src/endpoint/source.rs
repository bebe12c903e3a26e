//! Where a connection comes from: this end's address, port or interface.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::port;
use crate::error::Error;

/// This end of connections that are made: an address, a port, a network interface, or several of these. What is
/// left open the system chooses. asyncio's `local_addr`.
///
/// Parsed from `ADDRESS`, `ADDRESS:PORT`, `[V6]:PORT`, `:PORT`, `%INTERFACE` and `ADDRESS%INTERFACE`; also made
/// from an [`IpAddr`] or a [`SocketAddr`]. Names are not looked up.
///
/// ```
/// use astream::Source;
///
/// for text in ["127.0.0.1", "127.0.0.1:1024", "[::1]:1024", ":1024", "%eth0", "fe80::1%eth0"] {
///     assert_eq!(text.parse::<Source>()?.to_string(), text);
/// }
/// # Ok::<(), astream::Error>(())
/// ```
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Source {
    pub(crate) ip: Option<IpAddr>,
    /// The number of the interface that a link-local address belongs to, or 0.
    pub(crate) scope: u32,
    /// 0 if the system chooses it.
    pub(crate) port: u16,
    pub(crate) interface: Option<String>,
}

impl Source {
    /// The packets go through this interface whatever the routes say (`SO_BINDTODEVICE`). Linux only:
    /// elsewhere connecting fails with [`Error::Source`].
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// The port; 0 lets the system choose.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }
}

impl Source {
    /// The interface, if that is all.
    pub fn only_interface(&self) -> Option<&str> {
        let name = self.interface.as_deref()?;
        (self.ip.is_none() && self.port == 0).then_some(name)
    }
}

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        Self { ip: Some(ip), ..Self::default() }
    }
}

impl From<SocketAddr> for Source {
    fn from(address: SocketAddr) -> Self {
        let scope = if let SocketAddr::V6(v6) = address { v6.scope_id() } else { 0 };
        Self { scope, ..Self::from(address.ip()).port(address.port()) }
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::invalid(
                text,
                "a source is ADDRESS, ADDRESS:PORT, :PORT or %INTERFACE; no name is looked up",
            )
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']').ok_or_else(wrong)? {
                (host, "") => (host, None),
                (host, port) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            },
            None if text.matches(':').count() == 1 => {
                text.split_once(':').map(|(host, port)| (host, Some(port))).ok_or_else(wrong)?
            }
            None => (text, None),
        };
        let (ip, zone) = host.split_once('%').map_or((host, None), |(ip, zone)| (ip, Some(zone)));
        if (ip.is_empty() && zone.is_none() && port.is_none()) || zone == Some("") {
            return Err(wrong());
        }
        let ip = if ip.is_empty() { None } else { Some(ip.parse().map_err(|_| wrong())?) };
        let source = Self { ip, port: port.map_or(Ok(0), port::number)?, ..Self::default() };
        Ok(match zone.map(|zone| (zone, zone.parse())) {
            None => source,
            Some((_, Ok(scope))) if source.ip.is_some_and(|ip| ip.is_ipv6()) => Self { scope, ..source },
            Some((name, _)) => source.interface(name),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = match (&self.interface, self.scope) {
            (Some(name), _) => format!("%{}", name.escape_debug()),
            (None, 0) => String::new(),
            (None, scope) => format!("%{scope}"),
        };
        let ip = self.ip.map_or_else(String::new, |ip| ip.to_string());
        match (self.ip, self.port) {
            (_, 0) => write!(f, "{ip}{zone}"),
            (Some(IpAddr::V6(_)), port) => write!(f, "[{ip}{zone}]:{port}"),
            (_, port) => write!(f, "{ip}{zone}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_a_port_an_interface_or_several_of_these() {
        for text in
            ["10.0.0.1", "10.0.0.1:5", "::1", "[::1]:5", ":5", "%lo", "%lo:5", "10.0.0.1%lo:5", "fe80::1%3"]
        {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        assert_eq!(
            "[fe80::1%3]:5".parse::<Source>().unwrap(),
            "[fe80::1%3]:5".parse::<SocketAddr>().unwrap().into()
        );
        assert_eq!("[::1]".parse::<Source>().unwrap(), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]).into());
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in
            ["", "localhost", "localhost:5", "10.0.0.1:", "10.0.0.1:70000", "%", "::1:x", "[::1", "[::1]5"]
        {
            let error = text.parse::<Source>().unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{text}: {error}");
        }
    }
}
