//! Everything a person reads on stderr.

mod exit;
mod hint;
mod log;

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use astream::handlers::Outcome;

pub use exit::{Killed, finish, usage};
pub use log::{Default, log};

/// One line on stderr, in one piece. Nobody to read it is no reason to stop.
pub fn say(line: &(impl Display + ?Sized)) {
    let line = format!("astream: {line}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// What a connection has moved, for those who asked.
pub fn totals(peer: &str, outcome: &Outcome, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!("{peer}: {} in {seconds:.3} s", outcome.totals);
}
