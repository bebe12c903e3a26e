//! Takes a connection back from its streams, for code that moves bytes faster than streams can.

use super::{StreamReader, StreamWriter};
use crate::error::Error;
use crate::transport::{AsyncSocket, BlockingSocket, Transport};

/// Whether there is a plain socket beneath, and nothing is buffered on either side.
pub(crate) fn is_bare(reader: &StreamReader, writer: &StreamWriter) -> bool {
    reader.half().beneath().is_plain() && can_block(reader, writer)
}

/// The socket beneath streams that are bare.
pub(crate) fn detach(reader: StreamReader, writer: StreamWriter) -> Result<AsyncSocket, Error> {
    transport(reader, writer).and_then(Transport::into_socket).ok_or(Error::Closed)
}

/// Whether there is a socket beneath, plain or under TLS, nothing is buffered on either side, and its bytes
/// need not go through the streams.
pub(crate) fn can_block(reader: &StreamReader, writer: &StreamWriter) -> bool {
    let link = reader.link();
    let by_streams = link.limits.by_streams || link.pace.is_limited() || !link.taps.is_empty();
    !by_streams && reader.half().can_block() && reader.incoming.is_untouched() && writer.is_bare()
}

/// The connection beneath streams that can block, for two threads, one for each direction.
pub(crate) fn into_blocking(reader: StreamReader, writer: StreamWriter) -> Result<BlockingSocket, Error> {
    let blocking = transport(reader, writer).and_then(Transport::into_blocking).ok_or(Error::Closed)?;
    blocking.map_err(|error| Error::from_io("reading", error))
}

fn transport(reader: StreamReader, writer: StreamWriter) -> Option<Transport> {
    reader.link().stop_watch();
    let write = writer.into_half()?;
    reader.into_half().reunite(write)
}
