//! Blocking reads and writes, also of descriptors that another process has made non-blocking.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, recv};

/// Reads once; 0 is the end.
pub(crate) fn read(from: impl AsFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    retry(&from, PollFlags::IN, || rustix::io::read(&from, &mut *buffer))
}

/// Reads from a socket what has arrived, without waiting; 0 is the end.
pub(crate) fn receive(from: impl AsFd, buffer: &mut [u8], flags: RecvFlags) -> Result<usize, Errno> {
    let (n, _) = retry_on_intr(|| recv(&from, &mut *buffer, flags | RecvFlags::DONTWAIT))?;
    Ok(n)
}

/// Writes everything; `progress` is called after each part.
pub(crate) fn write_all(to: impl AsFd, mut data: &[u8], progress: impl Fn()) -> Result<(), Errno> {
    while !data.is_empty() {
        let written = retry(&to, PollFlags::OUT, || rustix::io::write(&to, data))?;
        data = &data[written..];
        progress();
    }
    Ok(())
}

/// Repeats a call that was interrupted, or, once it is ready, that of a descriptor which does not block.
pub(crate) fn retry<T>(
    descriptor: impl AsFd,
    readiness: PollFlags,
    mut call: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(&descriptor, readiness)?,
            done => return done,
        }
    }
}

/// Waits until the descriptor is ready, or broken.
pub(crate) fn wait(descriptor: impl AsFd, readiness: PollFlags) -> Result<(), Errno> {
    match poll(&mut [PollFd::new(&descriptor, readiness)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
