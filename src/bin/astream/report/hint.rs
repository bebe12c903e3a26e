//! What to do about an error: the flag that helps.

use std::io::{self, ErrorKind};

use astream::{Attempt, Certificate, Error, ProxyFault, ResolveFault, Step, TlsFault};
use rustix::io::Errno;

/// An error with what to do about it.
pub fn hinted(message: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{message} ({hint})"),
        None => message.to_owned(),
    }
}

pub fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Invalid { .. } => crate::cli::advice(),
        // `listen TCP:80`.
        Error::Resolve { host, .. } if crate::cli::is_of_socat(host) => crate::cli::advice(),
        Error::Resolve { host, fault, .. } => resolve(host, *fault).map(str::to_owned),
        Error::Tls { fault, peer_certificates, .. } => {
            trust(*fault, peer_certificates, "--").or_else(|| tls(*fault).map(str::to_owned))
        }
        Error::Proxy { proxy: url, fault, .. } => proxy(url, fault),
        Error::Relay { side, cause, .. } => match &**cause {
            // The options for the target have names of their own.
            Error::Tls { fault, peer_certificates, .. } if side.starts_with("the target") => {
                trust(*fault, peer_certificates, "--forward-")
                    .or_else(|| target_tls(*fault).map(str::to_owned))
            }
            Error::Truncated => {
                Some("--ignore-unexpected-eof, if the protocol itself says where its data end".to_owned())
            }
            Error::Timeout { step: Step::StartTls, .. } => Some(
                "-w TIME waits longer; --forward-tls without --forward-starttls, if it speaks TLS from the start"
                    .to_owned(),
            ),
            cause @ (Error::Timeout { .. } | Error::Proxy { .. }) => hint(cause),
            _ => None,
        },
        other => fixed(other).map(str::to_owned),
    }
}

/// The same about a client that a server did not let in. Nothing that would let in more of them is suggested.
pub fn hint_of_client(error: &Error) -> Option<&'static str> {
    matches!(error, Error::Timeout { .. }).then_some("-w TIME waits longer")
}

fn fixed(error: &Error) -> Option<&'static str> {
    match error {
        Error::Truncated if crate::cli::is_end_kept_back() => {
            Some("--ignore-unexpected-eof, if the protocol itself says where its data end")
        }
        Error::Truncated => Some(
            "--no-shutdown, --ignore-unexpected-eof or both, if the protocol itself says where its data end",
        ),
        Error::Lost { .. } if crate::cli::ignores_unexpected_eof() && !crate::cli::is_end_kept_back() => {
            Some("--no-shutdown too, if our end makes the peer leave")
        }
        Error::Idle { .. } => Some("-i TIME waits longer"),
        Error::Timeout { step: Step::StartTls, .. } => {
            Some("-w TIME waits longer; --tls without --starttls, if it speaks TLS from the start")
        }
        Error::Timeout { step: Step::Connection, .. } => Some("--max-time TIME allows more"),
        Error::Timeout { step: Step::Client, .. } => Some("--first-client TIME waits longer"),
        Error::Timeout { step: Step::Handshake, .. } => {
            Some("-w TIME waits longer, and without --tls no TLS is spoken")
        }
        Error::Timeout { .. } => Some("-w TIME waits longer"),
        Error::Connect { attempts, .. } => attempts.iter().find_map(connect),
        Error::Bind { target, cause, .. } if target.starts_with("unix:") => match cause.kind() {
            ErrorKind::AddrInUse => Some("choose another path, or remove what is there"),
            ErrorKind::NotFound => Some("its folder is not there"),
            ErrorKind::PermissionDenied => Some("its folder may not be written to"),
            _ => None,
        },
        Error::Bind { cause, .. } => match cause.kind() {
            ErrorKind::AddrInUse => Some("choose another port, or 0 for a free one"),
            ErrorKind::AddrNotAvailable => Some("listen on an address of this machine, or on '*' for all"),
            ErrorKind::PermissionDenied => Some("a port below 1024 needs privileges"),
            _ => None,
        },
        _ => None,
    }
}

fn resolve(host: &str, fault: ResolveFault) -> Option<&'static str> {
    match fault {
        ResolveFault::NotNumeric => Some("without -n names are looked up"),
        ResolveFault::Family if host.contains(':') => Some("leave out -4"),
        ResolveFault::Family => Some("leave out -6"),
        _ => None,
    }
}

fn connect(attempt: &Attempt) -> Option<&'static str> {
    if is(&attempt.cause, Errno::ACCESS) && !attempt.address.starts_with("unix:") {
        return Some("--broadcast allows the address of all machines of a network");
    }
    let is_of_another_type = is(&attempt.cause, Errno::PROTOTYPE);
    is_of_another_type.then_some("for datagrams with -u, for streams without it")
}

/// What to do about a proxy, which has options of its own.
fn proxy(url: &str, fault: &ProxyFault) -> Option<String> {
    let fixed = match fault {
        ProxyFault::Unreachable(cause) => return proxy_itself(cause),
        ProxyFault::SecretInUrl | ProxyFault::LoginMissing => {
            "put USER:SECRET into the environment variable ASTREAM_PROXY_AUTH; for a second proxy it is ASTREAM_PROXY_AUTH_2"
        }
        ProxyFault::LoginRejected => "see USER:SECRET in the environment variable ASTREAM_PROXY_AUTH",
        ProxyFault::NoConnect => "it may be a web server, and not a proxy",
        ProxyFault::Protocol if url.starts_with("socks") => {
            "socks5://, socks4a:// or http://, by what it speaks"
        }
        ProxyFault::Protocol => "http://, https:// or socks5://, by what it speaks",
        _ => return None,
    };
    Some(fixed.to_owned())
}

/// A proxy that cannot be reached, or that is not trusted.
fn proxy_itself(cause: &Error) -> Option<String> {
    match cause {
        Error::Tls { fault: TlsFault::NoTls, .. } => Some("http://, if it does not speak TLS".to_owned()),
        Error::Tls { fault: TlsFault::Untrusted, .. } => {
            Some("name certificates to trust with --proxy-cacert FILE".to_owned())
        }
        Error::Tls { .. } => None,
        other => hint(other),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// How the peer's certificate could be accepted; options begin with `dashes`.
fn trust(fault: TlsFault, shown: &[Certificate], dashes: &str) -> Option<String> {
    let pin = shown.first().and_then(Certificate::pin)?;
    match fault {
        TlsFault::Untrusted => {
            Some(format!("trust its issuer with {dashes}cacert FILE, or this key with {dashes}pin {pin}"))
        }
        TlsFault::Name if shown.iter().take(1).any(|own| own.names().is_empty()) => Some(format!(
            "trust this key with {dashes}pin {pin}, or make a certificate with a subjectAltName"
        )),
        TlsFault::Name => Some(format!(
            "{dashes}servername NAME, if it goes by another name, or trust this key with {dashes}pin {pin}"
        )),
        TlsFault::Certificate => Some(format!("trust this key all the same with {dashes}pin {pin}")),
        _ => None,
    }
}

fn tls(fault: TlsFault) -> Option<&'static str> {
    match fault {
        TlsFault::Untrusted => Some("name certificates to trust with --cacert FILE"),
        TlsFault::Name => Some("--servername NAME, if the server goes by another name"),
        TlsFault::Identity => Some("show one that it accepts with --cert FILE --key FILE"),
        TlsFault::Version => {
            Some("see --tls-min and --tls-max; versions before 1.2 are unsafe, and not spoken")
        }
        TlsFault::KeyExchange => Some("without --pq any key exchange is accepted"),
        TlsFault::Protocol => Some("--alpn LIST"),
        TlsFault::NoTls => Some("without --tls, or --starttls PROTO, if TLS begins after some words"),
        TlsFault::FromStart => Some("--tls without --starttls"),
        _ => None,
    }
}

fn target_tls(fault: TlsFault) -> Option<&'static str> {
    match fault {
        TlsFault::Name => Some("--forward-servername NAME, if the target goes by another name"),
        TlsFault::Identity => Some("show one that it accepts with --forward-cert FILE --forward-key FILE"),
        TlsFault::Version => Some("versions before 1.2 are unsafe, and not supported"),
        TlsFault::NoTls => {
            Some("without --forward-tls, or --forward-starttls PROTO, if TLS begins after some words")
        }
        TlsFault::FromStart => Some("--forward-tls without --forward-starttls"),
        _ => None,
    }
}
