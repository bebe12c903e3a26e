//! For tests: a reader whose peer is the test, which decides when bytes, an end or an error arrive.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf, join, sink};

use super::link::Link;
use super::{Limits, StreamReader, streams};
use crate::endpoint::Address;
use crate::transport::Transport;

/// The peer of a reader. A read gets everything that has arrived, as from a socket.
#[derive(Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    data: BytesMut,
    end: Option<Result<(), ErrorKind>>,
}

impl Feed {
    /// A reader with this limit for a line, and its peer.
    pub(super) fn reader(limit: usize) -> (Self, StreamReader) {
        let feed = Self::default();
        let limits = Limits { line: limit, ..Limits::default() };
        let link = Link::new(Address::Unknown, Address::Unknown, limits.into());
        let (reader, _writer) = streams(Transport::over(join(feed.clone(), sink())), link);
        (feed, reader)
    }

    pub(super) fn data(&self, data: &[u8]) {
        self.arrived().data.extend_from_slice(data);
    }

    pub(super) fn eof(&self) {
        self.arrived().end.get_or_insert(Ok(()));
    }

    /// An error that is reported after the data, as a reset is.
    pub(super) fn error(&self, kind: ErrorKind) {
        self.arrived().end = Some(Err(kind));
    }

    /// What has arrived and is not yet in the reader's buffer.
    pub(super) fn unread(&self) -> Vec<u8> {
        self.arrived().data.to_vec()
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap()
    }
}

impl AsyncRead for Feed {
    /// Wakes no task: the test polls again after it has fed.
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut arrived = self.arrived();
        if arrived.data.is_empty() {
            return match arrived.end {
                None => Poll::Pending,
                Some(end) => Poll::Ready(end.map_err(Into::into)),
            };
        }
        let amount = arrived.data.len().min(buf.remaining());
        buf.put_slice(&arrived.data[..amount]);
        arrived.data.advance(amount);
        Poll::Ready(Ok(()))
    }
}
