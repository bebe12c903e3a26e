//! Reads that end at a separator or after a number of bytes. They are called once for each line, and mostly
//! find what they want in the buffer. Then they cost no more than the search: they are inlined, and
//! everything that waits or fails is kept out of the way and returns what fits into registers.
#![expect(
    clippy::inline_always,
    reason = "each call between the buffer and the caller copies the line's handle"
)]

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::incoming::{Incoming, State};
use super::separator::{find, first_match};
use crate::error::Error;

/// Where the bytes go that a read has found.
pub(super) trait Take {
    type Taken;

    /// Takes the first `n` bytes of the buffer.
    fn take(&mut self, incoming: &mut Incoming, n: usize) -> Self::Taken;
}

/// Returns them without a copy.
pub(super) struct Owned;

impl Take for Owned {
    type Taken = Bytes;

    #[inline(always)]
    fn take(&mut self, incoming: &mut Incoming, n: usize) -> Bytes {
        incoming.buffer.take(n)
    }
}

/// Appends them to the caller's bytes, and returns how many they are.
impl Take for &mut Vec<u8> {
    type Taken = usize;

    #[inline(always)]
    fn take(&mut self, incoming: &mut Incoming, n: usize) -> usize {
        self.extend_from_slice(&incoming.buffer[..n]);
        incoming.buffer.advance(n);
        n
    }
}

/// Exactly `n` bytes.
pub(super) struct Exactly<'a> {
    pub(super) incoming: &'a mut Incoming,
    pub(super) n: usize,
}

impl Future for Exactly<'_> {
    type Output = Result<Bytes, Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { incoming, n } = self.get_mut();
        if incoming.buffer.len() < *n && !ready!(poll_fill(incoming, *n, cx)) {
            return Poll::Ready(Err(incomplete(incoming, Some(*n))));
        }
        Poll::Ready(Ok(incoming.buffer.take(*n)))
    }
}

/// A line with its newline, or what is left at the end of the stream.
pub(super) struct Line<'a, T> {
    pub(super) incoming: &'a mut Incoming,
    pub(super) to: T,
    /// There is no newline before this offset.
    pub(super) searched: usize,
}

impl<T: Take + Unpin> Future for Line<'_, T> {
    type Output = Result<Option<T::Taken>, Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { incoming, to, searched } = self.get_mut();
        let found = match buffered_end(incoming, b"\n", *searched) {
            Some(end) => Ok(end),
            None => ready!(poll_find(incoming, &[b"\n"], searched, cx)),
        };
        Poll::Ready(match found {
            Ok(end) => Ok(Some(to.take(incoming, end))),
            Err(NotFound::Ended) if incoming.state != State::Failed => Ok(rest(incoming, to)),
            Err(not_found) => Err(no_line(incoming, not_found)),
        })
    }
}

/// Data up to and including a separator.
pub(super) struct Until<'a, S, T> {
    pub(super) incoming: &'a mut Incoming,
    pub(super) to: T,
    pub(super) separators: S,
    /// No separator begins before this offset.
    pub(super) searched: usize,
}

impl<'s, S: AsRef<[&'s [u8]]> + Copy + Unpin, T: Take + Unpin> Future for Until<'_, S, T> {
    type Output = Result<T::Taken, Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { incoming, to, separators, searched } = self.get_mut();
        // The call below borrows a copy of the list: the only separator then stays in registers.
        let only = match separators.as_ref() {
            [only] => buffered_end(incoming, only, *searched),
            _ => None,
        };
        let found = match only {
            Some(end) => Ok(end),
            None => ready!(poll_find(incoming, { *separators }.as_ref(), searched, cx)),
        };
        Poll::Ready(match found {
            Ok(end) => Ok(to.take(incoming, end)),
            Err(not_found) => Err(no_data(incoming, not_found)),
        })
    }
}

/// Why a search ends without a separator.
#[derive(Clone, Copy)]
enum NotFound {
    Ended,
    Overrun { consumed: usize, found: bool },
    EmptySeparator,
}

/// Where the separator ends, if it is in the buffer and within the limit.
#[inline(always)]
fn buffered_end(incoming: &Incoming, separator: &[u8], searched: usize) -> Option<usize> {
    let found = find(&incoming.buffer, searched, separator)?;
    (found.start <= incoming.link.limits.line).then_some(found.end)
}

/// Waits until the buffer contains a separator, and returns where that ends.
#[inline(never)]
fn poll_find(
    incoming: &mut Incoming,
    separators: &[&[u8]],
    searched: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, NotFound>> {
    let lengths = separators.iter().map(|separator| separator.len());
    let (Some(1..), Some(longest)) = (lengths.clone().min(), lengths.max()) else {
        return Poll::Ready(Err(NotFound::EmptySeparator));
    };
    let limit = incoming.link.limits.line;
    loop {
        if let Some(found) = first_match(&incoming.buffer, *searched, separators) {
            return Poll::Ready(if found.start > limit {
                Err(NotFound::Overrun { consumed: found.start, found: true })
            } else {
                Ok(found.end)
            });
        }
        *searched = (incoming.buffer.len() + 1).saturating_sub(longest).max(*searched);
        if *searched > limit {
            return Poll::Ready(Err(NotFound::Overrun { consumed: *searched, found: false }));
        }
        if !ready!(incoming.poll_more(cx)) {
            return Poll::Ready(Err(NotFound::Ended));
        }
    }
}

/// Waits until the buffer contains `n` bytes; false if the end comes first.
#[inline(never)]
fn poll_fill(incoming: &mut Incoming, n: usize, cx: &mut Context<'_>) -> Poll<bool> {
    while incoming.buffer.len() < n {
        if !ready!(incoming.poll_more(cx)) {
            return Poll::Ready(false);
        }
    }
    Poll::Ready(true)
}

#[cold]
fn no_data(incoming: &mut Incoming, not_found: NotFound) -> Error {
    match not_found {
        NotFound::Ended => incomplete(incoming, None),
        NotFound::Overrun { consumed, found } => Error::LimitOverrun { consumed, found },
        NotFound::EmptySeparator => Error::EmptySeparator,
    }
}

/// A line that is too long is dropped.
#[cold]
fn no_line(incoming: &mut Incoming, not_found: NotFound) -> Error {
    match no_data(incoming, not_found) {
        Error::LimitOverrun { consumed, found } => {
            incoming.drop_long_line(found.then_some(consumed));
            Error::LineTooLong { limit: incoming.link.limits.line }
        }
        other => other,
    }
}

/// The error for a stream that has ended too early.
#[cold]
fn incomplete(incoming: &mut Incoming, expected: Option<usize>) -> Error {
    match incoming.end() {
        Ok(()) => Error::Incomplete { partial: rest(incoming, &mut Owned).unwrap_or_default(), expected },
        Err(error) => error,
    }
}

/// Everything that is in the buffer.
#[cold]
#[inline(never)]
fn rest<T: Take>(incoming: &mut Incoming, to: &mut T) -> Option<T::Taken> {
    let rest = incoming.buffer.len();
    (rest > 0).then(|| to.take(incoming, rest))
}
