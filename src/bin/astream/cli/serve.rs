//! How many connections are served, and with what.

use std::time::Duration;

use astream::{Endpoint, Error, Networks};
use clap::{Args, ValueHint};

use super::units;

#[derive(Args)]
pub struct Serve {
    /// Serve until stopped: stdin to all clients, all to stdout
    #[arg(short = 'k', long, conflicts_with = "once")]
    pub keep_open: bool,
    /// Serve one connection, also with --echo
    #[arg(long, hide_short_help = true)]
    pub once: bool,
    /// Send everything back, until stopped
    #[arg(long, conflicts_with_all = ["send_only", "recv_only", "crlf", "no_shutdown", "shutdown",
          "exit_on_close", "command"])]
    pub echo: bool,
    /// Believe proxies in these networks who the client is: each connection begins with a PROXY header
    #[arg(long, hide_short_help = true, value_name = "CIDR,...", value_hint = ValueHint::Other, conflicts_with = "udp")]
    proxy_protocol: Vec<Networks>,
    /// How long open connections may go on after SIGTERM
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}

impl Serve {
    /// The proxies that are believed by a listener on this address.
    ///
    /// # Errors
    /// Its clients have no IP addresses.
    pub fn proxies(&self, listens_on: &Endpoint) -> Result<Networks, Error> {
        if listens_on.host().is_none() && !self.proxy_protocol.is_empty() {
            return Err(Error::invalid(
                listens_on,
                "clients of a Unix socket are in no network; leave out --proxy-protocol",
            ));
        }
        let mut all = Networks::default();
        self.proxy_protocol.iter().cloned().for_each(|networks| all.extend(networks));
        Ok(all)
    }
}
