//! A list of IP networks: which peers something holds for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::error::Error;

/// IP networks, as a list. An IPv4 address that is mapped into IPv6 (`::ffff:10.0.0.1`), as a socket for both families
/// reports it, counts as the IPv4 address that it is.
///
/// Parsed from networks, each `ADDRESS/PREFIX` or a single address, with commas between them. Names are not looked up.
///
/// ```
/// use astream::Networks;
///
/// let networks: Networks = "10.0.0.0/8,::1".parse()?;
/// assert!(networks.contains("10.1.2.3".parse().unwrap()));
/// assert!(networks.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!networks.contains("192.0.2.1".parse().unwrap()));
/// # Ok::<(), astream::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether the address is in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the networks of another list.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

impl FromStr for Networks {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').map(|network| one(network.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

fn one(text: &str) -> Result<IpNet, Error> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let wrong = "a network is ADDRESS or ADDRESS/PREFIX, as 10.0.0.0/8 or ::1; no name is looked up";
    let network: IpNet = text.parse().ok().or_else(address).ok_or_else(|| Error::invalid(text, wrong))?;
    if network.addr() != network.network() {
        // One address was meant, or a network; the larger of them must not be guessed.
        let (whole, address) = (network.trunc(), network.addr());
        let reason =
            format!("the address has bits beyond the prefix; write {whole}, or {address} for it alone");
        return Err(Error::invalid(text, reason));
    }
    Ok(unmapped(network))
}

/// A network of IPv4 addresses that are mapped into IPv6 is one of IPv4.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_bits_beyond_its_prefix_is_refused_with_both_that_may_be_meant() {
        for (text, whole, address) in
            [("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1"), ("fd00::1/8", "fd00::/8", "fd00::1")]
        {
            let error = text.parse::<Networks>().unwrap_err().to_string();
            assert!(error.contains(&format!("write {whole}, or {address} for")), "{error}");
        }
    }

    fn contains(networks: &str, address: &str) -> bool {
        networks.parse::<Networks>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_a_network_of_its_family() {
        for (networks, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("::1", "::1", "::2"),
            ("fe80::/10", "fe80::1", "10.0.0.1"),
            ("0.0.0.0/0", "192.0.2.1", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("127.0.0.1, ::1", "::1", "127.0.0.2"),
        ] {
            assert!(contains(networks, inside), "{networks}: {inside}");
            assert!(!contains(networks, outside), "{networks}: {outside}");
        }
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4_on_both_sides() {
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("::ffff:10.0.0.0/104", "10.0.0.1"));
        assert!(contains("::ffff:10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!contains("::/0", "::ffff:10.0.0.1"));
        assert!(!contains("::ffff:10.0.0.0/104", "11.0.0.1"));
    }

    #[test]
    fn lists_add_up() {
        let mut networks = Networks::default();
        assert!(networks.is_empty());
        networks.extend("10.0.0.0/8".parse().unwrap());
        networks.extend("::1,192.0.2.0/24".parse().unwrap());
        assert_eq!(networks.to_string(), "10.0.0.0/8,::1/128,192.0.2.0/24");
        assert!(!networks.is_empty());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0/8",
            "::1/129",
            "10.0.0.1,",
            "fe80::1%lo",
            "[::1]",
        ] {
            let error = text.parse::<Networks>().unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{text}: {error}");
        }
    }
}
