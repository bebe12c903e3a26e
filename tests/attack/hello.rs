//! The bytes of TLS, right and wrong.

use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use crate::support::certs::authority;

/// A whole and good `ClientHello`, in its record.
pub fn client_hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(&authority().client()), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// A record of this type, with no more in it than it says.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3][..], &length, body].concat()
}

pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// More than any record may hold (RFC 8446, 5.2: 2^14 + 256).
pub const TOO_LONG: usize = (1 << 14) + 257;
