//! A TLS 1.2 session whose records the test encrypts itself, with contents that no library would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionTrafficSecrets, version};

use crate::hello::record;
use crate::victim::Victim;

pub struct Sealed {
    pub socket: TcpStream,
    key: LessSafeKey,
    salt: [u8; 4],
    sequence: u64,
}

/// A session with AES-GCM, whose handshake is complete on both sides.
pub fn sealed(victim: &Victim) -> Sealed {
    let mut config = victim.authority.client_of(&[&version::TLS12]);
    config.enable_secret_extraction = true;
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = victim.dial();
    client.complete_io(&mut socket).unwrap();
    Sealed::new(socket, client.dangerous_extract_secrets().unwrap().tx)
}

impl Sealed {
    /// Continues with the secrets of one side's records.
    pub fn new(socket: TcpStream, (sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else { panic!("another cipher") };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        Self { socket, key, salt: iv.as_ref()[..4].try_into().unwrap(), sequence }
    }

    /// The next record (RFC 5246, 6.2.3.3; RFC 5288).
    pub fn seal(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let sequence = self.sequence.to_be_bytes();
        let nonce = [&self.salt[..], &sequence].concat().try_into().unwrap();
        let head = record(kind, body);
        let mut sealed = body.to_vec();
        let aad = Aad::from([&sequence[..], &head[..5]].concat());
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).unwrap();
        self.sequence += 1;
        record(kind, &[&sequence[..], &sealed].concat())
    }

    /// Sends the bytes, whether or not all of them are taken, and waits for the other side to leave.
    pub fn flood(mut self, records: &[u8]) {
        let _ = self.socket.write_all(records);
        let _ = self.socket.read_to_end(&mut Vec::new());
    }
}
