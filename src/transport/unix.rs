//! Unix sockets: abstract names, stale paths, permissions.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixDatagram, UnixListener, UnixStream};

use crate::endpoint::Address;

/// The mode of a path that we make, unless another is asked for: only its owner may connect.
pub(super) const MODE: u32 = 0o600;

/// How long a full queue is given before it is tried again.
const FULL_QUEUE: Duration = Duration::from_millis(10);

pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    // Tokio takes an abstract name with its leading NUL.
    let path = named(path);
    loop {
        match UnixStream::connect(&path).await {
            // The listener's queue is full, and no event reports when it has room again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => tokio::time::sleep(FULL_QUEUE).await,
            done => return done,
        }
    }
}

/// `@name` is written with a leading NUL byte for the kernel.
pub(super) fn named(path: &Path) -> PathBuf {
    match path.as_os_str().as_bytes().strip_prefix(b"@") {
        Some(name) if cfg!(target_os = "linux") => PathBuf::from(OsStr::from_bytes(&[b"\0", name].concat())),
        _ => path.to_owned(),
    }
}

/// A path that is removed with the listener, if it is still the one that was made.
#[derive(Debug)]
pub(crate) struct OwnedPath {
    path: PathBuf,
    made: (u64, u64),
}

impl Drop for OwnedPath {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.made) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = std::fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

/// Listens on `path`.
pub(super) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<(UnixListener, Option<OwnedPath>)> {
    let (socket, owned) = bind_socket(path, mode, Type::STREAM)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok((UnixListener::from_std(socket.into())?, owned))
}

/// The same for messages.
pub(super) fn bind_datagrams(path: &Path) -> io::Result<(UnixDatagram, Option<OwnedPath>)> {
    let (socket, owned) = bind_socket(path, MODE, Type::DGRAM)?;
    Ok((datagrams(socket)?, owned))
}

/// A socket for messages to `path` alone. It has a name of its own, so that it can be answered, where the system
/// gives it one.
pub(super) fn connect_datagrams(path: &Path) -> io::Result<UnixDatagram> {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    if cfg!(target_os = "linux") {
        socket.bind(&SockAddr::unix("")?)?;
    }
    socket.connect(&SockAddr::unix(named(path))?)?;
    datagrams(socket)
}

fn datagrams(socket: Socket) -> io::Result<UnixDatagram> {
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket.into())
}

/// Binds a socket to `path`. A socket without a listener is replaced, anything else is not.
fn bind_socket(path: &Path, mode: u32, kind: Type) -> io::Result<(Socket, Option<OwnedPath>)> {
    let address = SockAddr::unix(named(path))?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    if path.as_os_str().as_bytes().starts_with(b"@") {
        socket.bind(&address)?;
        return Ok((socket, None));
    }
    match socket.bind(&address) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        done => done?,
    }
    // Before `listen`, so that no client connects in between.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    let owned = OwnedPath { path: path.to_owned(), made: identity(path)? };
    Ok((socket, Some(owned)))
}

/// Whether `path` is a socket without a listener. A datagram socket tries to connect: if there is a listener,
/// it is refused for its type, and the listener does not notice.
fn is_stale(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let ask = || Socket::new(Domain::UNIX, Type::DGRAM, None)?.connect(&SockAddr::unix(path)?);
    is_socket && ask().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Who is at the other end of a Unix socket: the process that connected, or that listened, as it was at that
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The process; none where the system does not say, or where it is out of sight (another PID namespace).
    pub pid: Option<u32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl Credentials {
    pub(super) fn of_peer(socket: &UnixStream) -> Option<Self> {
        let found = socket.peer_cred().ok()?;
        let pid = found.pid().and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0);
        Some(Self { pid, uid: found.uid(), gid: found.gid() })
    }
}

/// The name of a socket.
pub(super) fn address(found: io::Result<tokio::net::unix::SocketAddr>) -> Address {
    let Ok(found) = found.map(UnixAddr::from) else { return Address::Unix(None) };
    Address::Unix(found.as_pathname().map(path).or_else(|| abstract_name(&found)))
}

/// The name in a field of fixed length, which NUL bytes fill up.
pub(super) fn address_in(field: &[u8]) -> Address {
    let until_nul = |name: &[u8]| {
        PathBuf::from(OsStr::from_bytes(name.split(|byte| *byte == 0).next().unwrap_or_default()))
    };
    Address::Unix(match field {
        [0, 0, ..] | [0] | [] => None,
        [0, name @ ..] => Some(until_nul(&[b"@", name].concat())),
        name => Some(path(&until_nul(name))),
    })
}

/// A path that begins with `@` is not to be taken for an abstract name.
fn path(path: &Path) -> PathBuf {
    if path.as_os_str().as_bytes().starts_with(b"@") { Path::new(".").join(path) } else { path.to_owned() }
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &UnixAddr) -> Option<PathBuf> {
    use std::os::linux::net::SocketAddrExt;
    let name = address.as_abstract_name()?;
    Some(PathBuf::from(OsStr::from_bytes(&[b"@", name].concat())))
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &UnixAddr) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;

    #[test]
    fn a_path_that_looks_like_an_abstract_name_is_distinguished() {
        let bound = UnixAddr::from_pathname("@a").unwrap();
        let address = address(Ok(bound.into()));
        assert_eq!(Endpoint::try_from(&address).unwrap(), Endpoint::Unix(PathBuf::from("./@a")));
    }
}
