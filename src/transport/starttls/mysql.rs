//! `MySQL` and `MariaDB`: the greeting says whether the server supports TLS, and an `SSLRequest` starts it.

use super::{MAX_ANSWER, Reply, Say, Turn};

pub(super) const TURNS: [Turn; 2] = [
    Turn { say: Say::Text(""), awaits: "the greeting", read: greeting },
    // Answered by the handshake itself.
    Turn { say: Say::Bytes(&SSL_REQUEST), awaits: "nothing", read: |_| Reply::Done(0) },
];

/// A packet's length in three bytes and its number in one.
const HEADER: usize = 4;

/// `CLIENT_SSL`, in the lower half of the capabilities.
const SSL: u8 = 0x08;

/// A packet of 32 bytes, the second of the dialogue: the capabilities `CLIENT_PROTOCOL_41`, `CLIENT_SSL`
/// and `CLIENT_SECURE_CONNECTION`, packets of up to 16 MiB, utf8mb4, and 23 zeros.
const SSL_REQUEST: [u8; 36] = {
    let mut packet = [0; 36];
    (packet[0], packet[3]) = (32, 1);
    (packet[4], packet[5]) = (0x00, 0x02 | SSL | 0x80);
    packet[11] = 1;
    packet[12] = 45;
    packet
};

fn greeting(said: &[u8]) -> Reply {
    let Some((header, rest)) = said.split_first_chunk::<HEADER>() else { return Reply::More };
    let [low, middle, high, number] = *header;
    let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
    if number != 0 || length > MAX_ANSWER - HEADER {
        return Reply::strange(said);
    }
    let Some(packet) = rest.get(..length) else { return Reply::More };
    match packet {
        // An error, whose message follows its number.
        [0xff, _, _, words @ ..] => Reply::declined(words),
        [10, greeting @ ..] => offer(greeting, HEADER + length).unwrap_or_else(|| Reply::strange(said)),
        _ => Reply::strange(said),
    }
}

/// After the server's version, which ends with a zero, come a thread's number (4), random bytes (8), a
/// zero, and the lower half of the capabilities.
fn offer(greeting: &[u8], end: usize) -> Option<Reply> {
    let version = greeting.split(|&byte| byte == 0).next()?;
    let capabilities = greeting.get(version.len() + 1 + 4 + 8 + 1..)?;
    let offers = capabilities.get(1)? & SSL != 0;
    Some(if offers { Reply::Done(end) } else { Reply::not_offered(version) })
}
