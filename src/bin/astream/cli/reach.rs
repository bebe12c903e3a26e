//! How a target is reached: by `connect`, by `-z`, and by `--forward`.

use std::path::PathBuf;
use std::time::Duration;

use astream::{ConnectOptions, Endpoint, Error};
use clap::{Args, ValueHint};

use super::proxy::ProxyOptions;
use super::units::{self, Limit};

/// The default of `-w`.
const SETUP_LIMIT: &str = "30s";

#[derive(Debug, Args)]
pub struct Reach {
    /// No name look-ups
    #[arg(short = 'n', long, hide_short_help = true)]
    pub numeric: bool,
    /// Limit of each set-up, handshake included; 0: no limit
    #[arg(short = 'w', long, value_name = "TIME", value_hint = ValueHint::Other, default_value = SETUP_LIMIT,
          value_parser = units::limit)]
    pub timeout: Limit,
    /// Try again for TIME what may pass: a name, a port, a handshake; 0: no limit
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, value_parser = units::limit)]
    retry_for: Option<Limit>,
    #[command(flatten)]
    proxy: ProxyOptions,
}

impl Default for Reach {
    fn default() -> Self {
        let timeout = units::limit(SETUP_LIMIT).expect("it is a time");
        Self { numeric: false, timeout, retry_for: None, proxy: ProxyOptions::default() }
    }
}

impl Reach {
    /// How to reach `target`, whose certificate is verified by those of `cacert`.
    pub fn options(&self, target: &Endpoint, cacert: &[PathBuf]) -> Result<ConnectOptions, Error> {
        let options = ConnectOptions::new()
            .numeric(self.numeric)
            .timeout(self.timeout.get())
            .retry_for(self.retry_for.map(|limit| limit.get().unwrap_or(Duration::MAX)))
            .by_streams(by_streams());
        Ok(self.proxy.proxies(target, cacert)?.into_iter().fold(options, ConnectOptions::proxy))
    }

    /// Whether a target is waited for, which is then reported.
    pub fn may_wait(&self) -> bool {
        self.retry_for.is_some()
    }
}

/// Whether the kernel must not move bytes by itself, which helps to look for a fault.
pub fn by_streams() -> bool {
    std::env::var_os("ASTREAM_NO_SPLICE").is_some()
}
