//! `Listener`: accepts connections one at a time, without a handler, or with one for several addresses.

use std::fmt;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::serve::Admission;
use super::{HandlerResult, Server, ServerOptions, StreamReader, StreamWriter};
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::transport::{Accepted, Listening, Transport};

/// Something that is listening, whose connections are [accepted](Self::accept) one at a time, or all
/// [served](Self::serve) by a handler. Dropped, it stops listening, and connections that are still in their
/// TLS handshake are aborted.
///
/// ```
/// use astream::{ConnectOptions, Listener, ServerOptions, open_connection};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let mut listener = Listener::bind(&"127.0.0.1:0".parse()?, &ServerOptions::new()).await?;
/// let endpoint = (&listener.local_addrs()[0]).try_into()?;
/// let (_reader, writer) = open_connection(&endpoint, &ConnectOptions::new()).await?;
/// let (mut reader, _writer) = listener.accept().await?;
/// writer.write(b"hello");
/// writer.write_eof();
/// assert_eq!(reader.read_to_end().await?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Listener {
    listening: Listening,
    admission: Arc<Admission>,
    /// Connections in their TLS handshake, and those that have it behind them.
    admitting: JoinSet<Option<Unclaimed>>,
}

impl Listener {
    /// Listens on every address of `endpoint`, on one port. Bound on return. May be cancelled.
    ///
    /// # Errors
    /// [`Error::Resolve`], [`Error::Bind`], [`Error::File`], [`Error::Tls`]; [`Error::Invalid`] for what
    /// cannot be a host.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO enabled.
    pub async fn bind(endpoint: &Endpoint, options: &ServerOptions) -> Result<Self, Error> {
        Self::bind_all(std::slice::from_ref(endpoint), options).await
    }

    /// Listens on all of `endpoints`, or on none if one cannot be had. Those with port 0 share one port that the
    /// system chooses. asyncio's `start_server` with a list of hosts. May be cancelled.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), astream::Error> {
    /// use astream::{Listener, ServerOptions, StreamReader, StreamWriter};
    ///
    /// let endpoints = ["127.0.0.1:0".parse()?, "127.0.0.2:0".parse()?];
    /// let listener = Listener::bind_all(&endpoints, &ServerOptions::new()).await?;
    /// let server = listener.serve(|_reader: StreamReader, writer: StreamWriter| async move {
    ///     writer.write(b"hello\n");
    ///     writer.wait_closed().await
    /// });
    /// assert_eq!(server.local_addrs().len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`bind`](Self::bind); [`Error::Invalid`] if there are no endpoints.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO enabled.
    pub async fn bind_all(endpoints: &[Endpoint], options: &ServerOptions) -> Result<Self, Error> {
        if endpoints.is_empty() {
            return Err(Error::invalid("", "there is no address to listen on"));
        }
        // Files are read, and found wanting, before anything is bound.
        let admission = options.admission()?;
        Ok(Self::new(options.listen.bind(endpoints).await?, options, admission))
    }

    /// Takes a socket over that is listening already: a listener of the standard library, one of tokio's by its
    /// `into_std`, or a descriptor from systemd. Its backlog, and the path of a Unix socket, are its maker's
    /// business; the options about them count for nothing. asyncio's `start_server(sock=…)`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let listener = astream::Listener::from_std(socket, &astream::ServerOptions::new())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Local`] if it is no stream socket, or does not listen; [`Error::File`], [`Error::Tls`].
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO enabled.
    pub fn from_std(socket: impl Into<OwnedFd>, options: &ServerOptions) -> Result<Self, Error> {
        let admission = options.admission()?;
        let listening = Listening::adopt(socket.into());
        let listening = listening.map_err(|cause| Error::local("listen on the given socket", cause))?;
        Ok(Self::new(listening, options, admission))
    }

    fn new(listening: Listening, options: &ServerOptions, admission: Admission) -> Self {
        let listening = listening.with_rules(options.rules.clone());
        Self { listening, admission: Arc::new(admission), admitting: JoinSet::new() }
    }

    /// The addresses that are listened on, with their real port.
    pub fn local_addrs(&self) -> &[Address] {
        self.listening.local_addrs()
    }

    /// The next connection that the options let in, after its TLS handshake if there is one. Handshakes go on at the same time, each in
    /// a task of its own: a slow one does not delay the others. Those that fail are logged and skipped.
    ///
    /// While this is not called, new connections wait in the backlog of the system. May be cancelled: no
    /// connection is lost.
    ///
    /// # Errors
    /// None today. When descriptors or memory have run out it waits, and logs that.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time enabled.
    pub async fn accept(&mut self) -> Result<(StreamReader, StreamWriter), Error> {
        loop {
            tokio::select! {
                Some(done) = self.admitting.join_next() => match done {
                    Ok(Some(mut admitted)) => if let Some(streams) = admitted.0.take() { return Ok(streams) },
                    Ok(None) => {}
                    Err(panic) => tracing::error!("a connection could not be set up: {panic}"),
                },
                accepted = self.listening.accept() => {
                    let accepted = accepted.ok_or(Error::Closed)?;
                    if self.admission.is_immediate() {
                        return Ok(self.admission.plain(accepted));
                    }
                    let admission = Arc::clone(&self.admission);
                    self.admitting.spawn(async move {
                        admission.admit_or_log(accepted).await.map(|streams| Unclaimed(Some(streams)))
                    });
                }
            }
        }
    }

    /// Calls `handler` for each connection, and runs what it returns in a task of its own, as
    /// [`start_server`](crate::start_server) does. Connections that were in their handshake are aborted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn serve<H, F>(self, handler: H) -> Server
    where
        H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerResult> + Send + 'static,
    {
        self.serve_in(Vec::new(), handler)
    }

    /// The same in several runtimes, each run by a thread of its own: each connection is served by the one that has the
    /// fewest, and stays there. With none, this runtime serves them all.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), astream::Error> {
    /// use astream::{Listener, ServerOptions, StreamReader, StreamWriter};
    ///
    /// let worker = || {
    ///     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    ///     let handle = runtime.handle().clone();
    ///     std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    ///     std::io::Result::Ok(handle)
    /// };
    /// let listener = Listener::bind(&"127.0.0.1:0".parse()?, &ServerOptions::new()).await?;
    /// let server = listener.serve_in(vec![worker()?, worker()?], |_: StreamReader, writer: StreamWriter| async move {
    ///     writer.write(b"hello\n");
    ///     writer.wait_closed().await
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime; in a task of one of these if it has no IO or time enabled.
    pub fn serve_in<H, F>(self, runtimes: Vec<Handle>, handler: H) -> Server
    where
        H: Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerResult> + Send + 'static,
    {
        Server::run(handler, self.listening, self.admission, runtimes.into())
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local_addrs", &self.local_addrs()).finish_non_exhaustive()
    }
}

/// The streams of a connection that was accepted elsewhere, by inetd or systemd say, after its TLS handshake if there is
/// one: a [`TcpStream`](tokio::net::TcpStream), a [`UnixStream`](tokio::net::UnixStream), or any other stream. asyncio's
/// `connect_accepted_socket`. The counterpart for clients, which also says what is expected of a stream that is no socket, is
/// [`open_connection_over`](crate::open_connection_over). A cancelled call has closed the connection, and so has one that
/// fails.
///
/// ```
/// use astream::{ConnectOptions, ServerOptions, accept_over, open_connection_over};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let (accepted, other) = tokio::net::UnixStream::pair()?;
/// let (_reader, writer) = accept_over(accepted, &ServerOptions::new()).await?;
/// let (mut reader, _writer) = open_connection_over(other, &ConnectOptions::new()).await?;
/// writer.write(b"hello\n");
/// assert_eq!(reader.readline().await?.unwrap(), "hello\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Timeout`], [`Error::Tls`], [`Error::File`]; [`Error::Other`] for a peer that the options do not
/// [allow](ServerOptions::allow), whose connection is reset.
///
/// # Panics
/// Outside of a tokio runtime with IO and time enabled.
pub async fn accept_over(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    options: &ServerOptions,
) -> Result<(StreamReader, StreamWriter), Error> {
    let admission = options.admission()?;
    let accepted = Accepted::from(Transport::over(io)).allowed_by(&admission.rules)?;
    let mut client = accepted.peer.clone();
    admission.admit(accepted, &mut client).await
}

/// A connection that no call of `accept` has taken yet. It is aborted when dropped, so that its peer does not take
/// it for one that was served.
struct Unclaimed(Option<(StreamReader, StreamWriter)>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some((_, writer)) = &self.0 {
            writer.abort();
        }
    }
}
