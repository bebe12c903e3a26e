//! The reader against a naive model, for any cut of its input into chunks and any cancelled calls.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::StreamReader;
use super::feed::Feed;
use crate::error::Error;

#[derive(Debug, Clone)]
enum Call {
    Read(usize),
    ReadToEnd,
    ReadExactly(usize),
    ReadLine,
    ReadUntil(Vec<Vec<u8>>),
}

fn letters(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(b"ab\n".as_slice()), length)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (0..6usize).prop_map(Call::Read),
        3 => (0..6usize).prop_map(Call::ReadExactly),
        6 => Just(Call::ReadLine),
        6 => vec(letters(1..4), 1..4).prop_map(Call::ReadUntil),
        1 => Just(Call::ReadToEnd),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_the_input_and_any_cancelled_call_gives_what_the_model_gives(
        chunks in vec(letters(0..8), 0..12),
        limit in 0..6usize,
        // Each call, and how often it may wait before it is cancelled.
        calls in vec((call(), 0..4usize), 1..20),
    ) {
        let all = chunks.concat();
        let (feed, mut reader) = Feed::reader(limit);
        let mut coming = chunks.iter();
        let mut at = 0;
        for (call, patience) in calls {
            for _ in 0..=patience {
                if let Poll::Ready(came) = polled_once(&mut reader, &call) {
                    at += judged(&all[at..], limit, &call, came)?;
                    break;
                }
                match coming.next() {
                    Some(chunk) => feed.data(chunk),
                    None => feed.eof(),
                }
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_the_cut(
        chunks in vec(letters(0..8), 0..12),
        limit in 0..6usize,
    ) {
        let all = chunks.concat();
        let (feed, mut reader) = Feed::reader(limit);
        let mut coming = chunks.iter();
        let mut at = 0;
        while at < all.len() {
            match polled_once(&mut reader, &Call::ReadLine) {
                Poll::Ready(came) => at += judged(&all[at..], limit, &Call::ReadLine, came)?,
                Poll::Pending => coming.next().map_or_else(|| feed.eof(), |chunk| feed.data(chunk)),
            }
        }
    }
}

/// Calls, polls once, and cancels what has to wait.
fn polled_once(reader: &mut StreamReader, call: &Call) -> Poll<Result<Option<Bytes>, Error>> {
    let future = async {
        match call {
            Call::Read(n) => reader.read(*n).await.map(Some),
            Call::ReadToEnd => reader.read_to_end().await.map(Some),
            Call::ReadExactly(n) => reader.readexactly(*n).await.map(Some),
            Call::ReadLine => reader.readline().await,
            Call::ReadUntil(separators) => {
                let separators: Vec<_> = separators.iter().map(Vec::as_slice).collect();
                reader.readuntil_any(&separators).await.map(Some)
            }
        }
    };
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Compares a result with what the model gives for `rest`, which is all that is still unread. Returns how
/// much of it was consumed.
fn judged(
    rest: &[u8],
    limit: usize,
    call: &Call,
    came: Result<Option<Bytes>, Error>,
) -> Result<usize, TestCaseError> {
    match call {
        Call::Read(n) => {
            let data = came.unwrap().unwrap();
            prop_assert!(data.len() <= *n && rest.starts_with(&data));
            prop_assert_eq!(data.is_empty(), *n == 0 || rest.is_empty());
            Ok(data.len())
        }
        Call::ReadToEnd => {
            prop_assert_eq!(&came.unwrap().unwrap()[..], rest);
            Ok(rest.len())
        }
        Call::ReadExactly(n) if *n <= rest.len() => {
            prop_assert_eq!(&came.unwrap().unwrap()[..], &rest[..*n]);
            Ok(*n)
        }
        Call::ReadExactly(n) => {
            let Err(Error::Incomplete { partial, expected }) = came else { panic!("{came:?}") };
            prop_assert_eq!((&partial[..], expected), (rest, Some(*n)));
            Ok(rest.len())
        }
        Call::ReadLine => {
            let newline = rest.iter().position(|byte| *byte == b'\n');
            let (length, line) = newline.map_or((rest.len(), rest.len()), |at| (at, at + 1));
            if length > limit {
                prop_assert!(matches!(came, Err(Error::LineTooLong { .. })), "{came:?}");
            } else {
                let expected = (!rest.is_empty()).then_some(&rest[..line]);
                let came = came.unwrap();
                prop_assert_eq!(came.as_deref(), expected);
            }
            Ok(line)
        }
        Call::ReadUntil(separators) => until(rest, limit, separators, came),
    }
}

fn until(
    rest: &[u8],
    limit: usize,
    separators: &[Vec<u8>],
    came: Result<Option<Bytes>, Error>,
) -> Result<usize, TestCaseError> {
    // The first place where one ends, and the shortest of those that end there.
    let found = (0..=rest.len()).find_map(|end| {
        let ending = separators.iter().filter(|separator| rest[..end].ends_with(separator));
        Some((end - ending.map(Vec::len).min()?, end))
    });
    // No separator begins before this.
    let longest = separators.iter().map(Vec::len).max().unwrap();
    let clear = found.map_or((rest.len() + 1).saturating_sub(longest), |(start, _)| start);
    match (found, came) {
        (Some((start, end)), Ok(data)) if start <= limit => {
            prop_assert_eq!(&data.unwrap()[..], &rest[..end]);
            Ok(end)
        }
        (_, Err(Error::LimitOverrun { consumed, found: is_found })) => {
            prop_assert!(limit < consumed && consumed <= clear);
            prop_assert!(!is_found || consumed == clear && found.is_some());
            Ok(0)
        }
        (None, Err(Error::Incomplete { partial, expected: None })) if clear <= limit => {
            prop_assert_eq!(&partial[..], rest);
            Ok(rest.len())
        }
        (found, came) => panic!("{found:?}, {came:?}"),
    }
}
