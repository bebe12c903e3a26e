//! `astream`: asyncio's streams on the command line.

mod boxed;
mod cli;
mod connect;
mod datagrams;
mod descriptors;
mod expiry;
mod listen;
mod observe;
mod pass;
mod probe;
mod report;
mod service;
mod signals;
mod stdout;
mod threads;

use std::process::ExitCode;

use boxed::boxed;
use cli::{Command, Connect};
use report::{Ending, Quietness};

fn main() -> ExitCode {
    let command = match cli::parse() {
        Ok(command) => command,
        Err(why) => return report::not_run(&why).into(),
    };
    let mut status = report::finish(run(&command));
    if status == 0 && !observe::is_complete() {
        status = 2;
    }
    // Everything is written. The end of the process frees the rest faster than destructors would.
    signal_hook::low_level::exit(status.into())
}

fn run(command: &Command) -> anyhow::Result<Ending> {
    let (wanted, quietness, observed, running) = match command {
        Command::Connect(args) => (args.report, quietness(args), &args.observe, boxed(|| connect::run(args))),
        Command::Listen(args) => {
            (args.report, Quietness::Warnings, &args.observe, boxed(|| listen::run(args)))
        }
    };
    report::start(wanted, quietness);
    descriptors::check()?;
    stdout::restore()?;
    observe::start(observed, wanted)?;
    // Built by hand, and on this thread alone: starting is what a short connection costs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(running)
}

/// A client warns of a connection that is waited for, and of datagrams that are refused while others are sent.
fn quietness(args: &Connect) -> Quietness {
    if args.reach.may_wait() || args.datagrams.udp { Quietness::Warnings } else { Quietness::Silent }
}
