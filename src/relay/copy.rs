//! Copies one direction of a relay through a buffer.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite};

use super::Fault;

/// Writes to `to` what `from` gives, up to its end. Whenever there is nothing more to read, and before an
/// error of reading is returned, what was written is flushed. `stuck` is called with whether `to` takes
/// nothing.
pub(super) async fn copy<R, W>(from: &mut R, to: &mut W, stuck: impl Fn(bool)) -> Result<(), Fault>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if let Err(fault) = wait_for_data(from, to, &stuck).await {
            if matches!(fault, Fault::Read(_)) {
                flush(to, &stuck).await?;
            }
            return Err(fault);
        }
        let data = from.fill_buf().await.map_err(Fault::Read)?;
        if data.is_empty() {
            return flush(to, &stuck).await;
        }
        let sent = write(to, data, &stuck).await.map_err(Fault::Write)?;
        from.consume(sent);
    }
}

/// Waits until `from` has data, or is at its end, flushing `to` meanwhile.
async fn wait_for_data<R, W>(from: &mut R, to: &mut W, stuck: &impl Fn(bool)) -> Result<(), Fault>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut flushed = false;
    poll_fn(|cx| {
        if let Poll::Ready(read) = Pin::new(&mut *from).poll_fill_buf(cx) {
            return Poll::Ready(read.map(drop).map_err(Fault::Read));
        }
        if !flushed {
            let polled = Pin::new(&mut *to).poll_flush(cx);
            stuck(polled.is_pending());
            ready!(polled).map_err(Fault::Write)?;
            flushed = true;
        }
        Poll::Pending
    })
    .await
}

async fn write<W: AsyncWrite + Unpin>(to: &mut W, data: &[u8], stuck: &impl Fn(bool)) -> io::Result<usize> {
    let written = poll_fn(|cx| {
        let polled = Pin::new(&mut *to).poll_write(cx, data);
        stuck(polled.is_pending());
        polled
    });
    match written.await? {
        0 => Err(ErrorKind::WriteZero.into()),
        n => Ok(n),
    }
}

async fn flush<W: AsyncWrite + Unpin>(to: &mut W, stuck: &impl Fn(bool)) -> Result<(), Fault> {
    let flushed = poll_fn(|cx| {
        let polled = Pin::new(&mut *to).poll_flush(cx);
        stuck(polled.is_pending());
        polled
    });
    flushed.await.map_err(Fault::Write)
}
