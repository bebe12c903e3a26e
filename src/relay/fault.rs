//! Why one direction of a relay has failed: reading, or writing.

use std::io;

use rustix::io::Errno;

/// Which side of one direction failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(io::Error),
    Write(io::Error),
}

/// A read failed.
pub(super) fn read_fault(error: Errno) -> Fault {
    Fault::Read(error.into())
}

/// A write failed.
pub(super) fn write_fault(error: Errno) -> Fault {
    Fault::Write(error.into())
}
