//! Whether a certificate is good: its chain to a trusted one, its validity, purpose and name, and that
//! nobody has revoked it.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use super::anchors::Anchors;
use super::flaw::Flaw;
use super::pem::PemFile;
use super::provider;
use crate::certificate::Certificate;
use crate::error::Error;

/// A file of revocation lists.
pub(super) type CrlFile = PemFile<CertificateRevocationListDer<'static>>;

/// What a peer has shown: its own certificate, and those that lead from it to a trusted one.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) own: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
}

/// Accepts certificates that the trusted ones stand for.
///
/// Three things are done beyond what webpki does. A peer may show a certificate which is itself one of
/// the trusted ones, whoever has issued it, also one of an authority: `openssl req -x509` makes nothing
/// else, and OpenSSL accepts it. The key usage is looked at (RFC 5280, 4.2.1.3; RFC 8446, 4.4.2.2). And a trusted
/// certificate must itself be valid and one of an authority to stand for others.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    anchors: Arc<Anchors>,
    crls: Arc<Vec<CertRevocationList<'static>>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Chain {
    pub(super) fn new(anchors: Arc<Anchors>, crls: Arc<Vec<CertRevocationList<'static>>>) -> Self {
        Self { anchors, crls, algorithms: provider().signature_verification_algorithms }
    }

    pub(super) fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// A server's, which must be for `name`. Gives the path that was taken, from its own certificate to the
    /// trusted one.
    pub(super) fn check_server(
        &self,
        shown: Presented<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        let own = EndEntityCert::try_from(shown.own)?;
        let path = self.check(&own, shown, KeyUsage::server_auth(), now)?;
        own.verify_is_valid_for_subject_name(name)?;
        Ok(path)
    }

    /// A client's, with the same path.
    pub(super) fn check_client(&self, shown: Presented<'_>, now: UnixTime) -> Result<Vec<Certificate>, Flaw> {
        self.check(&EndEntityCert::try_from(shown.own)?, shown, KeyUsage::client_auth(), now)
    }

    /// The peer's own certificate must be known not to be revoked, where there are revocation lists at
    /// all; those of its issuers are looked at where there is a list for them. Of several lists of
    /// one issuer webpki looks at the first, so each of them is asked alone as well.
    fn check(
        &self,
        own: &EndEntityCert<'_>,
        shown: Presented<'_>,
        usage: KeyUsage,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        let crls: Vec<_> = self.crls.iter().collect();
        let check = |revocation| self.check_path(own, shown, usage, revocation, now);
        let Ok(revocation) = RevocationOptionsBuilder::new(&crls) else { return check(None) };
        let revocation = revocation.with_expiration_policy(ExpirationPolicy::Enforce);
        let end = revocation.with_depth(RevocationCheckDepth::EndEntity);
        check(Some(end.build()))?;
        let chain = revocation.with_status_policy(UnknownStatusPolicy::Allow);
        let path = check(Some(chain.build())).map_err(issuer_revoked)?;
        for list in crls.iter().filter(|list| shares_its_issuer(list, &crls)) {
            let Ok(revocation) = RevocationOptionsBuilder::new(std::slice::from_ref(list)) else { continue };
            let chain = revocation.with_status_policy(UnknownStatusPolicy::Allow);
            let end = chain.with_depth(RevocationCheckDepth::EndEntity);
            only_revoked(check(Some(end.build())))?;
            only_revoked(check(Some(chain.build()))).map_err(issuer_revoked)?;
        }
        Ok(path)
    }

    fn check_path(
        &self,
        own: &EndEntityCert<'_>,
        shown: Presented<'_>,
        usage: KeyUsage,
        revocation: Option<RevocationOptions<'_>>,
        now: UnixTime,
    ) -> Result<Vec<Certificate>, Flaw> {
        let is_trusted_itself = self.anchors.certificates.contains(shown.own);
        let flaw = RefCell::new(None);
        let verify = |path: &VerifiedPath<'_>| {
            let anchor =
                self.anchors.store.roots.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
            let anchor = anchor.filter(|_| !is_trusted_itself).map(|at| &self.anchors.certificates[at]);
            check_issuers(path, anchor, now).map_err(|found| {
                *flaw.borrow_mut() = Some(found);
                // Another way to a trusted certificate may be better.
                webpki::Error::CertDistrusted
            })
        };
        let (all, roots) = (self.algorithms.all, &self.anchors.store.roots);
        let own_alone = || vec![Certificate::from_der(shown.own.as_ref())];
        let path = match own.verify_for_usage(
            all,
            roots,
            shown.intermediates,
            now,
            usage,
            revocation,
            Some(&verify),
        ) {
            Ok(path) if !is_trusted_itself => self.certificates(shown, &path),
            // Whoever has issued it. The second webpki finds out after looking at the validity and before
            // anything else.
            Ok(_) => own_alone(),
            Err(webpki::Error::CaUsedAsEndEntity) if is_trusted_itself => own_alone(),
            // All that does not depend on the issuer is well, but nobody can say whether it is revoked.
            Err(webpki::Error::UnknownIssuer) if is_trusted_itself && self.crls.is_empty() => own_alone(),
            Err(error) => {
                let short = || {
                    self.short_issuer(shown).filter(|_| error == webpki::Error::InvalidSignatureForPublicKey)
                };
                return Err(flaw.take().or_else(short).unwrap_or(Flaw::Webpki(error)));
            }
        };
        if path[0].may_sign() { Ok(path) } else { Err(Flaw::KeyUsage) }
    }

    /// The certificates of a path that webpki is content with, from the peer's own to the trusted one.
    fn certificates(&self, shown: Presented<'_>, path: &VerifiedPath<'_>) -> Vec<Certificate> {
        let read = |der: &CertificateDer<'_>| Certificate::from_der(der.as_ref());
        let anchor = self.anchors.store.roots.iter().position(|anchor| std::ptr::eq(anchor, path.anchor()));
        let anchor = anchor.map(|at| read(&self.anchors.certificates[at]));
        let intermediates = path.intermediate_certificates().map(|one| read(&one.der()));
        std::iter::once(read(shown.own)).chain(intermediates).chain(anchor).collect()
    }
}

/// Whether there is another list of the issuer of this one.
fn shares_its_issuer(list: &CertRevocationList<'_>, all: &[&CertRevocationList<'_>]) -> bool {
    all.iter().any(|other| !std::ptr::eq(*other, list) && other.issuer() == list.issuer())
}

/// What a list says if it names a certificate; whether it could vouch for one is not asked.
fn only_revoked(checked: Result<Vec<Certificate>, Flaw>) -> Result<(), Flaw> {
    checked.map(drop).or_else(|flaw| match flaw {
        Flaw::Webpki(webpki::Error::CertRevoked) => Err(flaw),
        _ => Ok(()),
    })
}

/// Who is revoked, where the peer's own certificate is not.
fn issuer_revoked(flaw: Flaw) -> Flaw {
    match flaw {
        Flaw::Webpki(webpki::Error::CertRevoked) => Flaw::IssuerRevoked,
        other => other,
    }
}

impl Chain {
    /// An issuer whose key is too short for its signature to be looked at.
    fn short_issuer(&self, shown: Presented<'_>) -> Option<Flaw> {
        let read = |der: &CertificateDer<'_>| Certificate::from_der(der.as_ref());
        let below: Vec<_> = std::iter::once(shown.own).chain(shown.intermediates).map(read).collect();
        let above = self.anchors.certificates.iter().chain(shown.intermediates).map(read);
        above
            .filter(|issuer| below.iter().any(|one| one.issuer() == issuer.subject()))
            .find_map(Flaw::of_issuer)
    }
}

/// The issuers of a path that webpki is content with.
fn check_issuers(
    path: &VerifiedPath<'_>,
    anchor: Option<&CertificateDer<'_>>,
    now: UnixTime,
) -> Result<(), Flaw> {
    let anchor = anchor.map(|der| Certificate::from_der(der.as_ref()));
    if let Some(anchor) = anchor.as_ref().filter(|anchor| !anchor.is_valid_at(now.as_secs())) {
        return Err(Flaw::TrustedTime(anchor.clone()));
    }
    let intermediates = path.intermediate_certificates().map(|one| Certificate::from_der(one.der().as_ref()));
    let mut issuers = (0..).zip(intermediates.chain(anchor));
    match issuers.find(|(between, issuer)| !issuer.may_issue(*between)) {
        Some((_, issuer)) => Err(Flaw::NoAuthority(issuer)),
        None => Ok(()),
    }
}

/// The lists of these files, which must all be usable.
pub(super) fn revocation_lists(files: &[CrlFile]) -> Result<Arc<Vec<CertRevocationList<'static>>>, Error> {
    let mut lists = Vec::new();
    for file in files {
        for der in file.items()? {
            let list = OwnedCertRevocationList::from_der(der.as_ref());
            let reason = |error| format!("a CRL in it cannot be used: {error}");
            lists.push(list.map_err(|error| Error::file(file.path(), reason(error)))?.into());
        }
    }
    Ok(Arc::new(lists))
}
