//! `start_server`, and a server that is listening.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::clients::Clients;
use super::serve::{Admission, CurrentAdmission, Service, accept_all};
use super::workers::Workers;
use super::{HandlerResult, Listener, ServerOptions, StreamReader, StreamWriter};
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::transport::Listening;

/// A server that is listening. Dropping it stops the listening; open connections go on.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use astream::{ServerOptions, StreamWriter, start_server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let handler = |_reader, writer: StreamWriter| async move { writer.write(b"hello\n") };
/// let server = start_server(handler, &"127.0.0.1:0".parse()?, &ServerOptions::new()).await?;
/// println!("listening on {}", server.local_addrs()[0]);
/// // Until something asks for the end: here at once.
/// let (served, ()) = tokio::join!(server.serve_forever(), async { server.close() });
/// assert!(served.is_ok() && !server.is_serving());
/// server.close_clients();
/// if tokio::time::timeout(Duration::from_secs(5), server.wait_closed()).await.is_err() {
///     server.abort_clients();
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listening: Listening,
    clients: Arc<Clients>,
    admission: CurrentAdmission,
    /// Closes the connections of clients that are to be ended.
    runtime: Handle,
}

/// These are used in the [example](Server#example), or have one of their own.
impl Server {
    /// Serves each connection in a task of its own.
    pub(super) fn run<H, F>(
        handler: H,
        listening: Listening,
        admission: Arc<Admission>,
        workers: Workers,
    ) -> Self
    where
        H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerResult> + Send + 'static,
    {
        let clients = Clients::new();
        let admission = Arc::new(Mutex::new(admission));
        let service = Arc::new(Service { handler, admission: Arc::clone(&admission) });
        tokio::spawn(accept_all(listening.clone(), service, clients.prepare(), workers));
        Self { listening, clients, admission, runtime: Handle::current() }
    }

    /// The addresses that are listened on, with their real port.
    pub fn local_addrs(&self) -> &[Address] {
        self.listening.local_addrs()
    }

    /// Serves new connections as these options say from now on, with the files of TLS read anew; open ones go on as they
    /// are. What the options say about listening itself, such as the family and the backlog, has no effect. Never waits.
    ///
    /// ```
    /// # #[cfg(feature = "generate")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), astream::Error> {
    /// use astream::{Identity, ServerOptions, StreamReader, StreamWriter, TlsServer, start_server};
    ///
    /// let options = |identity| ServerOptions::new().tls(TlsServer::new(identity));
    /// let handler = |_reader: StreamReader, writer: StreamWriter| async move { writer.write(b"hello") };
    /// let server = start_server(handler, &"127.0.0.1:0".parse()?, &options(Identity::generate()?)).await?;
    /// server.set_options(&options(Identity::generate()?))?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "generate"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Tls`]; the options of before stay in force then.
    pub fn set_options(&self, options: &ServerOptions) -> Result<(), Error> {
        let admission = Arc::new(options.admission()?);
        self.listening.set_rules(options.rules.clone());
        *self.admission.lock().unwrap_or_else(PoisonError::into_inner) = admission;
        Ok(())
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

/// Listens on every address of `endpoint`, on one port, and calls `handler` for each client, after the TLS handshake if
/// there is one. What it returns runs in a task of its own; until then it must not block, as asyncio's callback must not.
/// Bound on return. asyncio's `start_server` and `start_unix_server`.
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
