//! A connection that was accepted by inetd or systemd, and is our stdin.

use std::fs::OpenOptions;
use std::io;
use std::net;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net as unix;

use astream::Error;
use rustix::fs::fstat;
use rustix::net::sockopt::{socket_domain, socket_type};
use rustix::net::{AddressFamily, SocketType};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
pub enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Takes the connection from stdin. What else is the same socket becomes /dev/null: no message of ours must get into the
/// stream, and no other descriptor must hold it open.
///
/// # Errors
/// stdin is no socket for connections.
pub fn connection() -> Result<Connection, Error> {
    let kind = (socket_domain(stdin()).ok(), socket_type(stdin()).ok());
    let failed = |cause| Error::local("take the connection from stdin", cause);
    let socket = stdin().try_clone_to_owned().map_err(failed)?;
    match kind {
        (Some(AddressFamily::INET | AddressFamily::INET6), Some(SocketType::STREAM)) => {
            tcp(socket).and_then(|stream| replaced().map(|()| stream)).map(Connection::Tcp).map_err(failed)
        }
        (Some(AddressFamily::UNIX), Some(SocketType::STREAM)) => {
            local(socket).and_then(|stream| replaced().map(|()| stream)).map(Connection::Unix).map_err(failed)
        }
        _ => Err(Error::invalid("-", "stdin is no connection; inetd and systemd (Accept=yes) give one")),
    }
}

fn tcp(socket: OwnedFd) -> io::Result<TcpStream> {
    let stream = net::TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

fn local(socket: OwnedFd) -> io::Result<UnixStream> {
    let stream = unix::UnixStream::from(socket);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn replaced() -> io::Result<()> {
    let identity = |descriptor: BorrowedFd<'_>| fstat(descriptor).map(|stat| (stat.st_dev, stat.st_ino)).ok();
    let connection = identity(stdin());
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    if identity(stderr()) == connection {
        dup2_stderr(&null)?;
    }
    if identity(stdout()) == connection {
        dup2_stdout(&null)?;
    }
    Ok(dup2_stdin(&null)?)
}
