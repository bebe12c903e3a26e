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

/// A buffer that has grown beyond this is not kept for others.
const MAX_SPARE: usize = 2 * READ_SIZE;

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Reads once into `buffer`, 0 being the peer's end.
pub(super) fn poll_read(
    half: &mut ReadHalf,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<Result<usize, Error>> {
    // Once what was given away is gone, the room is free again.
    if buffer.is_empty() && buffer.capacity() < MIN_ROOM && !buffer.try_reclaim(READ_SIZE) {
        *buffer = SPARE.take();
    }
    if buffer.capacity() - buffer.len() < MIN_ROOM {
        buffer.reserve(READ_SIZE);
    }
    let read = half.poll_read(cx, buffer);
    if buffer.is_empty() {
        let spare = std::mem::take(buffer);
        if spare.capacity() <= MAX_SPARE {
            SPARE.set(spare);
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::super::feed::Feed;
    use super::*;

    #[test]
    fn a_thread_keeps_no_large_buffer_for_an_idle_reader() {
        let (feed, mut reader) = Feed::reader(0);
        feed.data(&vec![0; 8 * READ_SIZE]);
        assert!(once(reader.readexactly(8 * READ_SIZE)).is_ready());
        assert!(once(reader.read(1)).is_pending());
        assert!(SPARE.take().capacity() <= MAX_SPARE);
    }

    fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }
}
