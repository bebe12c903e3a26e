//! What is wrong with a certificate of ours for every peer that verifies it, also one that trusts its issuer.

use webpki::KeyUsage;

use super::chain::Chain;
use super::flaw::description;
use super::{Identity, server_name};
use crate::certificate::Certificate;

impl Identity {
    /// The certificate that belongs to the key, without its chain.
    pub fn certificate(&self) -> Certificate {
        Certificate::from_der(self.own().map_or(&[][..], |own| own.as_ref()))
    }

    /// Why clients that verify a server refuse this certificate now: it has expired, is not valid yet, is not for
    /// servers, or is for no name (subjectAltName). None if nothing of this is so, even though they may not know its
    /// issuer. A client that trusts a pin of the key accepts the certificate all the same.
    pub fn flaw_as_server(&self) -> Option<String> {
        let own = self.own()?;
        let Err(flaw) = Chain::check_own(own, KeyUsage::server_auth()) else {
            let certificate = self.certificate();
            let is_nameless = certificate.names().is_empty();
            let nameless = || format!("the certificate is for no name; {}", description(&certificate, true));
            return is_nameless.then(nameless);
        };
        // It stands for any: whether the certificate is for it was not asked.
        let name = server_name::read("localhost").ok();
        Some(flaw.message(name.as_ref(), &[self.certificate()]))
    }

    /// Why servers that verify a client refuse this certificate now: as [`flaw_as_server`](Self::flaw_as_server), but
    /// for clients, which need no name.
    pub fn flaw_as_client(&self) -> Option<String> {
        let flaw = Chain::check_own(self.own()?, KeyUsage::client_auth()).err()?;
        Some(flaw.message(None, &[self.certificate()]))
    }
}
