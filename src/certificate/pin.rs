//! The pin of a public key: the hash by which one machine recognizes another.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The SHA-256 of a public key, written `sha256//BASE64` as for curl's `--pinnedpubkey`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a key in DER, a `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7).
    pub(crate) fn of_key(key: &[u8]) -> Self {
        Self(digest(&SHA256, key).as_ref().try_into().unwrap_or_default())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", STANDARD.encode(self.0))
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;

    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        text.strip_prefix("sha256//")
            .and_then(|hash| STANDARD.decode(hash).ok()?.try_into().ok())
            .map(Self)
            .ok_or_else(|| InvalidPin(text.to_owned()))
    }
}

/// A text that is not a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPin(String);

impl fmt::Display for InvalidPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}': a pin is sha256// and 44 characters of base64", self.0.escape_debug())
    }
}

impl std::error::Error for InvalidPin {}
