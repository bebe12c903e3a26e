//! Which errors may pass by themselves, so that it is worth trying again.

use std::io;

use rustix::io::Errno;

use super::{Attempt, Error, ProxyFault, ResolveFault, TlsFault};

impl Error {
    /// Whether the same set-up may succeed later although nothing is changed on this side.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Resolve { fault, .. } => *fault == ResolveFault::Other,
            Self::Connect { attempts, .. } => attempts.iter().any(Attempt::may_pass),
            Self::Tls { fault, .. } => *fault == TlsFault::Unfinished,
            Self::Proxy { fault, .. } => fault.may_pass(),
            Self::Timeout { .. } | Self::Lost { .. } | Self::Refused { .. } | Self::Unanswered { .. } => true,
            // The same two ends were connected a moment ago, or the address is not there yet.
            Self::Source { cause, .. } => {
                let errno = cause.raw_os_error().map(Errno::from_raw_os_error);
                [Errno::ADDRINUSE, Errno::ADDRNOTAVAIL].map(Some).contains(&errno)
            }
            // What this side has to change, and what has happened to an open connection.
            _ => false,
        }
    }
}

impl ProxyFault {
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(error) => error.may_pass(),
            Self::Refused | Self::Protocol => true,
            _ => false,
        }
    }
}

impl Attempt {
    /// Whether waiting may help: an address that this machine cannot use at all stays one.
    fn may_pass(&self) -> bool {
        let errno = self.cause.raw_os_error().map(Errno::from_raw_os_error);
        let stays = [Errno::PROTOTYPE, Errno::AFNOSUPPORT, Errno::INVAL, Errno::NAMETOOLONG];
        !errno.is_some_and(|errno| stays.contains(&errno)) && self.cause.kind() != io::ErrorKind::InvalidInput
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::error::Step;

    #[test]
    fn what_may_pass_by_itself_is_neither_a_mistake_nor_a_matter_of_trust() {
        let connect = |errnos: &[Errno]| {
            let attempts = errnos.iter().map(|errno| Attempt::new("127.0.0.1:1", (*errno).into())).collect();
            Error::Connect { target: "127.0.0.1:1".to_owned(), attempts }
        };
        let resolve = |fault| Error::Resolve { host: "db".to_owned(), reason: String::new(), fault };
        let tls = |fault| Error::tls("TLS", "").with_fault(fault);
        let proxy = |fault| Error::Proxy { proxy: "http://proxy:1".to_owned(), reason: String::new(), fault };
        let lost = Error::Lost { doing: "connecting", cause: Arc::new(Errno::CONNRESET.into()) };
        for passing in [
            connect(&[Errno::CONNREFUSED]),
            connect(&[Errno::AFNOSUPPORT, Errno::HOSTUNREACH]),
            connect(&[Errno::NOENT]),
            resolve(ResolveFault::Other),
            tls(TlsFault::Unfinished),
            Error::Timeout { step: Step::Handshake, doing: String::new(), after: Duration::ZERO },
            proxy(ProxyFault::Unreachable(Box::new(connect(&[Errno::CONNREFUSED])))),
            proxy(ProxyFault::Refused),
            lost,
        ] {
            assert!(passing.may_pass(), "{passing:?}");
        }
        for lasting in [
            connect(&[Errno::PROTOTYPE]),
            connect(&[Errno::AFNOSUPPORT]),
            resolve(ResolveFault::NotNumeric),
            resolve(ResolveFault::Family),
            tls(TlsFault::Untrusted),
            tls(TlsFault::Name),
            tls(TlsFault::Certificate),
            tls(TlsFault::Other),
            proxy(ProxyFault::Unreachable(Box::new(tls(TlsFault::Untrusted)))),
            proxy(ProxyFault::LoginRejected),
            Error::invalid("x", "y"),
            Error::file(Path::new("x"), "y"),
        ] {
            assert!(!lasting.may_pass(), "{lasting:?}");
        }
    }
}
