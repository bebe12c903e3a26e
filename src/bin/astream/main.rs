//! `astream`: asyncio's streams on the command line.

mod cli;
mod connect;
mod listen;
mod report;

use std::process::ExitCode;

use cli::Command;

fn main() -> ExitCode {
    let command = match cli::parse() {
        Ok(command) => command,
        Err(told) => return report::usage(&told),
    };
    report::finish(run(&command))
}

fn run(command: &Command) -> anyhow::Result<()> {
    // By hand, and on this thread alone: starting is what a short connection costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        match command {
            Command::Connect(args) => connect::run(args).await,
            Command::Listen(args) => listen::run(args).await,
        }
    })
}
