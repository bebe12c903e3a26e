//! Asking instead of talking: which ports are open, and what they show.

use std::time::Duration;

use clap::Args;

use super::units;

#[derive(Debug, Default, Args)]
pub struct ProbeOptions {
    /// Only set up, handshake included, and tell; PORT may be 20-25,443
    #[arg(short = 'z', long,
          conflicts_with_all = ["crlf", "idle_timeout", "send_only", "recv_only", "no_shutdown", "exit_on_close"])]
    pub probe: bool,
    /// Print the server's certificates (PEM), trusted or not; with -z
    #[arg(long, hide_short_help = true, requires_all = ["probe", "tls"])]
    pub show_certs: bool,
    /// Fail if a certificate of the server's chain ends within TIME; with -z
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = units::time,
          requires_all = ["probe", "tls"])]
    pub expires_within: Option<Duration>,
}
