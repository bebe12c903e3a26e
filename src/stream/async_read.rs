//! `AsyncRead` and `AsyncBufRead` for the reader, so that codecs and hyper work on it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::StreamReader;

impl AsyncBufRead for StreamReader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let reader = self.get_mut();
        if reader.incoming.buffer.is_empty() && !ready!(reader.incoming.poll_more(cx)) {
            reader.incoming.end()?;
        }
        Poll::Ready(Ok(&reader.incoming.buffer))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().incoming.buffer.advance(amount);
    }
}

impl AsyncRead for StreamReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_buffered(self, cx, buf)
    }
}

/// `AsyncRead` for whatever has a buffer.
pub(crate) fn read_buffered(
    mut from: Pin<&mut impl AsyncBufRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if buf.remaining() > 0 {
        let data = ready!(from.as_mut().poll_fill_buf(cx))?;
        let amount = data.len().min(buf.remaining());
        buf.put_slice(&data[..amount]);
        from.consume(amount);
    }
    Poll::Ready(Ok(()))
}
