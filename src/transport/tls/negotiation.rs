//! What is negotiated: versions of TLS, key exchanges, and application protocols.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group::{MLKEM768, MLKEM1024, SECP256R1MLKEM768, X25519MLKEM768};
use rustls::version::{TLS12, TLS13};
use rustls::{CommonState, ProtocolVersion, SupportedProtocolVersion};

use super::provider;
use crate::error::Error;

/// The limit of all names of application protocols together, in bytes: the message that carries them must be
/// one that every peer reads, and Java reads up to 32 KiB.
const MAX_PROTOCOLS: usize = 16 * 1024;

/// A version of TLS that is still safe to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl TlsVersion {
    /// The version of a session whose handshake is complete.
    pub(super) fn of(session: &CommonState) -> Self {
        match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Self::V1_2,
            _ => Self::V1_3,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        })
    }
}

impl FromStr for TlsVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(Error::invalid(text, "a version of TLS is 1.2 or 1.3")),
        }
    }
}

/// What one side accepts; both sides agree on the best that they share.
#[derive(Debug, Clone)]
pub(super) struct Negotiation {
    pub(super) versions: RangeInclusive<TlsVersion>,
    /// In order of preference. Unless empty, one of them must be agreed on.
    pub(super) protocols: Vec<String>,
    /// Whether only key exchanges with ML-KEM are accepted (FIPS 203).
    pub(super) post_quantum: bool,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self { versions: TlsVersion::V1_2..=TlsVersion::V1_3, protocols: Vec::new(), post_quantum: false }
    }
}

impl Negotiation {
    /// Fails if nothing could ever be agreed on.
    pub(super) fn check(&self) -> Result<(), Error> {
        let versions = &self.versions;
        if versions.is_empty() {
            let reason = format!("the lowest version of TLS is above the highest, {}", versions.end());
            return Err(Error::invalid(versions.start(), reason));
        }
        if self.post_quantum && *versions.end() < TlsVersion::V1_3 {
            return Err(Error::invalid(
                versions.end(),
                "this version of TLS has no post-quantum key exchange",
            ));
        }
        // RFC 7301, 3.1: a name has a length of one byte.
        if let Some(name) = self.protocols.iter().find(|name| name.is_empty() || name.len() > 255) {
            return Err(Error::invalid(name, "an application protocol's name has 1 to 255 bytes"));
        }
        let size: usize = self.protocols.iter().map(|name| name.len() + 1).sum();
        if size <= MAX_PROTOCOLS {
            return Ok(());
        }
        let others = self.protocols.len() - 1;
        let reason = format!("with {others} other application protocols it is too long for a handshake");
        Err(Error::invalid(&self.protocols[0], reason))
    }

    pub(super) fn supported(&self) -> Vec<&'static SupportedProtocolVersion> {
        let all = [(TlsVersion::V1_3, &TLS13), (TlsVersion::V1_2, &TLS12)];
        all.into_iter()
            .filter(|(version, _)| self.versions.contains(version))
            .filter(|(version, _)| !self.post_quantum || *version == TlsVersion::V1_3)
            .map(|(_, known)| known)
            .collect()
    }

    /// The cryptography, with the key exchanges that are accepted.
    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        if !self.post_quantum {
            return provider();
        }
        let kx_groups = vec![X25519MLKEM768, SECP256R1MLKEM768, MLKEM768, MLKEM1024];
        Arc::new(CryptoProvider { kx_groups, ..rustls::crypto::aws_lc_rs::default_provider() })
    }

    pub(super) fn alpn(&self) -> Vec<Vec<u8>> {
        self.protocols.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}

/// The methods by which a client and a server set what they negotiate.
macro_rules! negotiation_setters {
    () => {
        /// The versions to speak; all of them by default.
        pub fn versions(mut self, versions: std::ops::RangeInclusive<TlsVersion>) -> Self {
            self.negotiation.versions = versions;
            self
        }

        /// The application protocols to agree on, the best first (ALPN, RFC 7301). A peer that agrees to none of
        /// them is refused.
        pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
            self.negotiation.protocols = protocols.into_iter().map(Into::into).collect();
            self
        }

        /// Treats an end without `close_notify` as a clean one. Safe only if the protocol itself marks where its
        /// data end.
        pub fn ignore_unexpected_eof(mut self, yes: bool) -> Self {
            self.ignore_unexpected_eof = yes;
            self
        }
    };
}

pub(super) use negotiation_setters;

/// `TLS 1.2 and 1.3`, `TLS 1.3`.
impl fmt::Display for Negotiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lowest, highest) = (self.versions.start(), self.versions.end());
        if lowest == highest { write!(f, "TLS {lowest}") } else { write!(f, "TLS {lowest} and {highest}") }
    }
}
