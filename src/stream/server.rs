//! `start_server`: how to serve, and a server that is listening.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::clients::Clients;
use super::limits::limit_setters;
use super::serve::{Admission, Service, accept_all};
use super::{HandlerResult, Limits, Listener, SETUP_TIMEOUT, StreamReader, StreamWriter};
use crate::endpoint::{Address, Endpoint, Family, Networks};
use crate::error::Error;
use crate::transport::tls::TlsServer;
use crate::transport::{Listen, Listening, Rules};

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub(super) listen: Listen,
    pub(super) rules: Rules,
    handshake_timeout: Option<Duration>,
    tls: Option<TlsServer>,
    limits: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            rules: Rules::default(),
            handshake_timeout: Some(SETUP_TIMEOUT),
            tls: None,
            limits: Limits::default(),
        }
    }
}

impl ServerOptions {
    /// The defaults: both families, names looked up, no TLS, a line limit of 64 KiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on addresses of one family only.
    #[must_use]
    pub fn family(mut self, family: Family) -> Self {
        self.listen.family = family;
        self
    }

    /// Looks no names up.
    #[must_use]
    pub fn numeric(mut self, yes: bool) -> Self {
        self.listen.numeric = yes;
        self
    }

    /// How many connections may wait to be accepted, if the system allows that many (`net.core.somaxconn`);
    /// 4096 by default. Others are refused or retry. asyncio's `backlog`.
    #[must_use]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.listen.backlog = connections;
        self
    }

    /// Lets other sockets that set the same listen on the same port: the system shares the connections
    /// among them (`SO_REUSEPORT`). For TCP only. asyncio's `reuse_port`.
    #[must_use]
    pub fn reuse_port(mut self, yes: bool) -> Self {
        self.listen.reuse_port = yes;
        self
    }

    /// Uses multipath TCP with the clients that have it (RFC 8684). Linux only: elsewhere listening fails with
    /// [`Error::Bind`].
    #[must_use]
    pub fn multipath(mut self, yes: bool) -> Self {
        self.listen.multipath = yes;
        self
    }

    /// How many connections there may be at once, those in their TLS handshake included; there is no limit by default.
    /// While there are as many, others wait in the backlog, and are accepted when one has ended: its streams are dropped,
    /// and its handler has returned.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.rules.most = Some(connections);
        self
    }

    /// How many of them there may be from one IP address. Others are reset at once.
    #[must_use]
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.rules.most_of_one = Some(connections);
        self
    }

    /// Accepts connections only from addresses in these networks, and in those of earlier calls. Others are reset at
    /// once, before a TLS handshake. Clients of a Unix socket, which have no address, are always allowed.
    #[must_use]
    pub fn allow(mut self, networks: Networks) -> Self {
        self.rules.allow.get_or_insert_default().extend(networks);
        self
    }

    /// Resets connections from addresses in these networks, and in those of earlier calls, even if
    /// [`allow`](Self::allow) names them.
    #[must_use]
    pub fn deny(mut self, networks: Networks) -> Self {
        self.rules.deny.extend(networks);
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The limit of a client's TLS handshake; 30 s by default. `None` is no limit.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.handshake_timeout = limit.into();
        self
    }

    limit_setters!();
}

impl ServerOptions {
    pub(super) fn admission(&self) -> Result<Admission, Error> {
        let acceptor = self.tls.as_ref().map(TlsServer::acceptor).transpose()?;
        Ok(Admission { acceptor, timeout: self.handshake_timeout, limits: Arc::new(self.limits.clone()) })
    }
}

/// A server that is listening. Dropping it stops the listening; open connections go on.
#[derive(Debug)]
pub struct Server {
    listening: Listening,
    clients: Arc<Clients>,
    /// Closes the connections of clients that are to be ended.
    runtime: Handle,
}

impl Server {
    /// Serves each connection in a task of its own.
    pub(super) fn run<H, F>(handler: H, listening: Listening, admission: Arc<Admission>) -> Self
    where
        H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerResult> + Send + 'static,
    {
        let clients = Clients::new();
        let service = Arc::new(Service { handler, admission });
        tokio::spawn(accept_all(listening.clone(), service, clients.prepare()));
        Self { listening, clients, runtime: Handle::current() }
    }

    /// The addresses that are listened on, with their real port.
    pub fn local_addrs(&self) -> &[Address] {
        self.listening.local_addrs()
    }

    /// Whether connections are accepted.
    pub fn is_serving(&self) -> bool {
        !self.clients.is_closed()
    }

    /// Stops listening at once: the address is free on return. Never waits; open connections go on.
    pub fn close(&self) {
        self.listening.stop();
        self.clients.close();
    }

    /// Closes the connection of every client, as [`StreamWriter::wait_closed`] does: what its handler has
    /// written is sent, and then the end. Its reader is at its end, and what the handler writes from now on
    /// is dropped. A connection that cannot be ended cleanly is aborted: one in its TLS handshake, or one that
    /// is being relayed. Never waits; [`wait_closed`](Self::wait_closed) does. Call [`close`](Self::close)
    /// before it, or new clients may come.
    pub fn close_clients(&self) {
        for link in self.clients.dismiss() {
            match link.ending() {
                Some(sender) => sender.close_unattended(&self.runtime),
                None => link.abort(),
            }
        }
    }

    /// Aborts the connection of every client, as [`StreamWriter::abort`] does, also of those in their TLS
    /// handshake. Never waits. Call [`close`](Self::close) before it, or new clients may come.
    pub fn abort_clients(&self) {
        self.clients.dismiss().into_iter().for_each(|link| link.abort());
    }

    /// Waits until the server is closed. May be cancelled.
    ///
    /// # Errors
    /// None today; asyncio's `serve_forever` may fail, and so may this one's later.
    pub async fn serve_forever(&self) -> Result<(), Error> {
        self.clients.closed().await;
        Ok(())
    }

    /// Waits until the server is closed and its last client has ended: its handler has returned, or its
    /// connection was aborted, or closed by [`close_clients`](Self::close_clients). May be cancelled.
    pub async fn wait_closed(&self) {
        self.clients.gone().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Listens on every address of `endpoint`, on one port, and runs `handler` in a task of its own for
/// each client, after the TLS handshake if there is one. Bound on return. asyncio's `start_server`
/// and `start_unix_server`.
///
/// A handler that returns an error or panics is logged, and the server goes on. So it does after failed
/// handshakes and when descriptors run out.
///
/// The connection of a handler that returns an error, panics, or is dropped because the runtime ends, is
/// [aborted](StreamWriter::abort), so that a part of an answer does not look complete to the peer. A handler
/// that returns `Ok` and leaves its writer unclosed ends that direction cleanly, as any dropped writer does.
/// A handler may also give its streams to another task, which owns them once the handler has returned.
///
/// # Errors
/// [`Error::Resolve`], [`Error::Bind`], [`Error::File`], [`Error::Tls`].
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn start_server<H, F>(
    handler: H,
    endpoint: &Endpoint,
    options: &ServerOptions,
) -> Result<Server, Error>
where
    H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerResult> + Send + 'static,
{
    Ok(Listener::bind(endpoint, options).await?.serve(handler))
}
