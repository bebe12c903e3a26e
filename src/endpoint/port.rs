//! Reads a port.

use dns_lookup::{AddrInfoHints, SockType, getaddrinfo};

use crate::error::Error;

/// A port from a number or from a service name of the system (`/etc/services`).
pub(super) fn number(text: &str) -> Result<u16, Error> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| Error::invalid(text, "a port is a number from 0 to 65535"));
    }
    let known = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    known
        .then(|| service(text, SockType::Stream).or_else(|| service(text, SockType::DGram)))
        .flatten()
        .ok_or_else(|| Error::invalid(text, "not a port: neither a number nor a known service"))
}

/// Some services are known for datagrams only.
fn service(name: &str, kind: SockType) -> Option<u16> {
    let hints = AddrInfoHints { socktype: kind.into(), ..Default::default() };
    let mut found = getaddrinfo(None, Some(name), Some(hints)).ok()?;
    Some(found.next()?.ok()?.sockaddr.port())
}
