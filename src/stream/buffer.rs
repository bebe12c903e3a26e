//! The buffer that a read fills. A reader borrows it from its thread and keeps it only while there is data in
//! it, so that an idle connection has none.

use std::cell::Cell;
use std::ops::Deref;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Error;
use crate::transport::ReadHalf;

/// How many bytes are read at once.
const READ_SIZE: usize = 64 * 1024;

/// A buffer with less free room than this is enlarged before it is read into.
const MIN_ROOM: usize = 4 * 1024;

/// A buffer that has grown beyond this is not kept for other readers.
const MAX_SPARE: usize = 2 * READ_SIZE;

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Data that has arrived and was not read yet.
#[derive(Default)]
pub(super) struct Buffer {
    data: BytesMut,
    /// How many bytes of `data` were read. Removing them each time would stall the next search, which loads
    /// as one value what was stored as two.
    read: usize,
}

/// What was read ahead.
impl From<Bytes> for Buffer {
    fn from(ahead: Bytes) -> Self {
        Self { data: ahead.into(), read: 0 }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.data[self.read..]
    }
}

impl Buffer {
    /// Takes the first `n` bytes without a copy.
    #[expect(clippy::inline_always, reason = "otherwise the result is copied once more")]
    #[inline(always)]
    pub(super) fn take(&mut self, n: usize) -> Bytes {
        if self.read > 0 {
            self.settle();
        }
        self.data.split_to(n).freeze()
    }

    /// Drops the first `n` bytes.
    #[inline]
    pub(super) fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "{n} bytes of {}", self.len());
        self.read += n;
    }

    #[cold]
    fn settle(&mut self) {
        self.data.advance(std::mem::take(&mut self.read));
    }

    /// Reads once from `half`, no more than `most`; 0 is the peer's end.
    pub(super) fn poll_read(
        &mut self,
        half: &mut ReadHalf,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<usize, Error>> {
        self.settle();
        let data = &mut self.data;
        // Room that was given away can be reclaimed once its bytes are dropped.
        if data.is_empty() && data.capacity() < MIN_ROOM && !data.try_reclaim(READ_SIZE) {
            *data = SPARE.take();
        }
        if data.capacity() - data.len() < MIN_ROOM {
            data.reserve(READ_SIZE);
        }
        let read = half.poll_read(cx, data, most);
        if data.is_empty() {
            let spare = std::mem::take(data);
            if spare.capacity() <= MAX_SPARE {
                SPARE.set(spare);
            }
        }
        read
    }
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
