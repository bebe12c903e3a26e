//! How much is told on stderr.

use clap::{ArgAction, Args};

#[derive(Args, Clone, Copy)]
pub struct Report {
    /// Tell addresses, TLS facts and totals; -vv tells more
    #[arg(short = 'v', long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Errors only
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,
}
