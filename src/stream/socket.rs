//! `open_socket`: a connection for code that has no use for streams.

use std::os::fd::OwnedFd;

use super::ConnectOptions;
use crate::endpoint::{Address, Endpoint};
use crate::error::Error;
use crate::transport::is_target;
use crate::transport::proxy::{Reached, reach};

/// What [`open_socket`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectedSocket {
    /// The socket, blocking and closed by `exec`. A [`std::net::TcpStream`] or a
    /// [`std::os::unix::net::UnixStream`] can be made from it.
    pub fd: OwnedFd,
    /// The address of the other end, or of the first proxy.
    pub peer: Address,
    /// The address of this end.
    pub local: Address,
}

/// Connects as [`open_connection`](crate::open_connection) does, and returns the socket without streams: for other
/// code, or for another process. Unlike those of streams, it ends with FIN where it is closed before its end was sent.
///
/// It may go through proxies. Their answers are read byte by byte, so that nothing is read of what follows them. May be
/// cancelled.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// use std::net::TcpStream;
///
/// use astream::{ConnectOptions, open_socket};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let endpoint = listener.local_addr()?.to_string().parse()?;
/// let socket = open_socket(&endpoint, &ConnectOptions::new()).await?;
/// let stream = TcpStream::from(socket.fd);
/// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of `open_connection`; [`Error::Invalid`] before any connection is made if TLS is on the way, to the target or
/// to a proxy, because it is no property of a socket.
///
/// # Panics
/// Outside of a tokio runtime with IO and time enabled.
pub async fn open_socket(endpoint: &Endpoint, options: &ConnectOptions) -> Result<ConnectedSocket, Error> {
    is_target(endpoint)?;
    options.check_proxies(endpoint)?;
    let has_tls = |what| Error::invalid(endpoint, format_args!("a socket alone cannot go through {what}"));
    if let Some(what) = options.tls_on_the_way() {
        return Err(has_tls(what));
    }
    let connect = |deadline| async move {
        let mut dial = options.dial(deadline);
        dial.reads_exactly = true;
        reach(endpoint, &dial, &options.proxies).await
    };
    let Reached { connection, peer, local } = options.retrying(connect).await?;
    tracing::info!("connected to {peer} from {local}");
    let socket = connection.io.into_fd().ok_or_else(|| has_tls("TLS".to_owned()))?;
    let fd = socket.map_err(|error| Error::local("make the socket block", error))?;
    Ok(ConnectedSocket { fd, peer, local })
}
