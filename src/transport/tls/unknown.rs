//! Why it is not known whether a certificate has been revoked.

use std::fmt;

use crate::certificate::Timestamp;

/// Why no list says that a certificate is good; of several reasons the last one here is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unknown {
    NoList,
    /// Each list of its issuer is about other certificates.
    OtherScope,
    /// The list has the issuer's name, and another key has signed it.
    OtherKey,
    /// The signature of the list is of a kind that is not accepted: made with this digest, if it is known.
    OtherSignature(Option<&'static str>),
    /// The issuer's certificate does not allow its key to sign lists.
    NoListSigner,
    NotYetValid(Timestamp),
    Expired(Timestamp),
    /// The list holds something that must be understood and is not.
    Obstacle(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoList => f.write_str("there is no CRL of its issuer"),
            Self::OtherScope => f.write_str("the CRL of its issuer is about other certificates only"),
            Self::OtherKey => f.write_str("the CRL of its issuer is not signed by the key that issued it"),
            Self::OtherSignature(Some(digest)) => {
                write!(f, "the CRL of its issuer is signed with {digest}, which can be forged")
            }
            Self::OtherSignature(None) => {
                f.write_str("the CRL of its issuer is signed in a way that is not known here")
            }
            Self::NoListSigner => f.write_str("its issuer may not sign CRLs (key usage)"),
            Self::NotYetValid(begin) => write!(f, "the CRL of its issuer is not valid before {begin}"),
            Self::Expired(end) => write!(f, "the CRL of its issuer has expired on {end}: get the next one"),
            Self::Obstacle(obstacle) => write!(f, "the CRL of its issuer cannot be used: {obstacle}"),
        }
    }
}
