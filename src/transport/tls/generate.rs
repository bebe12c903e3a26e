//! Makes a fresh key and a certificate.

use rustls::pki_types::PrivatePkcs8KeyDer;

use super::Identity;
use crate::error::Error;

impl Identity {
    /// Makes a fresh P-256 key and a certificate that it signs itself. Both live in memory only; the other
    /// side verifies them by their [`pin`](Self::pin). Needs the feature `generate`.
    ///
    /// # Errors
    /// [`Error::Tls`] if the system gives no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let failed = |reason: &dyn std::fmt::Display| Error::tls("making a key", reason);
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(|error| failed(&error))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Self::new(vec![made.cert.der().clone()], key.into()).map_err(|error| failed(&error))
    }
}
