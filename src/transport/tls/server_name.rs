//! The name that a server is asked for and verified by.

use rustls::pki_types::ServerName;

use crate::error::{Error, TlsFault};
use crate::transport::resolve::NOT_ASCII;

/// Resolvers know names that are none for RFC 5890: with a hyphen at the end, say.
const NO_CERTIFICATE: &str =
    "a name that no certificate can hold; pin the server's key, or verify it by another name";

/// The name that was given, or the host's. Where none is verified, there need be none: a host's may be one that
/// no certificate can hold.
pub(super) fn choose(
    given: Option<&str>,
    host: Option<&str>,
    is_verified: bool,
) -> Result<Option<ServerName<'static>>, Error> {
    match (given, host) {
        (Some(name), _) => read(name).map(Some),
        (None, Some(host)) if is_verified => read(host).map(Some),
        (None, Some(host)) => Ok(read(host).ok()),
        (None, None) if is_verified => Err(unknown()),
        (None, None) => read("localhost").map(Some),
    }
}

/// The path of a Unix socket is no name that a certificate could hold.
fn unknown() -> Error {
    let (doing, reason) = ("TLS".to_owned(), "the server's name is not known".to_owned());
    Error::Tls { doing, reason, fault: TlsFault::Name, peer_certificates: Vec::new() }
}

pub(super) fn read(host: &str) -> Result<ServerName<'static>, Error> {
    let host = host.strip_suffix('.').unwrap_or(host);
    // An address may carry a zone, which is no part of its name.
    let host = host.split('%').next().unwrap_or(host);
    ServerName::try_from(host.to_owned()).map_err(|_| Error::invalid(host, flaw(host)))
}

/// What a host is that cannot be verified by its name.
pub(super) fn flaw(host: &str) -> &'static str {
    if host.is_ascii() { NO_CERTIFICATE } else { NOT_ASCII }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(given: Option<&str>, host: &str, is_verified: bool) -> Result<Option<String>, String> {
        let name = choose(given, Some(host), is_verified).map_err(|error| error.to_string());
        name.map(|name| name.map(|name| name.to_str().into_owned()))
    }

    #[test]
    fn a_host_that_no_certificate_can_name_is_reached_where_its_name_is_not_verified() {
        let real = Ok(Some("real.test".to_owned()));
        for (host, words) in [("trail-.test", "no certificate can hold"), ("münchen.example", "xn--")] {
            assert!(chosen(None, host, true).unwrap_err().contains(words));
            assert_eq!(chosen(None, host, false), Ok(None));
            assert_eq!(chosen(Some("real.test"), host, true), real);
            assert_eq!(chosen(Some("real.test"), host, false), real);
            assert!(chosen(Some(host), "real.test", false).unwrap_err().contains(words));
        }
        assert_eq!(chosen(None, "real.test.", false), real);
    }
}
