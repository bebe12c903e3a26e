//! How a target is reached: by `connect`, by `-z`, and by `--forward`.

use std::path::PathBuf;
use std::time::Duration;

use astream::{ConnectOptions, DatagramOptions, Endpoint, Error, Source};
use clap::{Args, ValueHint};

use super::proxy::ProxyOptions;
use super::units::{self, Limit};

/// The default of `-w`.
const SETUP_LIMIT: Duration = Duration::from_secs(30);

/// How long an answer to a datagram is waited for, if `-w` does not say it.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The heading of what is about a target.
pub(super) const HEADING: &str = "Reaching the target";

#[derive(Debug, Default, Args)]
#[command(next_help_heading = HEADING)]
pub struct Reach {
    /// No name look-ups
    #[arg(short = 'n', long, hide_short_help = true, help_heading = None::<&str>)]
    pub numeric: bool,
    /// Limit of connecting, TLS: status 5 [default: 30s]
    ///
    /// It includes the name, the proxy and the handshake of TLS; 0: no limit. What comes later is limited by -i, and --first-client limits the wait of a listener. With -z -u it is the time in which an answer must come
    /// [default: 1s].
    #[arg(short = 'w', long, help_heading = None::<&str>, value_name = "TIME", value_hint = ValueHint::Other, value_parser = units::limit)]
    timeout: Option<Limit>,
    /// Try again for TIME what may pass: a name, a port, a handshake; 0: no limit [default: one try]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, value_parser = units::limit)]
    retry_for: Option<Limit>,
    /// Connect from ADDR, ADDR:PORT, :PORT or %INTERFACE [default: what the system chooses]
    #[arg(short = 's', long, hide_short_help = true, value_name = "ADDR", value_hint = ValueHint::Other)]
    source: Option<Source>,
    /// Multipath TCP, with a peer that has it too
    #[arg(long, hide_short_help = true)]
    pub mptcp: bool,
    #[command(flatten)]
    proxy: ProxyOptions,
}

impl Reach {
    /// How to reach `target`, whose certificate is verified by those of `cacert`.
    pub fn options(&self, target: &Endpoint, cacert: &[PathBuf]) -> Result<ConnectOptions, Error> {
        let mut options = ConnectOptions::new()
            .numeric(self.numeric)
            .timeout(self.timeout())
            .retry_for(self.retry_for.map(|limit| limit.get().unwrap_or(Duration::MAX)))
            .multipath(self.mptcp)
            .by_streams(by_streams());
        if let Some(source) = &self.source {
            options = options.local_addr(source.clone());
        }
        Ok(self.proxy.proxies(target, cacert)?.into_iter().fold(options, ConnectOptions::proxy))
    }

    /// How to reach a target with datagrams.
    pub fn datagrams(&self) -> DatagramOptions {
        let options = DatagramOptions::new().numeric(self.numeric).timeout(self.timeout());
        self.source.iter().fold(options, |options, source| options.local_addr(source.clone()))
    }

    /// The one interface by which datagrams are received.
    ///
    /// # Errors
    /// The source is an address or a port, which is what a listener listens on.
    pub fn interface(&self) -> Result<Option<&str>, Error> {
        let Some(source) = &self.source else { return Ok(None) };
        source.only_interface().map(Some).ok_or_else(|| {
            Error::invalid(source, "a listener of datagrams is tied to an interface only: %INTERFACE")
        })
    }

    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.map_or(Some(SETUP_LIMIT), Limit::get)
    }

    /// The limit of the set-up that was asked for, if one was.
    pub fn given_timeout(&self) -> Option<Duration> {
        self.timeout.and_then(Limit::get)
    }

    /// How long an answer to a datagram is waited for.
    pub fn answer_timeout(&self) -> Duration {
        self.timeout.map_or(ANSWER_LIMIT, |limit| limit.get().unwrap_or(Duration::MAX))
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
