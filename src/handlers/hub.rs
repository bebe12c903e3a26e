//! What is said, to all that have joined. None has to wait for a member that is stuck: one that falls too far behind is
//! dropped.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::Error;
use crate::stream::read_buffered;

/// A member that is behind by so many bytes has no room for more: 1 MiB.
const BEHIND: usize = 1 << 20;

/// What a chunk costs beside its bytes, so that many short ones take no more memory than a few long ones.
const OVERHEAD: usize = 128;

/// Gives chunks to its members, each as a whole.
#[derive(Debug, Default)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// A member has joined, left, or made room.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How the whole has ended, once it has.
    end: Option<Result<(), Error>>,
    members: BTreeMap<u64, Member>,
    joined: u64,
}

/// A member as the hub sees it.
#[derive(Debug)]
struct Member {
    chunks: mpsc::UnboundedSender<Bytes>,
    behind: Arc<AtomicUsize>,
    lag: Lag,
}

/// What becomes of a member that has no room.
#[derive(Debug)]
enum Lag {
    /// It is dropped, after this signal.
    Dropped(Option<oneshot::Sender<()>>),
    /// It misses what is said until it has taken everything that waits for it.
    #[cfg(feature = "cli")]
    Misses { name: &'static str, is_missing: bool, has_missed: bool },
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A feed of what is said from now on; at its end at once if the whole has ended.
    pub(super) fn join(self: &Arc<Self>) -> Feed {
        let (signal, fell_behind) = oneshot::channel();
        self.join_as(Lag::Dropped(Some(signal)), Some(fell_behind))
    }

    /// The same for a member that is never dropped, and misses what it has no room for. `name` is for the warning.
    #[cfg(feature = "cli")]
    pub(super) fn join_to_miss(self: &Arc<Self>, name: &'static str) -> Feed {
        self.join_as(Lag::Misses { name, is_missing: false, has_missed: false }, None)
    }

    fn join_as(self: &Arc<Self>, lag: Lag, fell_behind: Option<oneshot::Receiver<()>>) -> Feed {
        let (sender, chunks) = mpsc::unbounded_channel();
        let behind = Arc::default();
        let mut state = self.state();
        state.joined += 1;
        let number = state.joined;
        if state.end.is_none() {
            let member = Member { chunks: sender, behind: Arc::clone(&behind), lag };
            state.members.insert(number, member);
        }
        drop(state);
        let hub = Arc::clone(self);
        hub.changed.notify_one();
        Feed { number, chunks, behind, fell_behind, hub, chunk: Bytes::new() }
    }

    /// Gives `chunk` to all members but the one with the number `but`, at once: those that have no room are left out.
    pub(super) fn say(&self, but: Option<u64>, chunk: &Bytes) {
        self.state().members.retain(|number, member| Some(*number) == but || member.take(chunk));
    }
}

#[cfg(feature = "cli")]
impl Hub {
    /// Gives `chunk` to all members as soon as one has room for it: the fastest sets the pace.
    pub(super) async fn deliver(&self, chunk: Bytes) {
        while !self.state().members.values().any(Member::has_room) {
            self.changed.notified().await;
        }
        self.say(None, &chunk);
    }

    /// Nothing more is said: the whole has ended, or has failed.
    pub(super) fn end(&self, end: Result<(), Error>) {
        let mut state = self.state();
        state.end = Some(end);
        state.members.clear();
    }
}

impl Member {
    fn has_room(&self) -> bool {
        self.behind.load(Ordering::Relaxed) < BEHIND
    }

    /// Takes a chunk, if there is room; false if this member is to be dropped.
    fn take(&mut self, chunk: &Bytes) -> bool {
        let has_room = self.has_room();
        match &mut self.lag {
            Lag::Dropped(signal) => {
                if !has_room {
                    // It may have left just now.
                    let _ = signal.take().map(|signal| signal.send(()));
                    return false;
                }
            }
            #[cfg(feature = "cli")]
            Lag::Misses { name, is_missing, has_missed } => {
                let is_behind = if *is_missing { self.behind.load(Ordering::Relaxed) > 0 } else { !has_room };
                if is_behind && !std::mem::replace(has_missed, true) {
                    // None of the client that speaks: it has no parent.
                    tracing::warn!(parent: None, "{name} is 1 MiB behind: it misses what is said whenever it is so, to stop no client");
                }
                *is_missing = is_behind;
                if is_behind {
                    return true;
                }
            }
        }
        self.behind.fetch_add(cost(chunk), Ordering::Relaxed);
        self.chunks.send(chunk.clone()).is_ok()
    }
}

fn cost(chunk: &Bytes) -> usize {
    chunk.len() + OVERHEAD
}

/// The feed of one member, which leaves when this is dropped.
pub(super) struct Feed {
    number: u64,
    chunks: mpsc::UnboundedReceiver<Bytes>,
    behind: Arc<AtomicUsize>,
    fell_behind: Option<oneshot::Receiver<()>>,
    hub: Arc<Hub>,
    chunk: Bytes,
}

impl Feed {
    /// By which the hub knows this member.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns when this member has fallen too far behind; never if it does not. To be called once.
    pub(super) fn fell_behind(&mut self) -> impl Future<Output = ()> + use<> {
        let signal = self.fell_behind.take();
        async move {
            if let Some(signal) = signal
                && signal.await.is_ok()
            {
                return;
            }
            pending::<()>().await;
        }
    }

    /// The next chunk; none when no more come. May be cancelled without losing one.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let next = ready!(self.chunks.poll_recv(cx));
        if let Some(chunk) = &next {
            self.behind.fetch_sub(cost(chunk), Ordering::Relaxed);
            self.hub.changed.notify_one();
        }
        Poll::Ready(next)
    }

    /// Whether everything that was said is consumed.
    #[cfg(feature = "cli")]
    pub(super) fn is_consumed(&self) -> bool {
        self.chunk.is_empty() && self.chunks.is_empty()
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
        self.hub.state().members.remove(&self.number);
        self.hub.changed.notify_one();
    }
}

impl AsyncBufRead for Feed {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let feed = self.get_mut();
        if feed.chunk.is_empty() {
            match ready!(feed.poll_next(cx)) {
                Some(chunk) => feed.chunk = chunk,
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;

    use super::*;

    fn drained(feed: &mut Feed) -> Vec<Bytes> {
        std::iter::from_fn(|| feed.chunks.try_recv().ok())
            .inspect(|chunk| _ = feed.behind.fetch_sub(cost(chunk), Ordering::Relaxed))
            .collect()
    }

    #[test]
    fn each_chunk_goes_to_all_but_its_speaker_and_to_those_that_have_joined() {
        let hub = Arc::new(Hub::default());
        let (mut one, mut two) = (hub.join(), hub.join());
        hub.say(Some(one.number()), &Bytes::from_static(b"from one"));
        let mut late = hub.join();
        hub.say(Some(two.number()), &Bytes::from_static(b"from two"));
        hub.say(None, &Bytes::new());
        assert_eq!(drained(&mut one), ["from two", ""]);
        assert_eq!(drained(&mut two), ["from one", ""]);
        assert_eq!(drained(&mut late), ["from two", ""]);
    }

    #[test]
    fn a_member_that_is_behind_is_dropped_however_short_the_chunks_are() {
        for (chunk, most) in [(Bytes::from(vec![7; 64 << 10]), 16), (Bytes::from_static(b"x"), 8200)] {
            let hub = Arc::new(Hub::default());
            let (mut stuck, mut other) = (hub.join(), hub.join());
            let mut fell_behind = pin!(stuck.fell_behind());
            let mut said = 0;
            while hub.state().members.len() == 2 {
                hub.say(None, &chunk);
                said += drained(&mut other).len();
            }
            assert!(fell_behind.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            assert!(said <= most + 1, "{said} chunks of {} bytes", chunk.len());
            assert_eq!(drained(&mut stuck).len(), said - 1, "what it had room for is there");
            drop(stuck);
            hub.say(None, &chunk);
            assert_eq!(drained(&mut other).len(), 1);
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_member_that_may_miss_something_gets_whole_chunks_again_when_it_has_caught_up() {
        let hub = Arc::new(Hub::default());
        let mut feed = hub.join_to_miss("it");
        let chunk = Bytes::from(vec![7; 64 << 10]);
        (0..100).for_each(|_| hub.say(None, &chunk));
        let taken = drained(&mut feed);
        assert!(taken.len() <= 16 && taken.iter().all(|taken| *taken == chunk), "{} chunks", taken.len());
        hub.say(None, &chunk);
        assert_eq!(drained(&mut feed), [chunk]);
    }
}
