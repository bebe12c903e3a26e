//! OpenSSL's trusted certificates: a certificate followed by the purposes that its owner trusts it for
//! (`X509_CERT_AUX`, written by `openssl x509 -trustout`).

use super::tlv::{SEQUENCE, Value, Values, constructed};

const ANY_PURPOSE: &str = "2.5.29.37.0";

/// Whose certificates are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Servers,
    Clients,
}

impl Purpose {
    /// The extended key usage (RFC 5280, 4.2.1.12).
    fn identifier(self) -> &'static str {
        match self {
            Self::Servers => "1.3.6.1.5.5.7.3.1",
            Self::Clients => "1.3.6.1.5.5.7.3.2",
        }
    }
}

/// What a certificate is trusted for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrustSettings {
    /// If present, the certificate is trusted for these purposes only.
    trusted: Option<Vec<String>>,
    rejected: Vec<String>,
}

impl TrustSettings {
    /// The certificate and the settings that follow it.
    pub(crate) fn split(der: &[u8]) -> Option<(&[u8], Self)> {
        let mut values = Values(der);
        let certificate = values.next()?.whole;
        if values.is_empty() {
            return Some((certificate, Self::default()));
        }
        let mut settings = values.next()?.sequence()?;
        let trusted = match settings.next_if(SEQUENCE) {
            Some(purposes) => Some(identifiers(purposes)?),
            None => None,
        };
        let rejected = match settings.next_if(constructed(0)) {
            Some(purposes) => identifiers(purposes)?,
            None => Vec::new(),
        };
        values.is_empty().then_some((certificate, Self { trusted, rejected }))
    }

    /// Whether it is trusted for this purpose, by OpenSSL's rules.
    pub(crate) fn allow(&self, purpose: Purpose) -> bool {
        let has = |purposes: &[String]| {
            purposes.iter().any(|one| one == purpose.identifier() || one == ANY_PURPOSE)
        };
        !has(&self.rejected) && self.trusted.as_deref().is_none_or(has)
    }
}

fn identifiers(purposes: Value<'_>) -> Option<Vec<String>> {
    purposes.items()?.into_iter().map(Value::object_identifier).collect()
}
