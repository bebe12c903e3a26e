//! LDAP: the extended operation `StartTLS` (RFC 4511, 4.14), in BER.

use super::{MAX_ANSWER, Reply, Say, Turn};

pub(super) const TURNS: [Turn; 1] =
    [Turn { say: Say::Bytes(REQUEST), awaits: "the answer to StartTLS", read: answer }];

/// Message 1, an `ExtendedRequest` with this name.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const EXTENDED_RESPONSE: u8 = 0x78;

fn answer(said: &[u8]) -> Reply {
    match value(said, SEQUENCE) {
        Found::Whole(message, rest) => {
            result(message, said.len() - rest.len()).unwrap_or_else(|| Reply::strange(said))
        }
        Found::Part => Reply::More,
        Found::Other => Reply::strange(said),
    }
}

/// An `ExtendedResponse`, as an answer or unsolicited: a Notice of Disconnection, whose message number is 0.
fn result(message: &[u8], end: usize) -> Option<Reply> {
    let (number, rest) = value(message, INTEGER).whole()?;
    let (response, _) = value(rest, EXTENDED_RESPONSE).whole()?;
    let (code, rest) = value(response, ENUMERATED).whole()?;
    let (_, rest) = value(rest, OCTETS).whole()?;
    let (words, _) = value(rest, OCTETS).whole()?;
    Some(match (number, code) {
        ([1], [0]) => Reply::Done(end),
        ([0 | 1], &[code]) => Reply::declined(&[format!("result {code} ").as_bytes(), words].concat()),
        _ => return None,
    })
}

enum Found<'a> {
    /// The content of the value, and what follows it.
    Whole(&'a [u8], &'a [u8]),
    Part,
    Other,
}

impl<'a> Found<'a> {
    fn whole(self) -> Option<(&'a [u8], &'a [u8])> {
        match self {
            Self::Whole(held, rest) => Some((held, rest)),
            Self::Part | Self::Other => None,
        }
    }
}

/// The value with this tag that `bytes` begin with.
fn value(bytes: &[u8], tag: u8) -> Found<'_> {
    let (length, rest) = match bytes {
        [first, ..] if *first != tag => return Found::Other,
        [] | [_] => return Found::Part,
        [_, short @ ..=0x7f, rest @ ..] => (usize::from(*short), rest),
        // The length is in the bytes that follow.
        [_, long @ 0x81..=0x84, rest @ ..] => {
            let Some((length, rest)) = rest.split_at_checked(usize::from(long & 0x7f)) else {
                return Found::Part;
            };
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return Found::Other,
    };
    match rest.split_at_checked(length) {
        Some((held, rest)) => Found::Whole(held, rest),
        None if length < MAX_ANSWER => Found::Part,
        None => Found::Other,
    }
}
