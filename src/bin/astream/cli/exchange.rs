//! What is sent and received, and what ends it.

use std::time::Duration;

use astream::handlers::Exchange;
use clap::Args;

use super::units;

#[derive(Debug, Default, Args)]
pub struct ExchangeOptions {
    /// Send CRLF for LF; a CRLF stays one
    #[arg(short = 'C', long)]
    crlf: bool,
    /// Give up when nothing moves either way for TIME (status 5)
    #[arg(short = 'i', long, value_name = "TIME", value_parser = units::time)]
    pub idle_timeout: Option<Duration>,
    /// Send only; what comes is dropped
    #[arg(long, hide_short_help = true, conflicts_with = "recv_only")]
    send_only: bool,
    /// Receive only; stdin is not read
    #[arg(long, hide_short_help = true)]
    recv_only: bool,
    /// Do not pass the end of stdin on before the peer's
    #[arg(long, hide_short_help = true)]
    no_shutdown: bool,
    /// Leave when the peer closes, as from a terminal
    #[arg(long, hide_short_help = true)]
    exit_on_close: bool,
}

impl ExchangeOptions {
    pub fn exchange(&self) -> Exchange {
        Exchange::new()
            .send_only(self.send_only)
            .receive_only(self.recv_only)
            .half_close(!self.no_shutdown)
            .exit_on_close(self.exit_on_close)
            .crlf(self.crlf)
            .idle_timeout(self.idle_timeout)
    }
}
