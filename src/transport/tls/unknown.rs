//! Why it is not known whether a certificate has been revoked.

use std::fmt;

use crate::certificate::Timestamp;

/// Why no list says that a certificate is good. Of several reasons the one that comes last here is reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unknown {
    NoList,
    /// Each list of its issuer covers other certificates only.
    OtherScope,
    /// The list has the issuer's name, but another key signed it.
    OtherKey,
    /// The signature of the list is of a kind that is not accepted, with this digest if it is known.
    OtherSignature(Option<&'static str>),
    /// The issuer's certificate does not allow its key to sign lists.
    NoListSigner,
    NotYetValid(Timestamp),
    Expired(Timestamp),
    /// The list contains something that must be understood and is not.
    Obstacle(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoList => f.write_str("there is no CRL of its issuer"),
            Self::OtherScope => f.write_str("the CRL of its issuer covers other certificates only"),
            Self::OtherKey => f.write_str("the CRL of its issuer is not signed by the key that issued it"),
            Self::OtherSignature(Some(digest)) => {
                write!(f, "the CRL of its issuer is signed with {digest}, which can be forged")
            }
            Self::OtherSignature(None) => {
                f.write_str("the signature of the CRL of its issuer is of an unsupported kind")
            }
            Self::NoListSigner => f.write_str("its issuer may not sign CRLs (key usage)"),
            Self::NotYetValid(begin) => write!(f, "the CRL of its issuer is not valid before {begin}"),
            Self::Expired(end) => write!(f, "the CRL of its issuer expired on {end}; get the next one"),
            Self::Obstacle(obstacle) => write!(f, "the CRL of its issuer cannot be used: {obstacle}"),
        }
    }
}
