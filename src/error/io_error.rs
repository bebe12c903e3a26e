//! Conversions between errors of this crate and those of the system.

use std::io;
use std::sync::Arc;

use super::{Error, ProxyFault};

/// The error of this crate that is inside, as it comes from a codec; [`Error::Io`] if there is none.
///
/// ```
/// async fn read_all(path: &str) -> Result<Vec<u8>, astream::Error> {
///     Ok(std::fs::read(path)?)
/// }
/// ```
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|cause| Self::Io { cause: Arc::new(cause) })
    }
}

/// For codecs and other users of `AsyncRead` and `AsyncWrite`; the error can be downcast again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl Error {
    /// The error of this crate that is inside of `error`, or the loss of the connection.
    pub(crate) fn from_io(doing: &'static str, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(cause) => Self::Lost { doing, cause: Arc::new(cause) },
        }
    }

    /// The same of one of our own streams.
    pub(crate) fn from_local(doing: &'static str, error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|cause| Self::local(doing, cause))
    }

    fn kind(&self) -> io::ErrorKind {
        use io::ErrorKind as Kind;
        match self {
            Self::Source { cause, .. }
            | Self::Bind { cause, .. }
            | Self::Lost { cause, .. }
            | Self::Local { cause, .. }
            | Self::Datagram { cause, .. }
            | Self::Io { cause } => cause.kind(),
            Self::Connect { attempts, .. } => attempts.last().map_or(Kind::Other, |last| last.cause.kind()),
            Self::Relay { cause, .. } | Self::Proxy { fault: ProxyFault::Unreachable(cause), .. } => {
                cause.kind()
            }
            Self::Proxy { .. } | Self::Refused { .. } => Kind::ConnectionRefused,
            Self::Timeout { .. } | Self::Idle { .. } | Self::Unanswered { .. } => Kind::TimedOut,
            Self::Truncated | Self::Incomplete { .. } => Kind::UnexpectedEof,
            Self::WriteAfterEof | Self::Closed => Kind::BrokenPipe,
            Self::Invalid { .. } | Self::EmptySeparator | Self::MessageTooLong { .. } => Kind::InvalidInput,
            Self::Tls { .. } | Self::LimitOverrun { .. } | Self::LineTooLong { .. } => Kind::InvalidData,
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_same_again_after_it_was_an_io_error() {
        let back = |error: Error| Error::from(io::Error::from(error));
        assert!(matches!(back(Error::Truncated), Error::Truncated));
        assert!(matches!(back(Error::invalid("x", "y")), Error::Invalid { text, .. } if text == "x"));
        let other = Error::from(io::Error::from_raw_os_error(2));
        assert_eq!(other.to_string(), "no such file or directory");
        assert_eq!(io::Error::from(other).kind(), io::ErrorKind::NotFound);
    }
}
