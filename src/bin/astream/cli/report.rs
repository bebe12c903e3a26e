//! How much is printed on stderr, and in which form.

use clap::{ArgAction, Args};

#[derive(Debug, Args, Clone, Copy, Default)]
pub struct Report {
    /// Print addresses, TLS details and totals; -vv prints more
    #[arg(short = 'v', long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Errors only
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,
    /// Print everything as JSON, one object a line (docs/json.md)
    #[arg(long, hide_short_help = true)]
    pub json: bool,
}

/// Whether JSON is asked for on a command line that cannot be parsed.
pub fn is_json_asked_for() -> bool {
    std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json")
}
