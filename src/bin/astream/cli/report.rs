//! How much is printed on stderr, and in which form.

use clap::{ArgAction, Args};

#[derive(Debug, Args, Clone, Copy, Default)]
#[command(next_help_heading = None::<&str>)]
pub struct Report {
    /// Print addresses, TLS details and totals; -vv: more
    #[arg(short = 'v', long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Errors only, with -z the ports that are not open
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,
    /// Print everything as JSON, one object a line: on stderr, and the report of -z on stdout (docs/json.md)
    #[arg(long, hide_short_help = true)]
    pub json: bool,
    /// Begin each line on stderr with the time, in UTC (JSON has it anyway)
    #[arg(long, hide_short_help = true)]
    pub log_time: bool,
}

impl Report {
    /// The form that is asked for on a command line that cannot be parsed.
    pub fn of_unparsed() -> Self {
        let has =
            |option: &str| std::env::args_os().take_while(|word| word != "--").any(|word| word == option);
        Self { json: has("--json"), log_time: has("--log-time"), ..Self::default() }
    }
}
