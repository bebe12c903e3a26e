//! What a failure is about, as far as there is a remedy.

use std::time::Duration;

use super::Error;

/// A step that has a time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A name is looked up.
    Resolve,
    /// A connection is made.
    Connect,
    /// A proxy is asked to connect to the target.
    Proxy,
    /// A server is asked for TLS in its own protocol.
    StartTls,
    /// The handshake of TLS.
    Handshake,
    /// What is left is sent before the connection is closed.
    Close,
    /// The whole of a connection, from when it stands.
    Connection,
    /// A client is waited for.
    Client,
}

impl Error {
    /// [`Error::Timeout`]: which step took longer than `after`, and the same in words.
    pub fn timeout(step: Step, doing: impl Into<String>, after: Duration) -> Self {
        Self::Timeout { step, doing: doing.into(), after }
    }
}

/// Why a name could not be resolved, as far as there is a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveFault {
    /// It is a name, and only IP addresses are allowed.
    NotNumeric,
    /// It is an IP address of the other family.
    Family,
    /// Anything else.
    Other,
}

/// What an error of TLS is about, as far as there is a remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The peer's certificate does not lead to a trusted one.
    Untrusted,
    /// The peer's certificate is for another name, or the server does not have the name.
    Name,
    /// The peer's certificate is flawed in some other way.
    Certificate,
    /// The peer requires a client certificate, or a different one.
    Identity,
    /// There is no common version of TLS.
    Version,
    /// There is no common key exchange that is safe from quantum computers, which was required.
    KeyExchange,
    /// There is no common application protocol (ALPN, RFC 7301).
    Protocol,
    /// The peer speaks something else than TLS.
    NoTls,
    /// The server was asked to start TLS, but speaks it from the start.
    FromStart,
    /// The connection was lost, or ended by the peer, before TLS was set up, or the server declined to begin with it:
    /// later it may succeed.
    Unfinished,
    /// Anything else.
    Other,
}

/// What the failure of a proxy is about, as far as there is a remedy.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Its URL holds a user or a secret, which belong elsewhere; nothing was connected to.
    SecretInUrl,
    /// The proxy itself could not be reached, or is not trusted.
    Unreachable(Box<Error>),
    /// It demands a user and a secret, and was given none.
    LoginMissing,
    /// It does not accept the user and the secret that it was given.
    LoginRejected,
    /// It demands authentication in a way that is not supported.
    LoginUnsupported,
    /// It refuses to connect to the target, or cannot.
    Refused,
    /// It is an HTTP server that seems not to know CONNECT.
    NoConnect,
    /// It speaks another protocol, or another version; or it ended the connection instead of answering.
    Protocol,
}
