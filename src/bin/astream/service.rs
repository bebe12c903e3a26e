//! What a service manager gives to a server, and what it wants to be notified of: sockets that listen, and readiness.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use astream::{Address, Error};
use listenfd::ListenFd;
use sd_notify::NotifyState;

/// The first descriptor that systemd hands over (`sd_listen_fds(3)`).
const FIRST: usize = 3;

/// A socket that was handed over, by its number or its name.
///
/// # Errors
/// [`Error::Invalid`]: there is no such socket, it is another process's, or it is of another type.
pub fn socket(wanted: &str) -> Result<OwnedFd, Error> {
    let address = format!("fd:{wanted}");
    let wrong = |reason: &str| Error::invalid(&address, reason);
    if env::var_os("LISTEN_FDS").is_none() {
        return Err(wrong("no sockets were handed over: LISTEN_FDS is not set"));
    }
    let ours = std::process::id().to_string();
    if env::var("LISTEN_PID").is_ok_and(|pid| !pid.is_empty() && pid != ours) {
        return Err(wrong("the sockets were handed over to another process: LISTEN_PID is not ours"));
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut given = ListenFd::from_env();
    let index = match wanted.parse::<usize>() {
        Ok(number) => number.checked_sub(FIRST).filter(|index| *index < given.len()),
        Err(_) => names.split(':').position(|name| name == wanted).filter(|index| *index < given.len()),
    };
    let all = if names.is_empty() { names } else { format!(", named {names}") };
    if let others @ 1.. = given.len().saturating_sub(1) {
        tracing::warn!(
            "{others} more of the sockets that were handed over: not served here, so their clients wait"
        );
    }
    let none = || wrong(&format!("no such socket was handed over; there are {}{all}", given.len()));
    let index = index.ok_or_else(none)?;
    let tcp = given.take_tcp_listener(index).ok().flatten().map(OwnedFd::from);
    let socket = tcp.or_else(|| given.take_unix_listener(index).ok().flatten().map(OwnedFd::from));
    socket.ok_or_else(|| wrong("it is no TCP or Unix socket for connections"))
}

/// A descriptor that is notified when a server is ready.
#[derive(Debug)]
pub struct ReadyFd {
    number: u32,
    file: std::fs::File,
}

impl ReadyFd {
    /// # Errors
    /// There is no such descriptor, or it cannot be written.
    pub fn open(number: u32) -> Result<Self, Error> {
        let opened = OpenOptions::new().write(true).open(format!("/dev/fd/{number}"));
        let reason = "no file or pipe is open for writing there";
        let file = opened.map_err(|_| Error::invalid(format_args!("--ready-fd {number}"), reason))?;
        Ok(Self { number, file })
    }

    /// Writes each address, and closes the descriptor unless it is one of the standard ones.
    fn notify(mut self, addresses: &[Address]) -> io::Result<()> {
        let lines: String = addresses.iter().map(|address| line(address) + "\n").collect();
        self.file.write_all(lines.as_bytes())?;
        #[cfg(target_os = "linux")]
        if self.number > 2 {
            nix::unistd::close(i32::try_from(self.number).unwrap_or(-1))?;
        }
        Ok(())
    }
}

/// `ADDR PORT`, or the address of a Unix socket.
fn line(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("{} {}", address.ip(), address.port()),
        other => other.to_string(),
    }
}

/// The server listens on these addresses.
///
/// # Errors
/// The descriptor cannot be written. A service manager that cannot be notified is not an error.
pub fn ready(ready_fd: Option<ReadyFd>, addresses: &[Address]) -> Result<(), Error> {
    notify(&[NotifyState::Ready]);
    let Some(ready_fd) = ready_fd else { return Ok(()) };
    ready_fd.notify(addresses).map_err(|cause| Error::local("write to --ready-fd", cause))
}

/// The server reads its files anew.
pub fn reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    notify(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
}

/// It has read them.
pub fn reloaded() {
    notify(&[NotifyState::Ready]);
}

/// The server accepts no more connections.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState]) {
    if let Err(cause) = sd_notify::notify(states) {
        tracing::warn!("cannot notify the service manager (NOTIFY_SOCKET): {cause}");
    }
}
