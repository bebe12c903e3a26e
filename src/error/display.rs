//! The message of an error, in one line.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::io::Errno;

use super::{Attempt, Error, Printable};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { text, reason } => write!(f, "'{}': {reason}", text.escape_debug()),
            Self::Resolve { host, reason, .. } => {
                write!(f, "cannot resolve '{}': {reason}", host.escape_debug())
            }
            Self::Connect { target, attempts } => connect_failed(f, target, attempts),
            Self::Proxy { proxy, reason, .. } => write!(f, "the proxy {proxy}: {reason}"),
            Self::Source { local, cause } => write!(f, "cannot connect from {local}: {}", reason(cause)),
            Self::Bind { target, cause } => write!(f, "cannot listen on {target}: {}", reason(cause)),
            Self::Timeout { doing, after, .. } => write!(f, "{doing}: timed out after {}", seconds(*after)),
            Self::Idle { after } => write!(f, "idle: nothing sent or received for {}", seconds(*after)),
            Self::Tls { doing, reason, .. } => write!(f, "{doing}: {reason}"),
            Self::File { path, reason } => write!(f, "{}: {reason}", Printable(path)),
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
            Self::Other { reason } => f.write_str(reason),
            Self::Io { cause } => f.write_str(&reason(cause)),
            Self::Relay { side, cause } => write!(f, "{side}: {cause}"),
            Self::Datagram { doing, peer, cause } => write!(f, "cannot {doing} {peer}: {}", reason(cause)),
            Self::Refused { peer } => write!(f, "{peer}: closed: connection refused"),
            Self::Unanswered { target, .. } => write!(f, "{target}: no answer: open or filtered"),
            Self::MessageTooLong { length } => {
                write!(f, "a message of {length} bytes is too long for a datagram")
            }
            Self::Replaced => f.write_str("a newer session took the place of this one"),
            Self::Undelivered => f.write_str("the connection was ended before all input was written to it"),
            Self::FellBehind => f.write_str("the peer fell behind the others and was dropped"),
        }
    }
}

/// Every address that was tried, grouped by the reason of the failure.
fn connect_failed(f: &mut fmt::Formatter<'_>, target: &str, attempts: &[Attempt]) -> fmt::Result {
    let mut by_reason: Vec<(String, Vec<&str>)> = Vec::new();
    for Attempt { address, cause } in attempts {
        let reason = reason(cause);
        match by_reason.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, addresses)) => addresses.push(address),
            None => by_reason.push((reason, vec![address])),
        }
    }
    let groups = by_reason.iter().map(|(reason, addresses)| match addresses[..] {
        [only] if only == target => reason.clone(),
        _ => format!("{}: {reason}", addresses.join(" and ")),
    });
    write!(f, "cannot connect to {target}: {}", groups.collect::<Vec<_>>().join("; "))
}

/// The message of the system without its number and its capital letter: "connection refused".
pub(crate) fn reason(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        // What calls on a socket return after its reset was reported.
        Some(Errno::NOTCONN) => "connection reset by peer".to_owned(),
        Some(Errno::PROTOTYPE) => "the socket there is of another type".to_owned(),
        _ => plain(&error.to_string()),
    }
}

fn plain(text: &str) -> String {
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

/// A duration for messages: `2 s`, `250 ms`.
pub(crate) fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 && time.as_secs() > 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn attempt(address: &str, errno: Errno) -> Attempt {
        Attempt { address: address.to_owned(), cause: std::sync::Arc::new(errno.into()) }
    }

    #[test]
    fn addresses_that_failed_alike_share_one_reason() {
        let (refused, unreachable) = (Errno::CONNREFUSED, Errno::NETUNREACH);
        for (attempts, expected) in [
            (vec![attempt("h:1", refused)], "cannot connect to h:1: connection refused"),
            (
                vec![attempt("a", refused), attempt("b", refused)],
                "cannot connect to h:1: a and b: connection refused",
            ),
            (
                vec![attempt("a", refused), attempt("b", unreachable)],
                "cannot connect to h:1: a: connection refused; b: network is unreachable",
            ),
        ] {
            assert_eq!(Error::Connect { target: "h:1".to_owned(), attempts }.to_string(), expected);
        }
    }

    #[test]
    fn a_reason_is_the_message_of_the_system_without_its_number() {
        for (errno, expected) in [
            (Errno::ADDRINUSE, "address already in use"),
            (Errno::NOTCONN, "connection reset by peer"),
            (Errno::PROTOTYPE, "the socket there is of another type"),
        ] {
            assert_eq!(reason(&errno.into()), expected);
        }
        assert_eq!(reason(&io::Error::other("TLS is off")), "TLS is off");
    }

    #[test]
    fn no_error_says_anything_twice_with_its_sources() {
        let cause = || std::sync::Arc::new(io::Error::from(Errno::ADDRINUSE));
        let lost = || Error::Lost { doing: "reading", cause: cause() };
        for error in [
            lost(),
            Error::Bind { target: "127.0.0.1:1".to_owned(), cause: cause() },
            Error::Local { doing: "read stdin", cause: cause() },
            Error::Relay { side: "the client".to_owned(), cause: Box::new(lost()) },
        ] {
            let sources = std::iter::successors(error.source(), |source| (*source).source());
            let whole = sources.fold(error.to_string(), |all, source| format!("{all}: {source}"));
            assert_eq!(whole.matches("ddress").count(), 1, "{whole}");
        }
    }
}
