//! What the system says about messages, as errors of a session.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

use super::Datagrams;
use crate::endpoint::Address;
use crate::error::Error;

impl Datagrams {
    /// UDP reports the refusal of a message with a later call, which does nothing else then.
    pub(super) fn is_of_an_earlier_one(&self, error: &io::Error) -> bool {
        error.kind() == ErrorKind::ConnectionRefused && matches!(self.0.ways.now().peer, Address::Tcp(_))
    }

    pub(super) fn send_error(&self, length: usize, error: io::Error) -> Error {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MSGSIZE) => Error::MessageTooLong { length },
            Some(Errno::CONNREFUSED) => self.refused(),
            _ => self.error("send to", error),
        }
    }

    pub(super) fn refused(&self) -> Error {
        Error::Refused { peer: self.0.ways.now().refusers() }
    }

    pub(super) fn error(&self, doing: &'static str, error: io::Error) -> Error {
        Error::Datagram { doing, peer: self.peer_addr().to_string(), cause: error.into() }
    }

    pub(super) fn receive_error(&self, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::ConnectionRefused => self.refused(),
            _ => self.error("receive from", error),
        }
    }
}
