//! Decides whether a certificate is revoked, by the revocation lists that were given.
//!
//! Two rules. A certificate is revoked if any list names it that was signed by the key that issued the
//! certificate, even a list that has expired or covers only some certificates. A certificate is known to be
//! good if such a list does not name it, is current and covers it.

use std::sync::{Arc, OnceLock};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use super::flaw::{Flaw, forgeable_digest};
use super::pem::{Content, Contents};
use super::unknown::Unknown;
use crate::certificate::pem::Block;
use crate::certificate::{Certificate, Listed, RevocationList};
use crate::error::Error;

/// Revocation lists from one origin.
pub(super) type Lists = Contents<Arc<List>>;

/// All lists that were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Revocations(Arc<[Arc<List>]>);

#[derive(Debug)]
pub(super) struct List {
    list: RevocationList,
    /// The key that signed it, once that is found: verifying the signature of a long list takes long.
    signer: OnceLock<Vec<u8>>,
}

impl Revocations {
    /// The given lists, which must all be readable.
    pub(super) fn of(all: &[Lists]) -> Result<Self, Error> {
        let mut lists = Vec::new();
        for contents in all {
            lists.extend_from_slice(contents.items()?);
        }
        Ok(Self(lists.into()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the certificates of a path, from the peer's own to a trusted one. The peer's own must be known
    /// to be good; those of its issuers must be if there is a list for them.
    pub(super) fn check_path(
        &self,
        path: &[Certificate],
        algorithms: &WebPkiSupportedAlgorithms,
        now: i64,
    ) -> Result<(), Flaw> {
        for (depth, pair) in path.windows(2).enumerate() {
            let [certificate, issuer] = pair else { continue };
            let query = Query { certificate, issuer, is_authority: depth > 0, now };
            match self.status(&query, algorithms) {
                Status::Good => {}
                Status::Revoked if depth > 0 => return Err(Flaw::IssuerRevoked(certificate.clone())),
                Status::Revoked => return Err(Flaw::Revoked),
                Status::Unknown(Unknown::NoList | Unknown::OtherScope) if depth > 0 => {}
                Status::Unknown(why) if depth > 0 => {
                    return Err(Flaw::IssuerStatusUnknown(certificate.clone(), why));
                }
                Status::Unknown(why) => return Err(Flaw::StatusUnknown(why)),
            }
        }
        Ok(())
    }

    /// Whether a list revokes a certificate that has no issuer in its path because it is trusted itself: its
    /// issuer may be another trusted one.
    pub(super) fn revoke_trusted(
        &self,
        certificate: &Certificate,
        mut trusted: impl Iterator<Item = Certificate>,
        algorithms: &WebPkiSupportedAlgorithms,
        now: i64,
    ) -> bool {
        trusted.any(|issuer| {
            let query = Query { certificate, issuer: &issuer, is_authority: true, now };
            certificate.is_issued_by(&issuer) && self.status(&query, algorithms) == Status::Revoked
        })
    }

    fn status(&self, query: &Query<'_>, algorithms: &WebPkiSupportedAlgorithms) -> Status {
        let (mut is_good, mut why) = (false, Unknown::NoList);
        for list in self.0.iter().filter(|list| list.list.is_by_issuer_of(query.certificate)) {
            let reason = match list.check_signer(query.issuer, algorithms) {
                Err(reason) => Some(reason),
                Ok(()) if list.names(query) => return Status::Revoked,
                Ok(()) => list.why_not_good(query),
            };
            match reason {
                None => is_good = true,
                Some(reason) => why = why.max(reason),
            }
        }
        if is_good { Status::Good } else { Status::Unknown(why) }
    }
}

impl Content for Arc<List> {
    const NAME: &str = "CRL";

    fn read(block: &Block) -> Option<Result<Self, String>> {
        let is_list = ["X509 CRL", "CRL"].contains(&block.label.as_str());
        let list = is_list.then(|| RevocationList::from_der(&block.der))?;
        let list = list.map(|list| Arc::new(List { list, signer: OnceLock::new() }));
        Some(list.ok_or_else(|| "this CRL cannot be read".to_owned()))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Status {
    Good,
    Revoked,
    Unknown(Unknown),
}

/// A question about one certificate.
struct Query<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    is_authority: bool,
    now: i64,
}

impl List {
    /// Whether the key of this issuer has signed the list.
    fn check_signer(
        &self,
        issuer: &Certificate,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Unknown> {
        let key = issuer.key_info().ok_or(Unknown::OtherKey)?;
        if let Some(signer) = self.signer.get() {
            return if signer == key { Ok(()) } else { Err(Unknown::OtherKey) };
        }
        verify(self.list.signature(), key, algorithms)?;
        let _ = self.signer.set(key.to_vec());
        Ok(())
    }

    /// Whether the list revokes the certificate. A list that is not valid yet does not count, and a
    /// certificate on hold may have been released since the list expired.
    fn names(&self, query: &Query<'_>) -> bool {
        match self.list.find(query.certificate) {
            _ if !self.has_begun(query.now) => false,
            Listed::No => false,
            Listed::OnHold => !self.has_ended(query.now),
            Listed::Revoked => true,
        }
    }

    /// Why the certificate is not known to be good although the list does not name it; None if it is.
    fn why_not_good(&self, query: &Query<'_>) -> Option<Unknown> {
        let list = &self.list;
        if !list.covers(query.certificate, query.is_authority) {
            Some(Unknown::OtherScope)
        } else if let Some(obstacle) = list.obstacle() {
            Some(Unknown::Obstacle(obstacle.to_owned()))
        } else if !query.issuer.may_sign_lists() {
            Some(Unknown::NoListSigner)
        } else if !self.has_begun(query.now) {
            Some(Unknown::NotYetValid(list.begin()))
        } else {
            list.end().filter(|_| self.has_ended(query.now)).map(Unknown::Expired)
        }
    }

    fn has_begun(&self, now: i64) -> bool {
        now >= self.list.begin().seconds()
    }

    /// A list that does not say when the next one is due has no end.
    fn has_ended(&self, now: i64) -> bool {
        self.list.end().is_some_and(|end| end.seconds() <= now)
    }
}

/// Checks that this key (a `SubjectPublicKeyInfo`) made the signature, with an algorithm that is accepted for
/// certificates too.
fn verify(
    (signed, algorithm, signature): (&[u8], &[u8], &[u8]),
    key: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), Unknown> {
    let key = SubjectPublicKeyInfoDer::from(key);
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| Unknown::OtherKey)?;
    let mut known =
        algorithms.all.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm).peekable();
    if known.peek().is_none() {
        return Err(Unknown::OtherSignature(forgeable_digest(algorithm)));
    }
    let is_by_key = known.any(|known| key.verify_signature(*known, signed, signature).is_ok());
    if is_by_key { Ok(()) } else { Err(Unknown::OtherKey) }
}
