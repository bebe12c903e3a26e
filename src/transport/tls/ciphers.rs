//! Which library's cipher suites are used; all other cryptography of TLS is aws-lc's.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// aws-lc, with the same cipher suites from ring where ring encrypts faster.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let aws_lc = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(all(feature = "ring", target_arch = "x86_64"))]
    if has_vaes_without_avx512() {
        let cipher_suites = rustls::crypto::ring::DEFAULT_CIPHER_SUITES.to_vec();
        return Arc::new(CryptoProvider { cipher_suites, ..aws_lc });
    }
    Arc::new(aws_lc)
}

/// AES for two blocks at once, as AMD's Zen 3 has it: ring uses that. aws-lc has AES for four blocks
/// at once with AVX-512, and for one everywhere else.
#[cfg(all(feature = "ring", target_arch = "x86_64"))]
fn has_vaes_without_avx512() -> bool {
    use std::is_x86_feature_detected as has;
    has!("avx2") && has!("vaes") && has!("vpclmulqdq") && !has!("avx512f")
}

#[cfg(all(test, feature = "ring", target_arch = "x86_64"))]
mod tests {
    use rustls::crypto::{self, ring};

    use super::{has_vaes_without_avx512, provider};

    #[test]
    fn both_libraries_offer_the_same_in_the_same_order() {
        assert_eq!(ring::DEFAULT_CIPHER_SUITES, crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES);
    }

    #[test]
    fn the_processor_decides() {
        let chosen = provider().cipher_suites[0].tls13().unwrap();
        let is_of_ring = std::ptr::eq(chosen, ring::DEFAULT_CIPHER_SUITES[0].tls13().unwrap());
        assert_eq!(is_of_ring, has_vaes_without_avx512());
    }
}
