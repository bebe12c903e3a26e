//! What came of asking a port.

use astream::{Address, Certificate, Endpoint, Error, TlsInfo};

/// What came of asking one port.
pub struct Probed {
    pub endpoint: Endpoint,
    /// None if there is no connection to be had.
    pub found: Option<Found>,
    pub error: Option<Error>,
}

/// What was found at an open port.
pub struct Found {
    pub peer: Address,
    pub local: Address,
    pub tls: Option<TlsInfo>,
}

impl Probed {
    /// The chain that the peer has shown, trusted or not.
    pub fn certificates(&self) -> &[Certificate] {
        match (&self.found, &self.error) {
            (Some(Found { tls: Some(tls), .. }), _) => &tls.peer_certificates,
            (_, error) => error.as_ref().map_or(&[], Error::peer_certificates),
        }
    }
}
