//! Attempts to connect, and one error of several targets that all have failed.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::Error;

/// One address that was tried, and why it failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attempt {
    /// The address, as text.
    pub address: String,
    /// Why it failed.
    pub cause: Arc<io::Error>,
}

impl Attempt {
    pub(crate) fn new(address: impl fmt::Display, cause: io::Error) -> Self {
        Self { address: address.to_string(), cause: Arc::new(cause) }
    }
}

impl Error {
    /// One error for several targets that could not be reached. The error of a single target stays as it is.
    pub(crate) fn of_targets(mut failed: Vec<(impl fmt::Display, Self)>) -> Self {
        if failed.len() == 1
            && let Some((_, error)) = failed.pop()
        {
            return error;
        }
        let names: Vec<_> = failed.iter().map(|(target, _)| target.to_string()).collect();
        let attempts = failed.into_iter().zip(&names).flat_map(|((_, error), target)| match error {
            Self::Connect { attempts, .. } => attempts,
            other => vec![Attempt { address: target.clone(), cause: Arc::new(as_cause(&other)) }],
        });
        Self::Connect { target: names.join(" or "), attempts: attempts.collect() }
    }
}

/// An error as one of the system, which waiting does not cure either.
fn as_cause(error: &Error) -> io::Error {
    let kind = if error.may_pass() { io::ErrorKind::Other } else { io::ErrorKind::InvalidInput };
    io::Error::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(target: &str) -> (String, Error) {
        let attempt = Attempt::new(target, io::ErrorKind::ConnectionRefused.into());
        (target.to_owned(), Error::Connect { target: target.to_owned(), attempts: vec![attempt] })
    }

    #[test]
    fn the_error_of_several_targets_names_each_of_them() {
        let one = Error::of_targets(vec![refused("127.0.0.1:1")]);
        assert_eq!(one.to_string(), "cannot connect to 127.0.0.1:1: connection refused");
        let tls = ("h:3", Error::tls("TLS handshake with h:3", "not trusted"));
        let tls = (tls.0.to_owned(), tls.1);
        let all = Error::of_targets(vec![refused("127.0.0.1:1"), refused("127.0.0.1:2"), tls.clone()]);
        assert_eq!(
            all.to_string(),
            "cannot connect to 127.0.0.1:1 or 127.0.0.1:2 or h:3: 127.0.0.1:1 and 127.0.0.1:2: connection refused; \
             h:3: TLS handshake with h:3: not trusted"
        );
        assert!(all.may_pass());
        assert!(!Error::of_targets(vec![tls.clone(), tls]).may_pass());
    }
}
