//! A proxy as a person writes it.

use std::str::FromStr;

use super::{Login, Proxy, Scheme};
use crate::endpoint::Endpoint;
use crate::error::{Error, ProxyFault};
use crate::transport::is_target;
use crate::transport::tls::TlsClient;

const FORM: &str =
    "a proxy is written SCHEME://HOST:PORT, SCHEME being socks5, socks4a, socks4, http or https";
const HAS_SECRET: &str =
    "a user and a secret in a URL can be read by all users of this machine; they are given apart from it";

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> &'static str {
        match self {
            Self::Socks5 | Self::Socks4 | Self::Socks4a => "1080",
            Self::Http => "80",
            Self::Https => "443",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match &name.to_ascii_lowercase()[..] {
            // curl's name for it.
            "socks5" | "socks5h" => Self::Socks5,
            "socks4" => Self::Socks4,
            "socks4a" => Self::Socks4a,
            "http" => Self::Http,
            "https" => Self::Https,
            _ => return None,
        })
    }
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.rsplit_once('@') {
            Some((secret, address)) => {
                let scheme =
                    secret.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
                let (proxy, reason) = (format!("{scheme}…@{address}"), HAS_SECRET.to_owned());
                Err(Error::Proxy { proxy, reason, fault: ProxyFault::SecretInUrl })
            }
            None => parse(text, text),
        }
    }
}

/// Reads `url`, which is `text` or a part of it.
fn parse(url: &str, text: &str) -> Result<Proxy, Error> {
    let wrong = || Error::invalid(text, FORM);
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let scheme = Scheme::named(scheme).ok_or_else(wrong)?;
    let address = rest.strip_suffix('/').unwrap_or(rest);
    if address.is_empty() || address.contains(['/', '?', '#']) {
        return Err(wrong());
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, scheme.port()),
    };
    if host.contains(':') && !host.starts_with('[') {
        return Err(Error::invalid(text, "an IPv6 address stands in brackets: SCHEME://[V6]:PORT"));
    }
    let endpoint = Endpoint::tcp(host, port)?;
    is_target(&endpoint)?;
    Ok(Proxy { scheme, endpoint, login: None, tls: TlsClient::new() })
}

impl Proxy {
    /// As environment variables have it: they may hold a user and a secret, which command lines do not show, and
    /// without a scheme it is `http`.
    pub(super) fn of_variable(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (login, address) =
            rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let url = format!("{scheme}://{address}");
        let proxy = parse(&url, &url)?;
        let Some(login) = login else { return Ok(proxy) };
        let (user, secret) = login.split_once(':').unwrap_or((login, ""));
        match (decoded(user), decoded(secret)) {
            (Some(user), Some(secret)) => Ok(Self { login: Some(Login::new(user, secret)), ..proxy }),
            _ => Err(Error::invalid(
                url,
                "its user or its secret is not UTF-8 with %XX for special characters",
            )),
        }
    }
}

/// A text with `%XX` for some of its bytes (RFC 3986, 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        let is_code = code.bytes().all(|byte| byte.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(code, 16).ok().filter(|_| is_code)?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_and_printed_alike_with_its_port() {
        for (text, printed) in [
            ("socks5://p.test", "socks5://p.test:1080"),
            ("socks5h://p.test:9050", "socks5://p.test:9050"),
            ("SOCKS4://127.0.0.1/", "socks4://127.0.0.1:1080"),
            ("socks4a://[::1]", "socks4a://[::1]:1080"),
            ("http://[::1]:3128/", "http://[::1]:3128"),
            ("http://p.test", "http://p.test:80"),
            ("https://p.test", "https://p.test:443"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), printed);
            assert_eq!(printed.parse::<Proxy>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_proxy_is_an_error_that_says_what_to_write() {
        for (text, words) in [
            ("p.test:3128", "SCHEME://HOST:PORT"),
            ("gopher://p.test", "SCHEME://HOST:PORT"),
            ("http://", "SCHEME://HOST:PORT"),
            ("http:///", "SCHEME://HOST:PORT"),
            ("http://p.test/a", "SCHEME://HOST:PORT"),
            ("http://p.test?a", "SCHEME://HOST:PORT"),
            ("socks5://::1:1080", "stands in brackets"),
            ("socks5://p.test:0", "to listen on"),
            ("socks5://*:1", "to listen on"),
            ("socks5://p.test:99999", "0 to 65535"),
            ("socks5://127.1:1", "write 127.0.0.1"),
        ] {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_secret_is_refused_and_never_shown() {
        for text in
            ["http://me:hunter2@p.test:1", "me:hunter2@p.test", "socks5://me:hu/hunter2@x@p.test", "hunter2@"]
        {
            let error = text.parse::<Proxy>().unwrap_err();
            assert!(matches!(error, Error::Proxy { fault: ProxyFault::SecretInUrl, .. }));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("me:") && !shown.contains("hunter2"), "{shown}");
        }
        let proxy: Proxy = "http://p.test:1".parse().unwrap();
        let shown = format!("{:?}", proxy.login("me", "hunter2"));
        assert!(
            shown.contains("(redacted)") && !shown.contains("hunter2") && !shown.contains("me\""),
            "{shown}"
        );
    }
}
