//! What a proxy can fail for.

use super::Error;

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
