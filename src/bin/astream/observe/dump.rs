//! `--dump`: each chunk that moves, in hexadecimal and text.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astream::{Direction, Error, Observer, Opened, Tap};

use super::output::Output;
use crate::report::now;

/// How many bytes a line shows, as xxd does.
const LINE: usize = 16;

/// Writes what moves on every connection to one output.
pub struct Dump(Arc<Output>);

impl Dump {
    pub fn new(output: Arc<Output>) -> Self {
        Self(output)
    }
}

impl Observer for Dump {
    fn open(&self, connection: &Opened<'_>) -> Box<dyn Tap> {
        let number = connection.number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        Box::new(Dumped {
            output: Arc::clone(&self.0),
            number,
            peer: connection.peer.to_string(),
            offsets: Default::default(),
        })
    }
}

/// One connection.
struct Dumped {
    output: Arc<Output>,
    number: String,
    peer: String,
    /// How much has moved before, in each direction.
    offsets: [AtomicU64; 2],
}

impl Tap for Dumped {
    fn moved(&self, direction: Direction, bytes: &[u8]) {
        let offset = self.offsets[direction as usize].fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut text = format!("# {} {} {}\n", self.number, now(), self.peer).into_bytes();
        let prefix = match direction {
            Direction::Sent => "> ",
            Direction::Received => "< ",
        };
        write_lines(&mut text, prefix, offset, bytes);
        self.output.write(&text);
    }

    fn ended(&self, _: Direction) {}

    fn closed(&self, _: Option<&Error>) {}
}

/// The lines of xxd, each behind `prefix`.
fn write_lines(text: &mut Vec<u8>, prefix: &str, mut offset: u64, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(bytes.len().div_ceil(LINE) * (prefix.len() + 69));
    for line in bytes.chunks(LINE) {
        let _ = write!(text, "{prefix}{offset:08x}: ");
        for at in 0..LINE {
            match line.get(at) {
                Some(byte) => {
                    text.push(DIGITS[usize::from(byte >> 4)]);
                    text.push(DIGITS[usize::from(byte & 15)]);
                }
                None => text.extend_from_slice(b"  "),
            }
            if at % 2 == 1 {
                text.push(b' ');
            }
        }
        text.push(b' ');
        text.extend(line.iter().map(|byte| if (b' '..=b'~').contains(byte) { *byte } else { b'.' }));
        text.push(b'\n');
        offset += line.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_xxd() {
        let mut text = Vec::new();
        write_lines(&mut text, "> ", 0x1000, b"there and back again\x00\xff~");
        let lines = "> 00001000: 7468 6572 6520 616e 6420 6261 636b 2061  there and back a\n\
                     > 00001010: 6761 696e 00ff 7e                        gain..~\n";
        assert_eq!(String::from_utf8(text).unwrap(), lines);
    }

    #[test]
    fn an_offset_grows_beyond_eight_digits() {
        let mut text = Vec::new();
        write_lines(&mut text, "< ", 0x1_0000_0000, b"a");
        assert!(text.starts_with(b"< 100000000: 61 "));
    }
}
