//! Addresses: as a person writes them ([`Endpoint`]) and as a socket has them ([`Address`]).

mod address;
pub(crate) mod host;
mod networks;
mod port;
mod source;

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, Printable};
pub use address::Address;
pub use networks::Networks;
pub use source::Source;

/// An address to connect to or to listen on, as a person writes it.
///
/// Parsed from `HOST:PORT`, `[V6]:PORT`, `unix:PATH` or, for Linux's abstract names, `unix:@NAME`; also
/// from an [`OsStr`], for a path that is not UTF-8. `:PORT` is `*:PORT`. A port may be a service name.
/// Names are looked up when the address is used, ports at once. It can also be made from a
/// [`SocketAddr`], from `(host, port)`, and from an [`Address`].
///
/// ```
/// use astream::Endpoint;
///
/// assert_eq!("[::1]:http".parse::<Endpoint>()?, Endpoint::tcp("::1", "80")?);
/// assert_eq!(":8080".parse::<Endpoint>()?.host(), Some("*"));
/// assert_eq!(Endpoint::try_from(("localhost", 80))?.to_string(), "localhost:80");
/// assert!("localhost".parse::<Endpoint>().is_err(), "the port is missing");
/// # Ok::<(), astream::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// [`Error::Invalid`] if the host cannot be one, if it is a number that is not an IP address in its
    /// plain form, or if the port is neither a number from 0 to 65535 nor a service that the system
    /// knows.
    pub fn tcp(host: &str, port: &str) -> Result<Self, Error> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.starts_with("unix:") {
            return Err(Error::invalid(host, "a Unix socket has no port"));
        }
        if bare.is_some_and(|host| !host.is_empty() && !host.contains(':')) {
            return Err(Error::invalid(host, "only an IPv6 address stands in brackets"));
        }
        host::check(host)?;
        Ok(Self::Tcp { host: host.to_owned(), port: port::number(port)? })
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
        Self::try_from(OsStr::new(text))
    }
}

/// Parsed as from text, but the path of a Unix socket may be any bytes.
impl TryFrom<&OsStr> for Endpoint {
    type Error = Error;

    fn try_from(text: &OsStr) -> Result<Self, Error> {
        let lossy = text.to_string_lossy();
        if let Some(path) = text.as_bytes().strip_prefix(b"unix:") {
            return match path {
                b"" | b"@" => Err(Error::invalid(&lossy, "the path is empty; write unix:PATH or unix:@NAME")),
                _ if path.contains(&0) => Err(Error::invalid(&lossy, "a path cannot contain a NUL byte")),
                _ => Ok(Self::Unix(PathBuf::from(OsStr::from_bytes(path)))),
            };
        }
        let wrong = |reason| Err(Error::invalid(&lossy, reason));
        let Some(text) = text.to_str() else { return wrong("not a host name or an IP address") };
        if text.contains("://") {
            return wrong("a URL is not an address; write HOST:PORT");
        }
        if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) {
            return wrong("a path is written unix:PATH");
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            port::number(text)?;
            return wrong("it is a port alone; write HOST PORT or HOST:PORT");
        }
        let Some((host, port)) =
            text.rsplit_once(':').filter(|(_, port)| !port.is_empty() && !port.ends_with(']'))
        else {
            return wrong("the port is missing; write HOST PORT or HOST:PORT");
        };
        if host.contains(':') && !host.starts_with('[') {
            return wrong("more than one ':'; write HOST:PORT, or [V6]:PORT for an IPv6 address");
        }
        Self::tcp(if host.is_empty() { "*" } else { host }, port)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self::Tcp { host, port: address.port() }
    }
}

impl From<(IpAddr, u16)> for Endpoint {
    fn from(address: (IpAddr, u16)) -> Self {
        Self::from(SocketAddr::from(address))
    }
}

/// A host and a port, as asyncio takes them.
impl TryFrom<(&str, u16)> for Endpoint {
    type Error = Error;

    fn try_from((host, port): (&str, u16)) -> Result<Self, Error> {
        Self::tcp(host, &port.to_string())
    }
}

/// The address of a socket, to connect to it. One without a name is an error.
impl TryFrom<&Address> for Endpoint {
    type Error = Error;

    fn try_from(address: &Address) -> Result<Self, Error> {
        match address {
            Address::Tcp(address) => Ok((*address).into()),
            Address::Unix(Some(path)) => Ok(Self::Unix(path.clone())),
            Address::Unix(None) | Address::Memory | Address::Unknown => {
                Err(Error::invalid(address, "it has no name to connect to"))
            }
        }
    }
}

impl TryFrom<Address> for Endpoint {
    type Error = Error;

    fn try_from(address: Address) -> Result<Self, Error> {
        Self::try_from(&address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => unix(path, f),
        }
    }
}

/// The path of a Unix socket, on one line.
fn unix(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "unix:{}", Printable(path))
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
        assert_eq!(parsed(":8080"), "*:8080");
        assert_eq!(Endpoint::tcp("::1", "1").unwrap(), Endpoint::tcp("[::1]", "1").unwrap());
    }

    #[test]
    fn an_invalid_address_is_reported_with_what_to_write() {
        for (text, expected) in [
            ("localhost", "HOST:PORT"),
            ("localhost:99999", "0 to 65535"),
            ("localhost:http:1", "[V6]:PORT"),
            ("::1:80", "[V6]:PORT"),
            ("localhost:no-such-service", "known service"),
            ("localhost:-1", "known service"),
            ("localhost:", "'localhost:': the port is missing"),
            ("[]:80", "host is empty"),
            ("[localhost]:80", "brackets"),
            ("[::zz]:80", "not a host name"),
            ("a b:80", "not a host name"),
            ("127.1:80", "write 127.0.0.1 if"),
            ("https://localhost/path", "'https://localhost/path': a URL is not"),
            ("/tmp/x.sock", "unix:PATH"),
            ("unix:", "unix:PATH"),
            ("unix:a\0b", "NUL"),
        ] {
            let got = parsed(text);
            assert!(got.starts_with("error: ") && got.contains(expected), "{text}: {got}");
        }
        for (host, expected) in
            [("", "host is empty"), ("unix:/a", "no port"), ("0x7f.1", "write 127.0.0.1 if")]
        {
            let error = Endpoint::tcp(host, "80").unwrap_err().to_string();
            assert!(error.contains(expected), "{host}: {error}");
        }
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_kept_and_printed_on_one_line() {
        let endpoint = Endpoint::try_from(OsStr::from_bytes(b"unix:/tmp/\xff\nx")).unwrap();
        assert_eq!(endpoint, Endpoint::Unix(PathBuf::from(OsStr::from_bytes(b"/tmp/\xff\nx"))));
        assert_eq!(endpoint.to_string(), "unix:/tmp/\\xff\\nx");
        let error = Endpoint::try_from(OsStr::from_bytes(b"\xff:80")).unwrap_err().to_string();
        assert!(error.contains("not a host name"), "{error}");
    }

    #[test]
    fn the_address_of_a_socket_is_an_endpoint_or_its_text_is_none() {
        let tcp =
            ["127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80"].map(|text| Address::Tcp(text.parse().unwrap()));
        let unix = [Some("/a b"), Some("@name"), None].map(|path| Address::Unix(path.map(PathBuf::from)));
        for address in tcp.into_iter().chain(unix).chain([Address::Memory]) {
            let text = address.to_string();
            match Endpoint::try_from(&address) {
                Ok(endpoint) => assert_eq!(text.parse::<Endpoint>().unwrap(), endpoint),
                Err(error) => {
                    assert!(error.to_string().contains(&format!("'{text}': it has no name")), "{error}");
                    text.parse::<Endpoint>().unwrap_err();
                }
            }
        }
    }

    #[test]
    fn an_endpoint_is_made_from_a_host_and_a_port() {
        assert_eq!(Endpoint::try_from(("localhost", 80)).unwrap().to_string(), "localhost:80");
        assert_eq!(Endpoint::try_from(("::1", 80)).unwrap().to_string(), "[::1]:80");
        assert_eq!(Endpoint::from((IpAddr::from([127, 0, 0, 1]), 80)).to_string(), "127.0.0.1:80");
        Endpoint::try_from(("127.1", 80)).unwrap_err();
    }
}
