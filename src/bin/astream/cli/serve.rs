//! How many connections are served, and with what.

use std::time::Duration;

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
    /// How long open connections may go on after SIGTERM
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}
