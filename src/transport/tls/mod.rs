//! TLS by rustls: verified by default, half-close by `close_notify`, truncation told.
//!
//! No type of rustls leaves this folder.

mod anchors;
mod chain;
mod client;
mod failure;
mod flaw;
mod heard;
mod identity;
mod info;
mod negotiation;
mod pem;
mod server;
mod verify;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use tokio::net::TcpStream;

use crate::transport::Io;

pub use client::TlsClient;
pub(crate) use failure::error;
use failure::handshake_error;
use heard::Heard;
pub use identity::Identity;
pub use info::TlsInfo;
pub use negotiation::TlsVersion;
pub(crate) use server::Acceptor;
pub use server::TlsServer;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The log that Wireshark reads, where `SSLKEYLOGFILE` asks for it.
fn key_log() -> Arc<dyn rustls::KeyLog> {
    if std::env::var_os("SSLKEYLOGFILE").is_some() {
        Arc::new(rustls::KeyLogFile::new())
    } else {
        Arc::new(rustls::NoKeyLog)
    }
}

impl Io for tokio_rustls::client::TlsStream<Heard> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().0.tcp()
    }
}

impl Io for tokio_rustls::server::TlsStream<Heard> {
    fn tcp(&self) -> Option<&TcpStream> {
        self.get_ref().0.tcp()
    }
}
