//! `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.

use std::env;
use std::net::IpAddr;

use super::Proxy;
use crate::endpoint::Endpoint;
use crate::error::Error;

impl Proxy {
    /// The proxy that the environment names for `target`: that of `HTTPS_PROXY`, which is for tunnels, else that
    /// of `ALL_PROXY`; none if both are unset or empty, or if `NO_PROXY` names the target's host. Of each the
    /// name in small letters comes first. Their URLs may hold a user and a secret.
    ///
    /// `NO_PROXY` is `*`, or a list with commas of domains, which stand for all names below them too, of IP
    /// addresses, and of networks such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a URL that cannot be used.
    pub fn from_environment(target: &Endpoint) -> Result<Option<Self>, Error> {
        chosen(target, |name| env::var(name.to_ascii_lowercase()).or_else(|_| env::var(name)).ok())
    }
}

fn chosen(target: &Endpoint, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, Error> {
    let Some(host) = target.host() else { return Ok(None) };
    if variable("NO_PROXY").is_some_and(|list| is_excepted(host, &list)) {
        return Ok(None);
    }
    let set = |name| variable(name).filter(|value| !value.trim().is_empty());
    let url = set("HTTPS_PROXY").or_else(|| set("ALL_PROXY"));
    url.map(|url| Proxy::of_variable(url.trim())).transpose()
}

fn is_excepted(host: &str, list: &str) -> bool {
    let ip: Option<IpAddr> = host.parse().ok();
    list.split(',').map(str::trim).any(|entry| match (entry, ip) {
        ("", _) => false,
        ("*", _) => true,
        (entry, Some(ip)) => network(entry).is_some_and(|network| is_in(ip, network)),
        (domain, None) => is_below(host, domain),
    })
}

/// Whether a name is this domain's or one below it.
fn is_below(host: &str, domain: &str) -> bool {
    let plain = |name: &str| name.trim_matches('.').to_ascii_lowercase();
    let (host, domain) = (plain(host), plain(domain));
    let above = host.strip_suffix(&domain);
    !domain.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// `10.0.0.0/8`, or one address: so many of its bits count.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (ip, length) = text.split_once('/').map_or((text, None), |(ip, length)| (ip, Some(length)));
    let ip: IpAddr = ip.trim_matches(['[', ']']).parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok().filter(|length| *length <= most))?;
    Some((ip, length))
}

fn is_in(ip: IpAddr, (network, length): (IpAddr, u32)) -> bool {
    match (ip.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differs = ip.to_bits() ^ network.to_bits();
            differs.checked_shr(32 - length.min(32)).unwrap_or_default() == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differs = ip.to_bits() ^ network.to_bits();
            differs.checked_shr(128 - length).unwrap_or_default() == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_for(target: &str, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        chosen(&target.parse().unwrap(), variable).unwrap().map(|proxy| proxy.to_string())
    }

    #[test]
    fn a_variable_for_tunnels_comes_before_that_for_all() {
        let (https, all) = (("HTTPS_PROXY", "http://one.test:3128/"), ("ALL_PROXY", " socks5h://two.test "));
        assert_eq!(proxy_for("h.test:1", &[https, all]).as_deref(), Some("http://one.test:3128"));
        assert_eq!(proxy_for("h.test:1", &[all]).as_deref(), Some("socks5://two.test:1080"));
        assert_eq!(
            proxy_for("h.test:1", &[("HTTPS_PROXY", ""), all]).as_deref(),
            Some("socks5://two.test:1080")
        );
        assert_eq!(
            proxy_for("h.test:1", &[("ALL_PROXY", "one.test:8080")]).as_deref(),
            Some("http://one.test:8080")
        );
        assert_eq!(proxy_for("h.test:1", &[]), None);
        assert_eq!(proxy_for("unix:/a", &[https, all]), None);
    }

    #[test]
    fn a_host_that_is_excepted_is_reached_without() {
        for (target, list, is_excepted) in [
            ("h.test:1", "*", true),
            ("h.test:1", "test", true),
            ("h.test:1", ".test", true),
            ("h.test.:1", "x, H.TEST.", true),
            ("a.h.test:1", "h.test", true),
            ("ah.test:1", "h.test", false),
            ("h.test:1", "a.h.test", false),
            ("h.test:1", ", .", false),
            ("10.1.2.3:1", "10.0.0.0/8", true),
            ("11.1.2.3:1", "10.0.0.0/8", false),
            ("11.1.2.3:1", "0.0.0.0/0", true),
            ("10.1.2.3:1", "10.1.2.3", true),
            ("10.1.2.3:1", "2.3, 10.1.2, 10.1.2.3/33, 10.1.2.3/x", false),
            ("[fd00::1]:1", "fd00::/8", true),
            ("[fd00::1]:1", "[fd00::1]", true),
            ("[fd00::1]:1", "::/0", true),
            ("[fd00::1]:1", "fe00::/8, 0.0.0.0/0", false),
            ("[::ffff:10.1.2.3]:1", "10.0.0.0/8", true),
        ] {
            let found = proxy_for(target, &[("ALL_PROXY", "socks5://p.test"), ("NO_PROXY", list)]);
            assert_eq!(found.is_none(), is_excepted, "{target}: {list}");
        }
    }

    #[test]
    fn a_url_there_may_hold_a_user_and_a_secret() {
        let proxy = Proxy::of_variable("http://me%40home:s%3Ae/cr@et@p.test:1").unwrap();
        assert_eq!(proxy.to_string(), "http://p.test:1");
        let login = proxy.login.unwrap();
        assert_eq!((&login.user[..], &login.secret[..]), ("me@home", "s:e/cr@et"));
        for wrong in [
            "http://a%zz:b@p.test:1",
            "http://a:%2@p.test:1",
            "http://a:%+1@p.test:1",
            "gopher://u:hunter2@p",
        ] {
            let error = Proxy::of_variable(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
