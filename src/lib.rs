//! asyncio's streams for Rust: [`open_connection`], [`start_server`], a [`StreamReader`] and a
//! [`StreamWriter`], over TCP, Unix sockets and TLS.
//!
//! The names are those of Python's `asyncio`; the module `asyncio` of this documentation lists what differs.
//! Beyond the streams there are [`handlers`], things to do with a connection. The `astream` program uses
//! nothing but what is public here.
//!
//! ```
//! use astream::{ConnectOptions, Error, ServerOptions, open_connection, start_server};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let server = start_server(
//!     |mut reader, writer| async move {
//!         while let Some(line) = reader.readline().await? {
//!             writer.write(&line);
//!             writer.drain().await?;
//!         }
//!         writer.close();
//!         writer.wait_closed().await
//!     },
//!     &"127.0.0.1:0".parse()?,
//!     &ServerOptions::new(),
//! )
//! .await?;
//!
//! let endpoint = server.local_addrs()[0].to_string().parse()?;
//! let (mut reader, writer) = open_connection(&endpoint, &ConnectOptions::new()).await?;
//! writer.write(b"hello\n");
//! writer.drain().await?;
//! assert_eq!(reader.readline().await?.as_deref(), Some(&b"hello\n"[..]));
//! writer.close();
//! writer.wait_closed().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Unix only. Everything that waits needs a tokio runtime with IO and time enabled, and what starts tasks or
//! opens sockets panics outside of one.
//!
//! The cryptography is aws-lc's. It gathers entropy at the first random number of each process, in its first TLS
//! handshake say, which takes 45 to 136 ms. Built with the environment variable `AWS_LC_SYS_NO_JITTER_ENTROPY=1` it
//! asks the kernel instead; a program gets that from an `[env]` section in its own `.cargo/config.toml`.

#![cfg_attr(
    not(feature = "cli"),
    expect(dead_code, unused_imports, reason = "what moves stdin and stdout is for the program alone")
)]

mod certificate;
mod datagram;
mod endpoint;
mod error;
pub mod handlers;
mod observe;
mod policy;
mod relay;
mod stream;
mod transport;

pub use certificate::{Certificate, InvalidPin, Pin, Timestamp};
pub use datagram::{
    DatagramOptions, DatagramServer, DatagramServerOptions, Datagrams, MAX_DATAGRAM, open_datagrams,
    probe_datagrams, serve_datagrams,
};
pub use endpoint::{Address, Endpoint, Family, Networks, Source};
pub use error::{Attempt, Error, ProxyFault, ResolveFault, Result, Step, TlsFault};
pub use observe::{Answer, Totals};
pub use stream::{
    AbortGuard, ConnectOptions, ConnectedSocket, DEFAULT_LIMIT, Direction, Found, HandlerResult, Lines,
    Listener, Observer, Opened, ProbeSeries, Probed, Server, ServerOptions, Spread, StreamReader,
    StreamWriter, Tap, TlsSide, Traffic, accept_over, open_connection, open_connection_over, open_socket,
    pair, probe, start_server, start_tls, start_tls_buffered,
};
pub use transport::Credentials;
pub use transport::proxy::Proxy;
pub use transport::proxy_protocol::ProxyProtocol;
pub use transport::starttls::StartTls;
pub use transport::tls::{Identity, TlsClient, TlsInfo, TlsServer, TlsVersion};

#[cfg(doc)]
#[doc = include_str!("../docs/asyncio.md")]
pub mod asyncio {}

#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
mod library {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
