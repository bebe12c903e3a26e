//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng): its head, and one block for each packet.

use std::time::{SystemTime, UNIX_EPOCH};

use astream::Direction;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;

/// A packet begins with its IP header (`LINKTYPE_RAW`).
const RAW_IP: u16 = 101;

/// The options of blocks.
const COMMENT: u16 = 1;
const PACKET_FLAGS: u16 = 2;
const APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;

/// Times are counted in units of 10 to the power of -9 seconds.
const NANOSECONDS: u8 = 9;

/// The most characters of a comment: the length of an option is a number of two bytes.
const COMMENT_LENGTH: usize = 4096;

/// What a file begins with: the byte order, and that packets are raw IP with times in nanoseconds.
pub fn head() -> Vec<u8> {
    let mut head = block(SECTION, 0, |block| {
        // The byte order, the version 1.0, and that the length of the section is not known.
        block.extend(0x1A2B_3C4D_u32.to_le_bytes());
        block.extend([1, 0, 0, 0]);
        block.extend([0xFF; 8]);
        option(block, APPLICATION, concat!("astream ", env!("CARGO_PKG_VERSION")).as_bytes());
        end_of_options(block);
    });
    head.extend(block(INTERFACE, 0, |block| {
        block.extend(RAW_IP.to_le_bytes());
        // Two reserved bytes, and packets are never cut.
        block.extend([0; 6]);
        option(block, TIME_RESOLUTION, &[NANOSECONDS]);
        end_of_options(block);
    }));
    head
}

/// The block of a packet of about this length, which `write` appends.
pub fn packet(
    time: SystemTime,
    direction: Direction,
    comments: &[String],
    length: usize,
    write: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    block(PACKET, length, |block| {
        let nanoseconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX).to_le_bytes();
        // The number of the interface, and the time with its upper half first.
        block.extend([0; 4]);
        block.extend(&nanoseconds[4..]);
        block.extend(&nanoseconds[..4]);
        // How much of the packet is here, and how long it was.
        let lengths = block.len();
        block.extend([0; 8]);
        let start = block.len();
        write(block);
        let length = four_bytes(block.len() - start);
        block[lengths..lengths + 4].copy_from_slice(&length);
        block[lengths + 4..start].copy_from_slice(&length);
        pad(block);
        for comment in comments {
            let comment: String = comment.chars().take(COMMENT_LENGTH).collect();
            option(block, COMMENT, comment.as_bytes());
        }
        let inbound_or_outbound: u32 = match direction {
            Direction::Received => 1,
            Direction::Sent => 2,
        };
        option(block, PACKET_FLAGS, &inbound_or_outbound.to_le_bytes());
        end_of_options(block);
    })
}

/// A block of this kind, with room for about `room` bytes and its frame.
fn block(kind: u32, room: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut block = Vec::with_capacity(room + 128);
    block.extend(kind.to_le_bytes());
    block.extend([0; 4]);
    fill(&mut block);
    let length = four_bytes(block.len() + 4);
    block[4..8].copy_from_slice(&length);
    block.extend(length);
    block
}

fn option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    block.extend(code.to_le_bytes());
    block.extend(&four_bytes(value.len())[..2]);
    block.extend(value);
    pad(block);
}

fn end_of_options(block: &mut Vec<u8>) {
    block.extend([0; 4]);
}

/// Everything is aligned to four bytes.
fn pad(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(4), 0);
}

fn four_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
