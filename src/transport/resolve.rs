//! Resolves names, on a thread of its own: `getaddrinfo` cannot be cancelled, so a cancelled call leaves its
//! thread behind.

use std::net::{IpAddr, SocketAddr};

use tokio::sync::oneshot;

use crate::endpoint::{Family, host};
use crate::error::{Error, ResolveFault, reason};

/// What to do about a name with letters outside ASCII (RFC 5891).
pub(super) const NOT_ASCII: &str = "not an ASCII name; write it in the form that begins with xn-- (IDNA)";

/// Which addresses of a host are used, and whether it may be a name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names {
    pub(crate) family: Family,
    /// Whether only IP addresses are allowed.
    pub(crate) numeric: bool,
}

/// The methods by which options set their [`Names`], which are in this field.
macro_rules! name_setters {
    ($($field:ident).+) => {
        /// Uses addresses of one family only.
        pub fn family(mut self, family: crate::endpoint::Family) -> Self {
            self.$($field).+.family = family;
            self
        }

        /// Looks no names up.
        pub fn numeric(mut self, yes: bool) -> Self {
            self.$($field).+.numeric = yes;
            self
        }
    };
}

pub(crate) use name_setters;

/// The addresses of `host`, in the resolver's order. An IP address needs no look-up and no thread.
pub(super) async fn resolve(host: &str, port: u16, names: Names) -> Result<Vec<SocketAddr>, Error> {
    let Names { family, numeric } = names;
    let other = |reason: &str| failed(host, ResolveFault::Other, reason);
    if let Ok(ip) = host.parse::<IpAddr>() {
        let wanted = match family {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        };
        return if wanted {
            Ok(vec![SocketAddr::new(ip, port)])
        } else {
            Err(failed(host, ResolveFault::Family, "it is an address of the other family"))
        };
    }
    // An endpoint that was not parsed has not been checked.
    host::check(host)?;
    if numeric && !host.contains('%') {
        return Err(not_numeric(host));
    }
    let (sender, receiver) = oneshot::channel();
    let name = host.to_owned();
    std::thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || sender.send(look_up(&name, port, family)))
        .map_err(|error| other(&reason(&error)))?;
    let addresses = receiver.await.map_err(|_| other("the resolver's thread failed"))?;
    tracing::debug!(
        "{host} resolves to {}",
        addresses.as_ref().map_or_else(ToString::to_string, |a| list(a))
    );
    addresses.map_err(|reason| other(&explained(host, reason)))
}

/// A name where only addresses are allowed.
pub(super) fn not_numeric(host: &str) -> Error {
    failed(host, ResolveFault::NotNumeric, "not an IP address, and names are not looked up")
}

fn failed(host: &str, fault: ResolveFault, reason: &str) -> Error {
    Error::Resolve { host: host.to_owned(), reason: reason.to_owned(), fault }
}

/// A resolver may know a name outside ASCII, as for `.local`. The advice is given only if it does not.
fn explained(host: &str, reason: String) -> String {
    if host.is_ascii() { reason } else { format!("{reason}; it is {NOT_ASCII}") }
}

fn look_up(host: &str, port: u16, family: Family) -> Result<Vec<SocketAddr>, String> {
    use dns_lookup::{AddrFamily, AddrInfoHints, SockType, getaddrinfo};
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        address: match family {
            Family::Any => 0,
            Family::V4 => AddrFamily::Inet.into(),
            Family::V6 => AddrFamily::Inet6.into(),
        },
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(host), None, Some(hints)).map_err(|error| {
        let text = std::io::Error::from(error).to_string();
        text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_lowercase()
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for info in found.flatten() {
        let mut address = info.sockaddr;
        address.set_port(port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// A list of addresses for messages.
pub(super) fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_outside_ascii_that_is_unknown_is_reported_with_the_form_to_write() {
        assert_eq!(explained("example.org", "unknown".to_owned()), "unknown");
        let reason = explained("münchen.example", "unknown".to_owned());
        assert!(reason.starts_with("unknown; ") && reason.contains("xn--"), "{reason}");
    }
}
