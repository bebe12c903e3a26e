//! A command that is run for each connection.

use std::ffi::OsString;

use astream::Error;
use astream::handlers::Command;
use clap::{Args, ValueHint};

use super::exchange;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = None::<&str>)]
pub struct CommandLine {
    /// A command to run, with the connection as its stdin and stdout
    ///
    /// There is no shell in between: each word is one argument.
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments,
          conflicts_with_all = exchange::OPTIONS)]
    command: Vec<OsString>,
}

impl CommandLine {
    pub fn is_asked_for(&self) -> bool {
        !self.command.is_empty()
    }

    /// The command, if there is one.
    ///
    /// # Errors
    /// It is not there.
    pub fn command(&self) -> Result<Option<Command>, Error> {
        let Some((program, arguments)) = self.command.split_first() else { return Ok(None) };
        Command::new(program, arguments).map(Some)
    }
}
