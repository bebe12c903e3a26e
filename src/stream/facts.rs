//! What both streams of a connection say about it.

/// The methods by which a stream describes its connection; the field holds the link and the half.
macro_rules! facts {
    ($side:ident) => {
        /// The peer's address. asyncio's `get_extra_info('peername')`.
        pub fn peer_addr(&self) -> &crate::endpoint::Address {
            &self.$side.link.peer
        }

        /// This end's address. asyncio's `get_extra_info('sockname')`.
        pub fn local_addr(&self) -> &crate::endpoint::Address {
            &self.$side.link.local
        }

        /// The proxy that this connection has come from, if its header of the PROXY protocol has said who the peer is
        /// ([`ServerOptions::proxy_protocol`](crate::ServerOptions::proxy_protocol)).
        pub fn proxy_addr(&self) -> Option<&crate::endpoint::Address> {
            self.$side.link.proxy.as_deref()
        }

        /// The number of the client, counted from 1 in the order in which this process has accepted them; None for a
        /// connection of ours, unless it was opened for a client (`handlers::Forward`).
        pub fn number(&self) -> Option<u64> {
            self.$side.link.number()
        }

        /// The counters of this connection, which can be kept and read while other code uses the streams.
        pub fn traffic(&self) -> super::Traffic {
            self.$side.link.traffic.clone()
        }

        /// What was agreed in the TLS handshake; none without TLS.
        pub fn tls(&self) -> Option<&crate::transport::tls::TlsInfo> {
            self.$side.half.beneath().tls()
        }

        /// The descriptor of the socket beneath, also under TLS; None if there is no socket. Use it for socket
        /// options and to inspect the socket: reading, writing or shutting it down breaks the stream. asyncio's
        /// `get_extra_info('socket')`.
        pub fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            self.$side.half.beneath().as_fd()
        }

        /// The process, user and group at the other end of a Unix socket, also under TLS, as the system
        /// guarantees them. None for anything else.
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), astream::Error> {
        /// let (one, _other) = tokio::net::UnixStream::pair()?;
        /// let (reader, _writer) = astream::open_connection_over(one, &Default::default()).await?;
        /// let peer = reader.peer_credentials().expect("it is a Unix socket");
        /// assert_eq!(peer.pid, Some(std::process::id()));
        /// # Ok(())
        /// # }
        /// ```
        pub fn peer_credentials(&self) -> Option<crate::transport::Credentials> {
            self.$side.half.beneath().peer_credentials()
        }
    };
}

pub(super) use facts;
