//! How many connections are served, and with what.

use std::time::Duration;

use astream::{Networks, ServerOptions};
use clap::{Args, ValueHint};

use super::networks::networks;
use super::{exchange, units};

/// How many sessions of datagrams there may be.
const SESSIONS: u32 = 1024;

#[derive(Args)]
pub struct Serve {
    /// Serve until stopped: stdin to all clients, all to stdout
    #[arg(short = 'k', long, conflicts_with = "once")]
    pub keep_open: bool,
    /// Serve one connection, also with a handler such as --echo
    #[arg(long, hide_short_help = true)]
    pub once: bool,
    /// Send everything back, until stopped
    #[arg(long, conflicts_with_all = exchange::OPTIONS)]
    pub echo: bool,
    /// Read and drop everything, until stopped
    #[arg(long, hide_short_help = true, conflicts_with_all = exchange::OPTIONS)]
    pub discard: bool,
    /// Send what one client, or stdin, says to all others, until stopped
    ///
    /// stdout gets what the clients say. A client that takes it too slowly, 1 MiB behind, is reset.
    #[arg(long, hide_short_help = true,
          conflicts_with_all = ["once", "no_shutdown", "shutdown", "exit_on_close"])]
    pub broker: bool,
    /// How many connections may be open at once; others wait
    ///
    /// With -u it is how many peers have a session, 1024 by default; a newcomer takes the place of the one that was idle
    /// longest.
    #[arg(short = 'm', long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_conns: Option<u32>,
    /// How many of them from one IP address; others are reset
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = clap::value_parser!(u32).range(1..))]
    max_conns_per_ip: Option<u32>,
    /// Accept these networks only; others are reset. @FILE: one a line
    #[arg(long, hide_short_help = true, value_name = "CIDR,…", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = networks)]
    allow: Vec<Networks>,
    /// Reset these networks, even if they are allowed. @FILE: one a line
    #[arg(long, hide_short_help = true, value_name = "CIDR,…", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = networks)]
    deny: Vec<Networks>,
    /// How long open connections may go on after SIGTERM
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}

impl Serve {
    /// Adds who may come in, and how many at once.
    pub fn limits(&self, mut options: ServerOptions) -> ServerOptions {
        if let Some(most) = self.max_conns {
            options = options.max_connections(size(most));
        }
        if let Some(most) = self.max_conns_per_ip {
            options = options.max_connections_per_address(size(most));
        }
        let options = self.allow.iter().cloned().fold(options, ServerOptions::allow);
        self.deny.iter().cloned().fold(options, ServerOptions::deny)
    }

    /// How many sessions of datagrams there may be.
    pub fn max_sessions(&self) -> usize {
        size(self.max_conns.unwrap_or(SESSIONS))
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
