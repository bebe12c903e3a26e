//! `PostgreSQL`: an `SSLRequest`, answered by one byte.

use super::{MAX_ANSWER, Reply, Say, Turn};

pub(super) const TURNS: [Turn; 1] =
    [Turn { say: Say::Bytes(&SSL_REQUEST), awaits: "the answer to SSLRequest", read: answer }];

/// Its length and its number.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

fn answer(said: &[u8]) -> Reply {
    match said.first() {
        None => Reply::More,
        Some(b'S') => Reply::Done(1),
        Some(b'N') => Reply::declined(b"N"),
        Some(b'E') => failure(said),
        Some(_) => Reply::strange(said),
    }
}

/// An `ErrorResponse`: its length, and fields that each begin with a letter and end with a zero; `M` is the
/// message.
fn failure(said: &[u8]) -> Reply {
    let Some((length, fields)) = said[1..].split_first_chunk() else { return Reply::More };
    let length = u32::from_be_bytes(*length) as usize;
    let Some(length) = length.checked_sub(4).filter(|length| *length < MAX_ANSWER) else {
        return Reply::strange(said);
    };
    let Some(fields) = fields.get(..length) else { return Reply::More };
    let message = fields.split(|&byte| byte == 0).find_map(|field| field.strip_prefix(b"M"));
    Reply::declined(message.unwrap_or(fields))
}
