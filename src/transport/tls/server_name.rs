//! The name that is sent to a server (SNI) and verified.

use rustls::pki_types::ServerName;

use crate::error::{Error, TlsFault};
use crate::transport::resolve::NOT_ASCII;

/// Resolvers accept names that are invalid by RFC 5890, for example with a hyphen at the end.
const NO_CERTIFICATE: &str =
    "a name that no certificate can hold; pin the server's key, or verify it by another name";
const WITH_PORT: &str = "the name of a server is written without a port";

/// The given name, or else the host's. None only if the name is not verified and no certificate can hold the
/// host's.
pub(super) fn choose(
    given: Option<&str>,
    host: Option<&str>,
    is_verified: bool,
) -> Result<Option<ServerName<'static>>, Error> {
    match (given, host) {
        (Some(name), _) => read(name).map(Some),
        (None, Some(host)) if is_verified => read(host).map(Some),
        (None, Some(host)) => Ok(read(host).ok()),
        // A Unix socket has no name that a certificate could hold.
        (None, None) if is_verified => {
            Err(Error::tls("TLS", "the server's name is not known").with_fault(TlsFault::Name))
        }
        (None, None) => read("localhost").map(Some),
    }
}

pub(super) fn read(host: &str) -> Result<ServerName<'static>, Error> {
    let host = host.strip_suffix('.').unwrap_or(host);
    // The zone of an address is not part of the name.
    let host = host.split('%').next().unwrap_or(host);
    let is_port = |(_, port): (&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let flaw = || if host.rsplit_once(':').is_some_and(is_port) { WITH_PORT } else { flaw(host) };
    ServerName::try_from(host.to_owned()).map_err(|_| Error::invalid(host, flaw()))
}

/// Why a host cannot be verified by its name.
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
        for (host, words) in [
            ("trail-.test", "no certificate can hold"),
            ("a.test:443", "without a port"),
            ("münchen.example", "xn--"),
        ] {
            assert!(chosen(None, host, true).unwrap_err().contains(words));
            assert_eq!(chosen(None, host, false), Ok(None));
            assert_eq!(chosen(Some("real.test"), host, true), real);
            assert_eq!(chosen(Some("real.test"), host, false), real);
            assert!(chosen(Some(host), "real.test", false).unwrap_err().contains(words));
        }
        assert_eq!(chosen(None, "real.test.", false), real);
    }
}
