//! An error as a person reads it, in one line.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{Attempt, Error};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { text, reason } => write!(f, "'{}': {reason}", text.escape_debug()),
            Self::Resolve { host, reason } => write!(f, "cannot resolve '{}': {reason}", host.escape_debug()),
            Self::Connect { target, attempts } => connect_failed(f, target, attempts),
            Self::Bind { target, cause } => write!(f, "cannot listen on {target}: {}", reason(cause)),
            Self::Timeout { doing, after } => write!(f, "{doing}: nothing within {}", seconds(*after)),
            Self::Tls { doing, reason, .. } => write!(f, "{doing}: {reason}"),
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Truncated => {
                f.write_str("the peer ended the TLS stream without close_notify; the data may be cut short")
            }
            Self::Lost { doing, cause } => write!(f, "connection lost while {doing}: {}", reason(cause)),
            Self::Incomplete { partial, expected: Some(n) } => {
                write!(f, "the stream ended after {} of {n} expected bytes", partial.len())
            }
            Self::Incomplete { partial, expected: None } => {
                write!(f, "the stream ended after {} bytes, before the separator", partial.len())
            }
            Self::LimitOverrun { found: true, consumed } => {
                write!(f, "the separator comes after {consumed} bytes, beyond the limit")
            }
            Self::LimitOverrun { found: false, consumed } => {
                write!(f, "no separator in {consumed} bytes, which is beyond the limit")
            }
            Self::LineTooLong { limit } => write!(f, "a line is longer than {limit} bytes; it was dropped"),
            Self::EmptySeparator => f.write_str("a separator needs at least one byte"),
            Self::WriteAfterEof => f.write_str("bytes were written after write_eof"),
            Self::Closed => f.write_str("the connection was closed here"),
            Self::Local { doing, cause } => write!(f, "cannot {doing}: {}", reason(cause)),
            Self::Relay { side, cause } => write!(f, "{side}: {cause}"),
            Self::Undelivered => f.write_str("left before all input was handed over"),
            Self::FellBehind => f.write_str("the peer fell behind the others and was let go"),
        }
    }
}

fn connect_failed(f: &mut fmt::Formatter<'_>, target: &str, attempts: &[Attempt]) -> fmt::Result {
    write!(f, "cannot connect to {target}: ")?;
    for (index, attempt) in attempts.iter().enumerate() {
        if index > 0 {
            f.write_str("; ")?;
        }
        if attempt.address != target {
            write!(f, "{}: ", attempt.address)?;
        }
        f.write_str(&reason(&attempt.cause))?;
    }
    Ok(())
}

/// The system's words without its number and its capital: "connection refused".
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        // An abbreviation keeps its capitals.
        Some(first) if !letters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// A duration as a person says it: `2 s`, `250 ms`.
fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 && time.as_secs() > 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}
