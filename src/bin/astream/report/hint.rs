//! What to do about an error: the flag that helps.

use std::io::ErrorKind;

use astream::{Error, TlsFault};

pub fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Truncated => {
            Some("--no-shutdown or --ignore-unexpected-eof, if the protocol itself says where its data end")
        }
        Error::Relay { cause, .. } => relay(cause),
        Error::Tls { fault, .. } => tls(*fault),
        Error::Timeout { doing, .. } if doing.starts_with("connection with") => Some("-i"),
        Error::Timeout { doing, .. } if doing.starts_with("STARTTLS") => {
            Some("-w TIME waits longer; --tls without --starttls, if it speaks TLS from the start")
        }
        Error::Timeout { .. } => Some("-w TIME waits longer"),
        Error::Bind { target, cause } if target.starts_with("unix:") => match cause.kind() {
            ErrorKind::AddrInUse => Some("choose another path, or remove what is there"),
            ErrorKind::NotFound => Some("its folder is not there"),
            _ => None,
        },
        Error::Bind { cause, .. } => match cause.kind() {
            ErrorKind::AddrInUse => Some("choose another port, or 0 for a free one"),
            ErrorKind::AddrNotAvailable => Some("listen on an address of this machine, or on '*' for all"),
            ErrorKind::PermissionDenied => Some("a port below 1024 and another's folder need privileges"),
            _ => None,
        },
        _ => None,
    }
}

/// One side of `--forward`, whose options have names of their own.
fn relay(cause: &Error) -> Option<&'static str> {
    match cause {
        Error::Truncated => Some("--ignore-unexpected-eof, if the protocol itself says where its data end"),
        Error::Tls { fault: TlsFault::Untrusted, .. } => {
            Some("trust its CA with --forward-cacert FILE or its key with --forward-pin")
        }
        Error::Tls { fault: TlsFault::Name, .. } => {
            Some("--forward-servername NAME, if the server goes by another name")
        }
        Error::Timeout { .. } => Some("-w TIME waits longer"),
        _ => None,
    }
}

fn tls(fault: TlsFault) -> Option<&'static str> {
    match fault {
        TlsFault::Untrusted => {
            Some("trust its CA with --cacert FILE or its key with --pin; --insecure trusts anybody")
        }
        TlsFault::Name => Some("--servername NAME, if the server goes by another name"),
        TlsFault::Identity => Some("show one that it accepts with --cert FILE --key FILE"),
        TlsFault::Version => {
            Some("see --tls-min and --tls-max; versions before 1.2 are unsafe, and not spoken")
        }
        TlsFault::Protocol => Some("--alpn LIST"),
        TlsFault::FromStart => Some("--tls without --starttls"),
        _ => None,
    }
}
