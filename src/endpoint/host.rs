//! Checks a host: a name, or an IP address in its plain form.

use std::net::{IpAddr, Ipv4Addr};

use crate::error::Error;

/// Refuses what is neither a host name nor an IP address.
///
/// Numbers in other bases or with parts missing are refused too, with the plain form. The system's resolver
/// accepts them as addresses (`inet_aton(3)`): it reads `0127.0.0.1` as 87.0.0.1, `127.1` and `2130706433` as
/// 127.0.0.1. Many other programs do not, so another machine may be meant.
pub(crate) fn check(host: &str) -> Result<(), Error> {
    let is_ip = |text: &str| text.parse::<IpAddr>().is_ok();
    if host.is_empty() {
        return Err(Error::invalid(host, "the host is empty"));
    }
    if is_ip(host) {
        return Ok(());
    }
    if host.contains('@') {
        return Err(Error::invalid(host, "a user is no part of an address; write the host alone"));
    }
    if host.contains('/') {
        return Err(Error::invalid(host, "a path is no part of an address; write HOST:PORT, or unix:PATH"));
    }
    let is_bad_v6 = host.contains(':') && !is_ip(host.split('%').next().unwrap_or(host));
    if is_bad_v6 || host.contains(is_in_no_name) {
        return Err(Error::invalid(host, "not a host name or an IP address"));
    }
    let parts: Vec<_> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
    if !parts.iter().all(|part| is_numeric(part)) {
        return Ok(());
    }
    let reason = match inet_aton(&parts) {
        Some(plain) => format!("not an IPv4 address in its plain form; write {plain} if that is meant"),
        None => "not an IPv4 address: that is four numbers from 0 to 255".to_owned(),
    };
    Err(Error::invalid(host, reason))
}

fn is_in_no_name(c: char) -> bool {
    c.is_whitespace() || c.is_control() || (c.is_ascii_punctuation() && !"-_.:%*".contains(c))
}

fn is_numeric(part: &str) -> bool {
    match hexadecimal(part) {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn hexadecimal(part: &str) -> Option<&str> {
    part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"))
}

/// The address that the system reads from numbers with dots between them: the last one fills all bytes that
/// are left.
fn inet_aton(parts: &[&str]) -> Option<Ipv4Addr> {
    let (last, first) = parts.split_last()?;
    let bytes = first.iter().map(|part| number(part)?.try_into().ok()).collect::<Option<Vec<u8>>>()?;
    let left = 4_usize.checked_sub(bytes.len()).filter(|left| *left > 0)?;
    let last = number(last)?.to_be_bytes();
    let (zeros, filled) = last.split_at(4 - left);
    let address: [u8; 4] = [&bytes[..], filled].concat().try_into().ok()?;
    zeros.iter().all(|byte| *byte == 0).then(|| address.into())
}

/// A number in C's notation: hexadecimal after `0x`, octal after `0`.
fn number(part: &str) -> Option<u32> {
    match (hexadecimal(part), part.strip_prefix('0')) {
        (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) if !digits.is_empty() => u32::from_str_radix(digits, 8).ok(),
        _ => part.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_the_system_reads_in_its_own_way_are_refused_with_their_plain_form() {
        for (host, plain) in [
            ("0127.0.0.1", "87.0.0.1"),
            ("127.0.0.01", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.1.", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0X7F000001", "127.0.0.1"),
            ("1.2.3", "1.2.0.3"),
            ("1.65535", "1.0.255.255"),
            ("0", "0.0.0.0"),
        ] {
            let error = check(host).unwrap_err().to_string();
            assert!(error.contains(&format!("'{host}': ")), "{error}");
            assert!(error.contains(&format!("write {plain} if")), "{host}: {error}");
        }
    }

    #[test]
    fn numbers_that_are_no_address_at_all_are_not_looked_up() {
        for host in ["256.0.0.1", "1.2.3.4.5", "09.1", "0x", "4294967296", "1.2.65536", "1.2.3.256"] {
            let error = check(host).unwrap_err().to_string();
            assert!(error.contains("four numbers from 0 to 255"), "{host}: {error}");
        }
    }

    #[test]
    fn plain_addresses_and_names_are_hosts() {
        for host in [
            "127.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "::1",
            "::ffff:127.0.0.1",
            "fe80::1%lo",
            "localhost",
            "localhost.",
            "db.1",
            "1.example",
            "0x7f.example",
            "face",
            "127-0-0-1",
            "*",
        ] {
            check(host).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn what_is_no_host_is_named() {
        for host in [
            "",
            "a b",
            "a\tb",
            "a\0b",
            "a\u{1b}[31m",
            "::zz",
            "1:2",
            "::ffff:0127.0.0.1",
            "me@a.test",
            "a/b",
            "a=b",
        ] {
            check(host).unwrap_err();
        }
    }
}
