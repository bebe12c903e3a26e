//! The buffer that a read fills: lent by the thread, kept by a reader only with data in it, so that an
//! idle connection holds none.

use std::cell::Cell;
use std::task::{Context, Poll};

use bytes::BytesMut;

use crate::error::Error;
use crate::transport::ReadHalf;

/// How much is read at once.
const READ_SIZE: usize = 64 * 1024;

/// A buffer with less free room than this is enlarged before it is read into.
const MIN_ROOM: usize = 4 * 1024;

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Reads once into `buffer`, 0 being the peer's end.
pub(super) fn poll_read(
    half: &mut ReadHalf,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<Result<usize, Error>> {
    if buffer.is_empty() && buffer.capacity() < MIN_ROOM {
        *buffer = SPARE.take();
    }
    if buffer.capacity() - buffer.len() < MIN_ROOM {
        buffer.reserve(READ_SIZE);
    }
    let read = half.poll_read(cx, buffer);
    if buffer.is_empty() {
        SPARE.set(std::mem::take(buffer));
    }
    read
}
