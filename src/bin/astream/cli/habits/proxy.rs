//! Proxies as nc and ncat name them: an address without a scheme. The -x of ncat is a dump to a file.

use std::net::IpAddr;

use astream::Proxy;

use super::Line;
use super::is_number;

impl Line {
    /// `-X 5 -x 127.0.0.1:1080`, and `-x dump`. None if there is no such proxy.
    pub(super) fn name_proxies(&mut self) -> Option<()> {
        let at: Vec<_> = self.proxies().collect();
        if at.is_empty() && self.proxy_kind.is_some() {
            // ncat's, where it is a proxy itself.
            (self.command == Some("connect")).then_some(())?;
            let scheme = scheme("-x", self.proxy_kind.as_deref())?;
            self.notes.push(format!("a proxy is named with what it speaks: -x {scheme}://HOST:PORT"));
        }
        for at in at {
            let (option, value) = (&self.options[at], &self.options[at + 1]);
            if value.contains("://") || value == "env" {
                continue;
            }
            let has_port = value.rsplit_once(':').is_some_and(|(_, port)| is_number(port));
            if has_port || self.proxy_kind.is_some() || value.parse::<IpAddr>().is_ok() {
                let scheme = scheme(option, self.proxy_kind.as_deref())?;
                // Which port is meant differs from program to program.
                if scheme == "http" && !has_port {
                    return None;
                }
                self.options[at + 1] = format!("{scheme}://{value}");
            } else if value.contains(':') {
                // It may be a secret.
                return None;
            } else {
                self.options[at] = String::from("--dump");
            }
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

/// What a proxy speaks. Without a word nc's `-x` is SOCKS, and ncat's `--proxy` is HTTP.
fn scheme(option: &str, kind: Option<&str>) -> Option<&'static str> {
    match kind {
        None if option == "--proxy" => Some("http"),
        None | Some("5" | "socks5") => Some("socks5"),
        Some("4" | "socks4") => Some("socks4"),
        Some("4a" | "4A" | "socks4a") => Some("socks4a"),
        Some("connect" | "http") => Some("http"),
        Some(_) => None,
    }
}
