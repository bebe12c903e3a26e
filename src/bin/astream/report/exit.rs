//! The exit status, and one line if it is not 0.

use std::io::{ErrorKind, Write};

use astream::{Endpoint, Error, ProxyFault};

use super::hint::hint;
use super::{Event, progress, report};
use crate::cli::{NotRun, Usage};
use crate::stdout::{self, Stdout};

/// How the program ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    Status(u8),
    /// As this signal ends a program.
    Signal(i32),
}

impl Ending {
    /// How the program ends that has served one connection with this result. A status of the handler, such as that of a
    /// command, counts for more than that of an error.
    pub fn of(result: Result<(), Error>, status: u8) -> anyhow::Result<Self> {
        match result {
            Err(error) if status == 0 => return Err(error.into()),
            Err(error) => {
                report(&Event::Failed {
                    status,
                    message: &error.to_string(),
                    hint: None,
                    error: Some(&error),
                });
            }
            Ok(()) => {}
        }
        Ok(Self::Status(status))
    }
}

/// Help that was asked for goes to stdout, a mistake to stderr with status 2.
pub fn not_run(why: &NotRun) -> u8 {
    match why {
        NotRun::Help(text) => match stdout::restore().and_then(|()| Stdout.write_all(text.as_bytes())) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => die(signal_hook::consts::SIGPIPE),
            Err(cause) => failed(&Error::local("write to stdout", cause)),
            Ok(()) => 0,
        },
        NotRun::Empty(text) => {
            // That stderr has no reader changes nothing.
            let _ = std::io::stderr().write_all(text.as_bytes());
            2
        }
        NotRun::Usage(Usage { message, hint, report: wanted }) => {
            super::start(*wanted, super::Quietness::Silent);
            report(&Event::Failed { status: 2, message, hint: hint.as_deref(), error: None });
            2
        }
    }
}

/// Reports how it ended.
pub fn finish(finished: anyhow::Result<Ending>) -> u8 {
    progress::finish();
    let error = match finished {
        Ok(Ending::Status(status)) => return status,
        Ok(Ending::Signal(signal)) => return die(signal),
        Err(error) => error,
    };
    let peer = error.downcast_ref::<Endpoint>().cloned();
    match error.downcast::<Error>().map_err(of_this_machine) {
        Ok(error) if is_broken_pipe(&error) => die(signal_hook::consts::SIGPIPE),
        Ok(error) | Err(Ok(error)) => failed_with(&error, peer.as_ref()),
        Err(Err(other)) => {
            let message = format!("{other:#}");
            report(&Event::Failed { status: 2, message: &message, hint: None, error: None });
            2
        }
    }
}

/// Descriptors, threads and signals are what the program itself asks the system for.
fn of_this_machine(error: anyhow::Error) -> anyhow::Result<Error> {
    error.downcast::<std::io::Error>().map(|cause| Error::local("start", cause))
}

fn failed(error: &Error) -> u8 {
    failed_with(error, None)
}

/// The same of a connection to this peer.
fn failed_with(error: &Error, peer: Option<&Endpoint>) -> u8 {
    let (status, hint) = (status(error), hint(error));
    let message = match peer {
        Some(peer) if names_no_peer(error) => format!("{peer}: {error}"),
        _ => error.to_string(),
    };
    report(&Event::Failed { status, message: &message, hint: hint.as_deref(), error: Some(error) });
    status
}

/// Whether this is an error of an open connection, whose message leaves open which one it is.
fn names_no_peer(error: &Error) -> bool {
    match error {
        Error::Lost { .. } | Error::Idle { .. } | Error::Truncated | Error::Undelivered => true,
        Error::Tls { doing, .. } => doing == "TLS",
        _ => false,
    }
}

/// The reader of stdout has gone, which ends a program silently.
fn is_broken_pipe(error: &Error) -> bool {
    matches!(error, Error::Local { cause, .. } if cause.kind() == ErrorKind::BrokenPipe)
}

/// Ends as the signal would have ended it.
fn die(signal: i32) -> u8 {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    // The signal is blocked: the status says the same.
    u8::try_from(128 + signal).unwrap_or(1)
}

/// The exit status of an error.
pub fn status(error: &Error) -> u8 {
    match error {
        Error::Invalid { .. }
        | Error::File { .. }
        | Error::Local { .. }
        | Error::Proxy { fault: ProxyFault::SecretInUrl, .. } => 2,
        Error::Resolve { .. } => 3,
        Error::Relay { cause, .. } | Error::Proxy { fault: ProxyFault::Unreachable(cause), .. } => {
            status(cause)
        }
        Error::Connect { .. }
        | Error::Source { .. }
        | Error::Bind { .. }
        | Error::Refused { .. }
        | Error::Proxy { .. } => 4,
        Error::Timeout { .. } | Error::Idle { .. } | Error::Unanswered { .. } => 5,
        Error::Tls { .. } => 6,
        Error::Truncated => 7,
        _ => 1,
    }
}
