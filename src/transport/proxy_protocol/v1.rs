//! Version 1: a line of text, `PROXY TCP4 192.0.2.1 198.51.100.1 40000 443`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::memchr_iter;

use super::{Ends, Header, quoted};
use crate::endpoint::Address;

pub(super) const START: &[u8] = b"PROXY ";

const END: &[u8] = b"\r\n";

/// The least that a line has: `PROXY UNKNOWN`.
const SHORTEST: usize = 15;

/// The most that a line may have, its end included.
const LONGEST: usize = 107;

/// The spaces in a line with addresses.
const SPACES: usize = 5;

pub(super) fn read(received: &[u8]) -> Header {
    let line = &received[..received.len().min(LONGEST)];
    if let Some(length) = line.windows(END.len()).position(|pair| pair == END) {
        let rest = line[..length].strip_prefix(START).unwrap_or_default();
        // What comes after that word counts for nothing.
        let is_unknown = rest.split(|byte| *byte == b' ').next() == Some(b"UNKNOWN");
        return match addresses(rest) {
            _ if is_unknown => Header::Done(length + END.len(), None),
            None => Header::No(format!("its line is {}", quoted(&line[..length]))),
            client => Header::Done(length + END.len(), client),
        };
    }
    match LONGEST - line.len() {
        0 => Header::No(format!("its line does not end within {LONGEST} bytes: {}", quoted(line))),
        room => Header::More(missing(line).min(room)),
    }
}

/// How many bytes a line without its end lacks at least: each space that is still to come has a field after it.
fn missing(line: &[u8]) -> usize {
    let end = if line.ends_with(b"\r") { 1 } else { END.len() };
    let has_addresses = line.strip_prefix(START).is_some_and(|rest| rest.starts_with(b"TCP"));
    let spaces = memchr_iter(b' ', line).count();
    let fields = if has_addresses { 2 * SPACES.saturating_sub(spaces) } else { 0 };
    (end + fields).max(SHORTEST.saturating_sub(line.len()))
}

/// The addresses in what comes after the first word; None if it is wrong.
fn addresses(rest: &[u8]) -> Option<Ends> {
    let fields: Vec<&str> = std::str::from_utf8(rest).ok()?.split(' ').collect();
    let [family, source, destination, source_port, destination_port] = fields[..] else { return None };
    let address = |ip: &str, text: &str| {
        let ip = match family {
            "TCP4" => IpAddr::V4(ip.parse::<Ipv4Addr>().ok()?),
            "TCP6" => IpAddr::V6(ip.parse::<Ipv6Addr>().ok()?),
            _ => return None,
        };
        Some(Address::Tcp(SocketAddr::new(ip, port(text)?)))
    };
    Some(Ends { peer: address(source, source_port)?, local: address(destination, destination_port)? })
}

/// Digits only, and no zero before others.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

pub(super) fn write(ends: Option<(SocketAddr, SocketAddr)>) -> String {
    let Some((source, destination)) = ends else { return "PROXY UNKNOWN\r\n".to_owned() };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port())
}
