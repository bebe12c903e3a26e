//! Proxies on the way to a target.

use std::path::PathBuf;

use astream::{Endpoint, Error, Proxy, TlsClient};
use clap::{Args, ValueHint};

/// The user and the secret for the first proxy; `_2`, `_3` and so on are for the others of a chain.
const AUTH: &str = "ASTREAM_PROXY_AUTH";

/// What fits a line, and the rest.
const HELP: &str = "Go through a proxy: socks5://HOST:PORT, http://…, or env";
const LONG_HELP: &str = "\
Go through a proxy: socks5://HOST:PORT, socks4a://, socks4://, http://, https://; or env [default: none]

Given again, it is a chain, whose first proxy is connected to from here. The name of the target is looked up by the \
proxy, but for socks4. env is the proxy that the environment names for HOST, or none. A user and a secret never stand \
in the URL: see ASTREAM_PROXY_AUTH below.";

#[derive(Debug, Default, Args)]
pub struct ProxyOptions {
    #[arg(short = 'x', long, value_name = "URL", value_hint = ValueHint::Url, help = HELP, long_help = LONG_HELP)]
    proxy: Vec<String>,
    /// Trust the certificates in FILE for an https:// proxy; may be repeated [default: those for the target]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "proxy")]
    proxy_cacert: Vec<PathBuf>,
}

impl ProxyOptions {
    /// The proxies on the way to `target`, in their order; `cacert` is whom the target is verified by.
    pub fn proxies(&self, target: &Endpoint, cacert: &[PathBuf]) -> Result<Vec<Proxy>, Error> {
        let roots = if self.proxy_cacert.is_empty() { cacert } else { &self.proxy_cacert };
        let tls = roots.iter().fold(TlsClient::new(), TlsClient::roots);
        let mut proxies = Vec::new();
        for (index, url) in self.proxy.iter().enumerate() {
            let named = match &url[..] {
                "env" => Proxy::from_environment(target)?,
                url => Some(url.parse::<Proxy>()?),
            };
            if let Some(proxy) = named {
                proxies.push(with_login(proxy.tls(tls.clone()), index)?);
            }
        }
        Ok(proxies)
    }
}

fn with_login(proxy: Proxy, index: usize) -> Result<Proxy, Error> {
    let variable = if index == 0 { AUTH.to_owned() } else { format!("{AUTH}_{}", index + 1) };
    let Some(auth) = std::env::var_os(&variable) else { return Ok(proxy) };
    match auth.to_str().and_then(|auth| auth.split_once(':')) {
        Some((user, secret)) => Ok(proxy.login(user, secret)),
        None => Err(Error::invalid(variable, "a user and a secret are written USER:SECRET, in UTF-8")),
    }
}
