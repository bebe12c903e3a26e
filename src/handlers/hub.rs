//! One feed for many receivers. The fastest of them sets the pace; one that falls too far behind it is dropped, so
//! that none has to wait for one that is stuck.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::Error;
use crate::stream::read_buffered;

/// How many chunks of up to 64 KiB a receiver may be behind the fastest, which is 1 MiB.
const BEHIND: usize = 16;

/// Gives every chunk to all receivers that have joined.
#[derive(Default)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// A receiver has joined, left, or made room.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// How the feed has ended, once it has.
    end: Option<Result<(), Error>>,
    receivers: Vec<Receiver>,
}

/// A receiver as the hub sees it.
struct Receiver {
    chunks: mpsc::Sender<Bytes>,
    fell_behind: oneshot::Sender<()>,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A feed of what is delivered from now on; at its end at once if the whole has ended.
    pub(super) fn join(self: &Arc<Self>) -> Feed {
        let (sender, chunks) = mpsc::channel(BEHIND);
        let (signal, fell_behind) = oneshot::channel();
        let mut state = self.state();
        if state.end.is_none() {
            state.receivers.push(Receiver { chunks: sender, fell_behind: signal });
        }
        drop(state);
        self.changed.notify_one();
        Feed { chunks, fell_behind: Some(fell_behind), hub: Arc::clone(self), chunk: Bytes::new() }
    }

    /// Gives `chunk` to all receivers as soon as one has room for it; those that have none then are dropped.
    pub(super) async fn deliver(&self, chunk: Bytes) {
        loop {
            {
                let mut state = self.state();
                state.receivers.retain(|receiver| !receiver.chunks.is_closed());
                if state.receivers.iter().any(|receiver| receiver.chunks.capacity() > 0) {
                    state.give(&chunk);
                    return;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Nothing more is delivered: the feed has ended, or has failed.
    pub(super) fn end(&self, end: Result<(), Error>) {
        let mut state = self.state();
        state.end = Some(end);
        state.receivers.clear();
    }
}

impl State {
    fn give(&mut self, chunk: &Bytes) {
        for receiver in std::mem::take(&mut self.receivers) {
            if receiver.chunks.try_send(chunk.clone()).is_ok() {
                self.receivers.push(receiver);
            } else {
                // It has left, or is blocked in a write.
                let _ = receiver.fell_behind.send(());
            }
        }
    }
}

/// The feed of one receiver.
pub(super) struct Feed {
    chunks: mpsc::Receiver<Bytes>,
    fell_behind: Option<oneshot::Receiver<()>>,
    hub: Arc<Hub>,
    chunk: Bytes,
}

impl Feed {
    /// Whether everything that was delivered is consumed.
    pub(super) fn is_consumed(&self) -> bool {
        self.chunk.is_empty() && self.chunks.is_empty()
    }

    /// Returns when this receiver has fallen too far behind; never if it does not. To be called once.
    pub(super) fn fell_behind(&mut self) -> impl Future<Output = ()> + use<> {
        let signal = self.fell_behind.take();
        async move {
            let has_fallen = match signal {
                Some(signal) => signal.await.is_ok(),
                None => false,
            };
            if !has_fallen {
                pending::<()>().await;
            }
        }
    }

    /// Why no more chunks come.
    fn end(&self) -> io::Result<()> {
        match &self.hub.state().end {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(error.clone().into()),
            None => Err(Error::FellBehind.into()),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.chunks.close();
        self.hub.changed.notify_one();
    }
}

impl AsyncBufRead for Feed {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let feed = self.get_mut();
        if feed.chunk.is_empty() {
            match ready!(feed.chunks.poll_recv(cx)) {
                Some(chunk) => {
                    feed.chunk = chunk;
                    feed.hub.changed.notify_one();
                }
                None => feed.end()?,
            }
        }
        Poll::Ready(Ok(&feed.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().chunk.advance(amount);
    }
}

impl AsyncRead for Feed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_buffered(self, cx, buf)
    }
}
