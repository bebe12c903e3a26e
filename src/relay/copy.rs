//! One way: the plain loop, which is always right.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite};

use super::{Fault, Meter, Way};

/// Writes to `to` what `from` gives, up to its end. Whenever there is nothing more to read, what
/// was written is flushed; also before an error of reading is returned.
pub(super) async fn copy<R, W>(from: &mut R, to: &mut W, way: Way, meter: &Meter) -> Result<(), Fault>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        if let Err(fault) = wait_for_data(from, to, way, meter).await {
            if matches!(fault, Fault::Read(_)) {
                flush(to, way, meter).await?;
            }
            return Err(fault);
        }
        let data = from.fill_buf().await.map_err(Fault::Read)?;
        if data.is_empty() {
            return flush(to, way, meter).await;
        }
        match way {
            Way::Up => meter.sending(),
            Way::Down => meter.first_received(data),
        }
        let sent = write(to, data, way, meter).await.map_err(Fault::Write)?;
        from.consume(sent);
        meter.moved(way, sent);
    }
}

/// Waits until `from` has something to say, flushing `to` meanwhile.
async fn wait_for_data<R, W>(from: &mut R, to: &mut W, way: Way, meter: &Meter) -> Result<(), Fault>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut flushed = false;
    poll_fn(|cx| {
        let read = Pin::new(&mut *from).poll_fill_buf(cx);
        if way == Way::Up {
            meter.input_waits(read.is_pending());
        }
        if let Poll::Ready(read) = read {
            return Poll::Ready(read.map(drop).map_err(Fault::Read));
        }
        if !flushed {
            let polled = Pin::new(&mut *to).poll_flush(cx);
            stuck(way, meter, polled.is_pending());
            ready!(polled).map_err(Fault::Write)?;
            flushed = true;
        }
        Poll::Pending
    })
    .await
}

async fn write<W: AsyncWrite + Unpin>(to: &mut W, data: &[u8], way: Way, meter: &Meter) -> io::Result<usize> {
    let written = poll_fn(|cx| {
        let polled = Pin::new(&mut *to).poll_write(cx, data);
        stuck(way, meter, polled.is_pending());
        polled
    });
    match written.await? {
        0 => Err(ErrorKind::WriteZero.into()),
        n => Ok(n),
    }
}

async fn flush<W: AsyncWrite + Unpin>(to: &mut W, way: Way, meter: &Meter) -> Result<(), Fault> {
    let flushed = poll_fn(|cx| {
        let polled = Pin::new(&mut *to).poll_flush(cx);
        stuck(way, meter, polled.is_pending());
        polled
    });
    flushed.await.map_err(Fault::Write)
}

/// The clock stands while our own side does not take what came from the peer.
fn stuck(way: Way, meter: &Meter, stuck: bool) {
    if way == Way::Down {
        meter.output_stuck(stuck);
    }
}
