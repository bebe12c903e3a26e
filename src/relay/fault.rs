//! Which side of one direction failed, and how.

use std::io;

use rustix::io::Errno;

/// Which side of one direction failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    Write(io::Error),
}

/// The system could not read.
pub(super) fn read_fault(error: Errno) -> Fault {
    Fault::Read(error.into())
}

/// The system could not write.
pub(super) fn write_fault(error: Errno) -> Fault {
    Fault::Write(error.into())
}
