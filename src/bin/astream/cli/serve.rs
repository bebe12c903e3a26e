//! How many connections are served, and with what.

use std::time::Duration;

use clap::{Args, ValueHint};

use super::{exchange, units};

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
    /// How long open connections may go on after SIGTERM
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}
