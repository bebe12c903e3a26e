//! Taking a plain socket back from its streams, for those who move bytes faster than streams can.

use super::{StreamReader, StreamWriter};
use crate::error::Error;
use crate::transport::BlockingSocket;

/// Whether beneath is a plain socket, and nothing is buffered on either side.
pub(crate) fn is_bare(reader: &StreamReader, writer: &StreamWriter) -> bool {
    reader.is_bare() && writer.is_bare()
}

/// The socket beneath streams that are bare; it blocks from now on.
pub(crate) fn detach(reader: StreamReader, writer: StreamWriter) -> Result<BlockingSocket, Error> {
    let transport = writer.into_half().and_then(|write| reader.into_half().reunite(write));
    let transport = transport.ok_or(Error::Closed)?;
    transport.into_blocking().map_err(|error| Error::from_io("reading", error))
}
