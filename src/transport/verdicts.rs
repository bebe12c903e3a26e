//! For tests of dialogues: what holds for every function that judges an answer.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::dialogue::Reply;
use super::quoted;

/// Asserts that an answer is taken when it is complete, and without a byte of what comes after it.
#[track_caller]
pub(super) fn assert_taken_whole(name: &str, read: impl Fn(&[u8]) -> Reply, answer: &[u8]) {
    for split in 0..answer.len() {
        let part = &answer[..split];
        assert_eq!(read(part), Reply::More, "{name}: {}", quoted(part));
    }
    for more in [&b""[..], b"e", b"S", b" ", b"\r\n", b"\0", b"<evil>", answer] {
        let received = [answer, more].concat();
        assert_eq!(read(&received), Reply::Done(answer.len()), "{name}: {}", quoted(&received));
    }
}

/// Beginnings and ends of these answers and any other bytes, in any order.
pub(super) fn parts_of(answers: Vec<&'static [u8]>) -> impl Strategy<Value = Vec<u8>> {
    let part = (select(answers), any::<Index>(), any::<bool>()).prop_map(|(answer, cut, is_beginning)| {
        let (beginning, end) = answer.split_at(cut.index(answer.len() + 1));
        if is_beginning { beginning.to_vec() } else { end.to_vec() }
    });
    vec(prop_oneof![4 => part, 1 => vec(any::<u8>(), 0..4)], 0..8).prop_map(|parts| parts.concat())
}

/// Checks that a verdict is final whatever comes after it, and takes no more than has been received.
pub(super) fn check_final(read: impl Fn(&[u8]) -> Reply, received: &[u8]) -> Result<(), TestCaseError> {
    let mut verdict = Reply::More;
    for split in 0..=received.len() {
        let reply = read(&received[..split]);
        match (&verdict, &reply) {
            (Reply::Done(taken), reply) => prop_assert_eq!(reply, &Reply::Done(*taken)),
            (Reply::No(_), reply) => prop_assert!(matches!(reply, Reply::No(_))),
            (Reply::More, Reply::Done(taken)) => prop_assert!(*taken <= split),
            (Reply::More, _) => {}
        }
        verdict = reply;
    }
    Ok(())
}
