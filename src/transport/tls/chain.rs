//! Decides whether a certificate is good: its chain to a trusted one, its validity, purpose and name, and its
//! revocation.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::anchors::Anchors;
use super::flaw::Flaw;
use super::provider;
use super::revocation::Revocations;
use super::unknown::Unknown;
use crate::certificate::Certificate;

/// The certificates that a peer presented: its own, and those that lead from it to a trusted one.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) own: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
}

/// Accepts certificates that chain to a trusted one.
///
/// It goes beyond webpki in three points. A peer may present a certificate that is itself trusted, no matter
/// who issued it and even if it is an authority's: `openssl req -x509` makes such certificates, and OpenSSL
/// accepts them. The key usage is checked (RFC 5280, 4.2.1.3; RFC 8446, 4.4.2.2). A trusted certificate must
/// be valid now, and an authority's, for others to chain to it.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    anchors: Arc<Anchors>,
    revocations: Revocations,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Chain {
    pub(super) fn new(anchors: Arc<Anchors>, revocations: Revocations) -> Self {
        Self { anchors, revocations, algorithms: provider().signature_verification_algorithms }
    }

    pub(super) fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// Checks a server's certificate, which must be for `name`. Returns the path from it to the trusted one.
    pub(super) fn check_server(
        &self,
        presented: Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        let own = EndEntityCert::try_from(presented.own)?;
        let path = self.check_path(&own, presented, KeyUsage::server_auth(), now)?;
        own.verify_is_valid_for_subject_name(name)?;
        Ok(path)
    }

    /// Checks a client's certificate. Returns the same path.
    pub(super) fn check_client(
        &self,
        presented: Presented<'_>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        self.check_path(&EndEntityCert::try_from(presented.own)?, presented, KeyUsage::client_auth(), now)
    }

    /// Checks a certificate of ours as a peer does that trusts this very one: all that does not depend on its issuer.
    pub(super) fn check_own(own: &CertificateDer<'static>, usage: KeyUsage) -> Result<(), Flaw> {
        let chain = Self::new(Arc::new(Anchors::of_one(own)?), Revocations::default());
        let presented = Presented { own, intermediates: &[] };
        chain.check_path(&EndEntityCert::try_from(own)?, presented, usage, UnixTime::now()).map(drop)
    }

    fn check_path(
        &self,
        own: &EndEntityCert<'_>,
        presented: Presented<'_>,
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        let is_trusted_itself = self.anchors.certificates.contains(presented.own);
        let flaw = RefCell::new(None);
        let verify = |path: &VerifiedPath<'_>| {
            let checked = self.check_verified(&self.certificates(presented, path), is_trusted_itself, now);
            checked.map_err(|found| {
                *flaw.borrow_mut() = Some(found);
                // Lets webpki try another path to a trusted certificate.
                webpki::Error::CertDistrusted
            })
        };
        let (all, roots) = (self.algorithms.all, &self.anchors.store.roots);
        let own_alone = || vec![read(presented.own)];
        let verified =
            own.verify_for_usage(all, roots, presented.intermediates, now, usage, None, Some(&verify));
        let path = match verified {
            Ok(path) if !is_trusted_itself => self.certificates(presented, &path),
            // Trusted itself, it needs no issuer.
            Ok(_) => own_alone(),
            // webpki reports this after checking the validity and before anything else.
            Err(webpki::Error::CaUsedAsEndEntity) if is_trusted_itself => {
                self.check_trusted(presented.own, now)?;
                own_alone()
            }
            // Everything that does not depend on the issuer has been checked.
            Err(error) if is_trusted_itself && is_of_issuer(&error) && flaw.borrow().is_none() => {
                self.check_trusted(presented.own, now)?;
                if !self.revocations.is_empty() {
                    return Err(Flaw::StatusUnknown(Unknown::NoList));
                }
                own_alone()
            }
            Err(error) => {
                // Of a self-signed certificate another may be trusted that has the same name.
                let is_alone = is_of_issuer(&error) && read(presented.own).is_issued_by(&read(presented.own));
                let error = if is_alone { webpki::Error::UnknownIssuer } else { error };
                let short = || {
                    self.short_issuer(presented)
                        .filter(|_| error == webpki::Error::InvalidSignatureForPublicKey)
                };
                return Err(flaw.take().or_else(short).unwrap_or(Flaw::Webpki(error)));
            }
        };
        if path[0].may_sign() { Ok(path) } else { Err(Flaw::KeyUsage) }
    }

    /// The certificates of a path that webpki accepts, from the peer's own to the trusted one.
    fn certificates(&self, presented: Presented<'_>, path: &VerifiedPath<'_>) -> Vec<Certificate> {
        let anchor = self.anchors.store.roots.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let anchor = anchor.map(|at| read(&self.anchors.certificates[at]));
        let intermediates = path.intermediate_certificates().map(|one| read(&one.der()));
        std::iter::once(read(presented.own)).chain(intermediates).chain(anchor).collect()
    }

    fn check_verified(
        &self,
        path: &[Certificate],
        is_trusted_itself: bool,
        now: UnixTime,
    ) -> Result<(), Flaw> {
        check_issuers(path, is_trusted_itself, now)?;
        if self.revocations.is_empty() {
            return Ok(());
        }
        self.revocations.check_path(path, &self.algorithms, seconds(now))?;
        match path.last() {
            Some(anchor) if self.is_listed(anchor, now) => Err(Flaw::IssuerRevoked(anchor.clone())),
            _ => Ok(()),
        }
    }

    /// Checks a certificate that needs no issuer because it is trusted itself.
    fn check_trusted(&self, own: &CertificateDer<'_>, now: UnixTime) -> Result<(), Flaw> {
        if self.is_listed(&read(own), now) { Err(Flaw::Revoked) } else { Ok(()) }
    }

    /// Whether a trusted certificate is on the revocation list of another trusted one.
    fn is_listed(&self, certificate: &Certificate, now: UnixTime) -> bool {
        let trusted = self.anchors.certificates.iter().filter(|_| !self.revocations.is_empty()).map(read);
        self.revocations.revoke_trusted(certificate, trusted, &self.algorithms, seconds(now))
    }
}

fn read(der: &CertificateDer<'_>) -> Certificate {
    Certificate::from_der(der.as_ref())
}

/// Whether no trusted key has signed it, though one may have the name of its issuer.
fn is_of_issuer(error: &webpki::Error) -> bool {
    use webpki::Error as E;
    matches!(
        error,
        E::UnknownIssuer
            | E::InvalidSignatureForPublicKey
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
    )
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Chain {
    /// An issuer whose RSA key is so short that webpki does not check its signature.
    fn short_issuer(&self, presented: Presented<'_>) -> Option<Flaw> {
        let below: Vec<_> = std::iter::once(presented.own).chain(presented.intermediates).map(read).collect();
        let above = self.anchors.certificates.iter().chain(presented.intermediates).map(read);
        above
            .filter(|issuer| below.iter().any(|one| one.issuer() == issuer.subject()))
            .find_map(Flaw::of_issuer)
    }
}

/// Checks the issuers of a path. The trusted one at its end is exempt if the peer's own certificate is
/// trusted itself.
fn check_issuers(path: &[Certificate], is_trusted_itself: bool, now: UnixTime) -> Result<(), Flaw> {
    let mut issuers = path.get(1..).unwrap_or_default();
    match issuers.split_last() {
        Some((_, intermediates)) if is_trusted_itself => issuers = intermediates,
        Some((anchor, _)) if !anchor.is_valid_at(now.as_secs()) => {
            return Err(Flaw::TrustedTime(anchor.clone()));
        }
        _ => {}
    }
    match (0..).zip(issuers).find(|(between, issuer)| !issuer.may_issue(*between)) {
        Some((_, issuer)) => Err(Flaw::NoAuthority(issuer.clone())),
        None => Ok(()),
    }
}
