//! An address: what a person writes ([`Endpoint`]) and what a socket has ([`Address`]).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// An address to connect to or to listen on, as a person writes it.
///
/// Parsed from `HOST:PORT`, `[V6]:PORT`, `unix:PATH` or, for Linux's abstract names, `unix:@NAME`.
/// A port may be a service name. Names are looked up when the address is used, ports at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A host name or IP address without brackets, and a port. The host `*` stands for all
    /// addresses of both families and is good for listening only.
    Tcp {
        /// A name, an IP address, or `*`.
        host: String,
        /// 0 lets the system choose a port to listen on.
        port: u16,
    },
    /// The path of a Unix stream socket; `@NAME` is in Linux's abstract namespace.
    Unix(PathBuf),
}

/// Which IP addresses of a name are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Both IPv4 and IPv6.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Endpoint {
    /// An address from a host and a port given apart, as in `astream connect HOST PORT`.
    ///
    /// The host may be an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`Error::Address`] if the host is empty or the port is neither a number from 0 to 65535 nor
    /// a service that the system knows.
    pub fn tcp(host: &str, port: &str) -> Result<Self, Error> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() {
            return Err(Error::address(host, "the host is empty"));
        }
        if bare.is_some() && !host.contains(':') {
            return Err(Error::address(host, "only an IPv6 address stands in brackets"));
        }
        let not_ip = host.contains(':') && host.split('%').next().unwrap_or(host).parse::<IpAddr>().is_err();
        if not_ip || host.contains(char::is_whitespace) || host.contains('\0') {
            return Err(Error::address(host, "not a host name or an IP address"));
        }
        Ok(Self::Tcp { host: host.to_owned(), port: port_number(port)? })
    }

    /// The host of a TCP address.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" | "@" => Err(Error::address(text, "the path is empty; write unix:PATH or unix:@NAME")),
                _ if path.contains('\0') => Err(Error::address(text, "a path holds no NUL byte")),
                _ => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| Error::address(text, "the port is missing; write HOST PORT or HOST:PORT"))?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(Error::address(
                text,
                "more than one ':'; write HOST:PORT, or [V6]:PORT for an IPv6 address",
            ));
        }
        Self::tcp(host, port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A port from a number or from a service name of the system (`/etc/services`).
fn port_number(text: &str) -> Result<u16, Error> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| Error::address(text, "a port is a number from 0 to 65535"));
    }
    let stream =
        dns_lookup::AddrInfoHints { socktype: dns_lookup::SockType::Stream.into(), ..Default::default() };
    let known = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    known
        .then(|| dns_lookup::getaddrinfo(None, Some(text), Some(stream)).ok())
        .flatten()
        .and_then(|mut found| found.next()?.ok())
        .map(|info| info.sockaddr.port())
        .ok_or_else(|| Error::address(text, "not a port: neither a number nor a known service"))
}

/// The address of one end of a connection, or of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket: its path (`@NAME` if abstract), or none if it has no name.
    Unix(Option<PathBuf>),
    /// One end of [`pair`](crate::pair).
    Memory,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:(unnamed)"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match text.parse::<Endpoint>() {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn every_form_of_an_address_is_read_and_printed_alike() {
        for text in
            ["localhost:80", "127.0.0.1:0", "[::1]:65535", "[fe80::1%lo]:1", "unix:/a b", "unix:@name", "*:1"]
        {
            assert_eq!(parsed(text), text);
        }
        assert_eq!(Endpoint::tcp("::1", "1").unwrap(), Endpoint::tcp("[::1]", "1").unwrap());
    }

    #[test]
    fn what_is_no_address_is_told_with_what_to_write() {
        for (text, told) in [
            ("localhost", "HOST:PORT"),
            ("localhost:99999", "0 to 65535"),
            ("localhost:http:1", "[V6]:PORT"),
            ("::1:80", "[V6]:PORT"),
            ("localhost:no-such-service", "known service"),
            ("localhost:-1", "known service"),
            ("localhost:", "known service"),
            (":80", "host is empty"),
            ("[localhost]:80", "brackets"),
            ("[::zz]:80", "not a host name"),
            ("a b:80", "not a host name"),
            ("unix:", "unix:PATH"),
        ] {
            let got = parsed(text);
            assert!(got.starts_with("error: ") && got.contains(told), "{text}: {got}");
        }
    }
}
