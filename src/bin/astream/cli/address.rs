//! The address: one argument, `HOST:PORT`, or two, `HOST PORT`.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;

use astream::{Endpoint, Error, Family};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};

#[derive(Debug, Default, Args)]
pub struct Address {
    /// A host with PORT; or HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname)]
    host: OsString,
    /// 0 to 65535, or a service name
    #[arg(value_name = "PORT", hide_short_help = true, value_hint = ValueHint::Other)]
    port: Option<String>,
    /// IPv4 only
    #[arg(short = '4', long = "ipv4", hide_short_help = true, conflicts_with = "v6")]
    v4: bool,
    /// IPv6 only
    #[arg(short = '6', long = "ipv6", hide_short_help = true)]
    v6: bool,
}

/// Where a listener gets its connections from.
pub enum Place {
    /// An address to bind.
    Endpoint(Endpoint),
    /// A socket that listens already, and was handed over: its number or its name.
    Given(String),
    /// stdin is a connection.
    Stdin,
}

impl Place {
    /// The address to bind, if that is what it is.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        if let Self::Endpoint(endpoint) = self { Some(endpoint) } else { None }
    }

    /// How it is written.
    pub fn name(&self) -> String {
        match self {
            Self::Endpoint(endpoint) => endpoint.to_string(),
            Self::Given(name) => format!("fd:{name}"),
            Self::Stdin => "-".to_owned(),
        }
    }
}

impl Address {
    pub fn new(host: &str, port: Option<&str>) -> Self {
        Self { host: host.into(), port: port.map(str::to_owned), ..Self::default() }
    }

    /// Whether stdin is the connection.
    pub fn is_stdin(&self) -> bool {
        self.host == "-" && self.port.is_none()
    }

    /// Where a listener gets its connections from.
    pub fn place(&self) -> Result<Place, Error> {
        let host = self.host.to_string_lossy();
        if let Some((path, mode)) = host.split_once(",mode=").filter(|_| is_unix(&self.host)) {
            let reason = format_args!("permissions are an option of their own: {path} --mode {mode}");
            return Err(Error::invalid(&host, reason));
        }
        match (host.strip_prefix("fd:"), &self.port) {
            _ if self.is_stdin() => Ok(Place::Stdin),
            (Some(name), None) => Ok(Place::Given(name.to_owned())),
            _ => self.endpoint().map(Place::Endpoint),
        }
    }

    /// Refuses `HOST:PORT PORT`, and words that are empty.
    fn check(&self) -> Result<(), Error> {
        let host = self.host.to_string_lossy();
        let is_whole = |(name, port): (&str, &str)| {
            let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            is_number && (!name.contains(':') || name.ends_with(']')) && name != "unix"
        };
        match &self.port {
            None if host.is_empty() => {
                Err(Error::invalid(&host, "the address is empty (a variable that is not set?)"))
            }
            Some(port) if port.is_empty() => {
                Err(Error::invalid(&host, "the port after it is empty (a variable that is not set?)"))
            }
            Some(port) if port.contains(':') && host.contains(':') => Err(Error::invalid(
                port,
                "it is a second address; there is one, and -z takes several ports of it: HOST 80,443",
            )),
            Some(port) if host.rsplit_once(':').is_some_and(is_whole) => {
                Err(Error::invalid(&host, format_args!("the port is given twice: here and as {port}")))
            }
            _ => Ok(()),
        }
    }

    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        self.check()?;
        match &self.port {
            Some(port) => Endpoint::tcp(&self.host.to_string_lossy(), port),
            None => Endpoint::try_from(self.host.as_os_str()),
        }
    }

    /// The same with several ports: `20-25,443`.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>, Error> {
        self.check()?;
        let host = self.host.to_string_lossy();
        match (&self.port, host.rsplit_once(':')) {
            (Some(list), _) => ports(list)?.iter().map(|port| Endpoint::tcp(&host, port)).collect(),
            (None, Some((host, list))) if !is_unix(&self.host) => {
                ports(list)?.iter().map(|port| format!("{host}:{port}").parse()).collect()
            }
            _ => Ok(vec![self.endpoint()?]),
        }
    }

    pub fn family(&self) -> Family {
        match (self.v4, self.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

fn is_unix(host: &OsStr) -> bool {
    host.as_encoded_bytes().starts_with(b"unix:")
}

/// Reads the value of an option that is an address; a path may be any bytes.
pub fn parser() -> impl TypedValueParser<Value = Endpoint> {
    OsStringValueParser::new().try_map(|text| Endpoint::try_from(text.as_os_str()))
}

/// The single ports of a list with ranges, in order. A service may have a dash in its name.
fn ports(list: &str) -> Result<Vec<String>, Error> {
    let wrong = |reason: &str| Err(Error::invalid(list, reason));
    let mut ports = Vec::new();
    for item in list.split(',') {
        match range(item)? {
            Some(range) => ports.extend(range.map(|port| port.to_string())),
            None if item.is_empty() && list.ends_with(',') => {
                return wrong("the list of ports ends with a comma");
            }
            None if item.is_empty() && !list.is_empty() => return wrong("the list of ports has a gap"),
            None => ports.push(item.to_owned()),
        }
    }
    Ok(ports)
}

fn range(item: &str) -> Result<Option<RangeInclusive<u16>>, Error> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((first, last)) = item.split_once('-').filter(|(a, b)| is_number(a) && is_number(b)) else {
        return Ok(None);
    };
    let wrong = |reason: &str| Error::invalid(item, reason);
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(Some(first..=last)),
        (Ok(_), Ok(_)) => Err(wrong("a range of ports goes from the lower one to the higher")),
        _ => Err(wrong("a port is a number from 0 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_ports_is_taken_apart_in_its_order() {
        for (list, wanted) in [
            ("443", "443"),
            ("20-23,443,22-22", "20 21 22 23 443 22"),
            ("https,ms-sql-s", "https ms-sql-s"),
            ("65534-65535", "65534 65535"),
        ] {
            assert_eq!(ports(list).unwrap().join(" "), wanted);
        }
        assert_eq!(ports("0-65535").unwrap().len(), 65536);
    }

    #[test]
    fn a_range_that_cannot_be_meant_is_named() {
        for (list, reason) in [
            ("22,25-20", "'25-20': a range"),
            ("1-65536", "0 to 65535"),
            ("9-99999999999999999999", "0 to"),
            ("9080,", "'9080,': the list of ports ends with a comma"),
            ("1,,2", "'1,,2': the list of ports has a gap"),
            (",1", "has a gap"),
        ] {
            let error = ports(list).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
