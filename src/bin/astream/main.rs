//! `astream`: asyncio's streams on the command line.

mod cli;
mod connect;
mod expiry;
mod listen;
mod probe;
mod report;
mod signals;
mod stdout;

use std::process::ExitCode;

use cli::Command;
use report::Ending;
use rustix::process::{Resource, getrlimit, setrlimit};

fn main() -> ExitCode {
    let command = match cli::parse() {
        Ok(command) => command,
        Err(why) => return report::not_run(&why).into(),
    };
    let status = report::finish(run(&command));
    // All is written. What else the libraries would take apart, the end of the process does in less time.
    signal_hook::low_level::exit(status.into())
}

/// Descriptors without which the runtime cannot even start.
const NEEDED_DESCRIPTORS: u64 = 20;

fn run(command: &Command) -> anyhow::Result<Ending> {
    match command {
        Command::Connect(args) => report::start(args.report, report::Quietness::Silent),
        Command::Listen(args) => report::start(args.report, report::Quietness::Warnings),
    }
    if getrlimit(Resource::Nofile).current.is_some_and(|limit| limit < NEEDED_DESCRIPTORS) {
        anyhow::bail!("too few descriptors: at least {NEEDED_DESCRIPTORS} are needed (ulimit -n)");
    }
    stdout::restore()?;
    // By hand, and on this thread alone: starting is what a short connection costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        match command {
            Command::Connect(args) => connect::run(args).await,
            Command::Listen(args) => listen::run(args).await,
        }
    })
}

/// How many descriptors there may be, which is from now on as many as the system lets us have.
fn descriptor_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused, it stays at what it was.
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current
}
