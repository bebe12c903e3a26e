//! Taking a plain socket back from its streams, for those who move bytes faster than streams can.

use super::{StreamReader, StreamWriter};
use crate::error::Error;
use crate::transport::{AsyncSocket, Transport};

/// Whether beneath is a plain socket, and nothing is buffered on either side.
pub(crate) fn is_bare(reader: &StreamReader, writer: &StreamWriter) -> bool {
    reader.is_bare() && writer.is_bare()
}

/// The socket beneath streams that are bare.
pub(crate) fn detach(reader: StreamReader, writer: StreamWriter) -> Result<AsyncSocket, Error> {
    let transport = writer.into_half().and_then(|write| reader.into_half().reunite(write));
    transport.and_then(Transport::into_socket).ok_or(Error::Closed)
}
