//! `--pass-fd`: the connected socket for the process on stdout, so that nothing stands between it and the peer.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use astream::{ConnectOptions, Endpoint, Error, open_socket};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_domain;
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::stdio::stdout;

use crate::report::{self, Ending, Event};

/// Connects to `endpoint` and hands the socket over.
pub async fn run(endpoint: &Endpoint, options: &ConnectOptions) -> anyhow::Result<Ending> {
    let failed = |cause| Error::local("hand the connection to the process on stdout", cause);
    takes_descriptors(stdout()).map_err(failed)?;
    let connected = open_socket(endpoint, options).await?;
    report::report(&Event::Connected { peer: &connected.peer, local: &connected.local });
    send(stdout(), connected.fd.as_fd()).map_err(failed)?;
    Ok(Ending::Status(0))
}

/// Only a Unix socket does (`SCM_RIGHTS`, unix(7)).
fn takes_descriptors(stdout: BorrowedFd<'_>) -> io::Result<()> {
    match socket_domain(stdout) {
        Ok(AddressFamily::UNIX) => Ok(()),
        _ => Err(io::Error::other("stdout is not a Unix socket; ssh gives one with -o ProxyUseFdpass=yes")),
    }
}

/// Sends one descriptor, with a byte that means nothing, because a descriptor is not sent alone on a stream.
fn send(stdout: BorrowedFd<'_>, connection: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [connection];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        message.push(SendAncillaryMessage::ScmRights(&descriptors));
        match sendmsg(stdout, &[IoSlice::new(&[0])], &mut message, SendFlags::empty()) {
            // Another process that shares it may have made it non-blocking.
            Err(Errno::AGAIN) => _ = poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None)?,
            Err(Errno::INTR) => {}
            sent => return Ok(sent.map(drop)?),
        }
    }
}
