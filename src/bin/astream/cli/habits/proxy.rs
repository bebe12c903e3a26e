//! Proxies as nc and ncat name them: an address without a scheme. The -x of ncat is a dump to a file.

use std::net::{IpAddr, SocketAddr};

use astream::Proxy;

use super::Line;
use super::address::is_number;

impl Line {
    /// `-X 5 -x 127.0.0.1:1080`, and `-x dump`. None if there is no such proxy.
    pub(super) fn name_proxies(&mut self) -> Option<()> {
        let at: Vec<_> = self.proxies().collect();
        if at.is_empty() && self.proxy_kind.is_some() {
            return None;
        }
        for at in at {
            let (option, value) = (&self.options[at], &self.options[at + 1]);
            if value.contains("://") || value == "env" {
                continue;
            }
            let has_port = value.rsplit_once(':').is_some_and(|(_, port)| is_number(port));
            let address = value.parse::<IpAddr>();
            if address.is_err() && !has_port && self.proxy_kind.is_none() {
                self.options[at] = "--dump".to_owned();
                continue;
            }
            let (scheme, port) = scheme(option, self.proxy_kind.as_deref())?;
            let place = match address {
                Ok(address) => SocketAddr::new(address, port).to_string(),
                Err(_) if has_port => value.clone(),
                Err(_) => format!("{value}:{port}"),
            };
            self.options[at + 1] = format!("{scheme}://{place}");
        }
        Some(())
    }

    pub(super) fn has_sound_proxies(&self) -> bool {
        let mut values = self.proxies().map(|at| &self.options[at + 1]);
        values.all(|value| value == "env" || value.parse::<Proxy>().is_ok())
    }

    /// Where they are among the options; the value is the next word.
    fn proxies(&self) -> impl Iterator<Item = usize> {
        let is_proxy = |words: &[String]| matches!(&words[0][..], "-x" | "--proxy");
        self.options.windows(2).enumerate().filter(move |(_, words)| is_proxy(words)).map(|(at, _)| at)
    }
}

/// What a proxy speaks, and its port there by default. Without a word nc's `-x` is SOCKS, ncat's `--proxy` is HTTP.
fn scheme(option: &str, kind: Option<&str>) -> Option<(&'static str, u16)> {
    match kind {
        None if option == "--proxy" => Some(("http", 3128)),
        None | Some("5" | "socks5") => Some(("socks5", 1080)),
        Some("4" | "socks4") => Some(("socks4", 1080)),
        Some("4a" | "4A" | "socks4a") => Some(("socks4a", 1080)),
        Some("connect" | "http") => Some(("http", 3128)),
        Some(_) => None,
    }
}
