//! Packets of TCP and UDP over IP, as the ends of a connection would have sent them.

use std::net::{IpAddr, SocketAddr};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;

/// The numbers of the protocols in the header of IP.
const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;

const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// The most bytes of a segment: half of what is read at once.
pub const MOST_DATA: usize = 32_768;

/// A SYN announces that windows are counted in units of 2 to the power of 14 bytes. The window is then always a gigabyte, so
/// that no segment fills it. A byte that means nothing goes before.
const WINDOW_SCALE: [u8; 4] = [1, 3, 3, 14];

/// How far a packet may go.
const HOPS: u8 = 64;

/// Where a packet comes from and goes to. Both addresses are of the same family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    pub from: SocketAddr,
    pub to: SocketAddr,
}

/// A segment of TCP.
pub struct Segment<'a> {
    pub flags: u8,
    pub seq: u32,
    pub ack: u32,
    pub data: &'a [u8],
}

/// Appends the packet of a segment.
pub fn tcp(packet: &mut Vec<u8>, way: Way, segment: &Segment<'_>) {
    let Segment { flags, seq, ack, data } = segment;
    let options = if flags & SYN == 0 { &[][..] } else { &WINDOW_SCALE };
    let header = TCP_HEADER + options.len();
    ip(packet, way, TCP, header + data.len());
    let start = packet.len();
    ports(packet, way);
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    // The length of the header in words of four bytes is in the upper half of its byte.
    packet.extend([(header << 2).to_le_bytes()[0], *flags]);
    // The window, the checksum, and no urgent data.
    packet.extend([0xFF, 0xFF, 0, 0, 0, 0]);
    packet.extend(options);
    packet.extend(*data);
    let sum = checksum(way, TCP, &packet[start..]);
    packet[start + 16..start + 18].copy_from_slice(&sum);
}

/// Appends the packet of a message.
pub fn udp(packet: &mut Vec<u8>, way: Way, message: &[u8]) {
    let length = UDP_HEADER + message.len();
    ip(packet, way, UDP, length);
    let start = packet.len();
    ports(packet, way);
    // In a jumbogram only the header of IP says how long it is.
    packet.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(message);
    // Zero would mean that there is no checksum; to the arithmetic of checksums it is the same.
    let sum = match checksum(way, UDP, &packet[start..]) {
        [0, 0] => [0xFF, 0xFF],
        sum => sum,
    };
    packet[start + 6..start + 8].copy_from_slice(&sum);
}

fn ports(packet: &mut Vec<u8>, way: Way) {
    packet.extend(way.from.port().to_be_bytes());
    packet.extend(way.to.port().to_be_bytes());
}

/// Appends the header of IP before so many bytes of a protocol.
fn ip(packet: &mut Vec<u8>, way: Way, protocol: u8, length: usize) {
    match (way.from.ip(), way.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let start = packet.len();
            packet.extend([0x45, 0]);
            packet.extend(u16::try_from(20 + length).unwrap_or(0).to_be_bytes());
            // A packet that must not be cut needs no identification (RFC 6864). The checksum follows.
            packet.extend([0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let mut sum = Sum(0);
            sum.add(&packet[start..]);
            packet[start + 10..start + 12].copy_from_slice(&sum.complement());
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            match u16::try_from(length) {
                Ok(length) => {
                    packet.extend(length.to_be_bytes());
                    packet.extend([protocol, HOPS]);
                }
                // A jumbogram (RFC 2675): the length is in an option.
                Err(_) => packet.extend([0, 0, HOP_BY_HOP, HOPS]),
            }
            packet.extend(octets(from));
            packet.extend(octets(to));
            if length > usize::from(u16::MAX) {
                packet.extend([protocol, 0, 0xC2, 4]);
                packet.extend(u32::try_from(8 + length).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The checksum of a segment or message, and of what it repeats from the header of IP (RFC 9293, 3.1; RFC 8200, 8.1).
fn checksum(way: Way, protocol: u8, bytes: &[u8]) -> [u8; 2] {
    let mut sum = Sum(u64::from(protocol) + bytes.len() as u64);
    for address in [way.from.ip(), way.to.ip()] {
        match address {
            IpAddr::V4(address) => sum.add(&address.octets()),
            IpAddr::V6(address) => sum.add(&address.octets()),
        }
    }
    sum.add(bytes);
    sum.complement()
}

/// A sum of 16-bit words in ones' complement. Four bytes are added at once, because the carry of a word counts for one in
/// the next, wherever that is folded in (RFC 1071).
struct Sum(u64);

impl Sum {
    /// All but the last of what is added must be multiples of two bytes.
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        self.0 += words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>();
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        self.0 += u64::from(u32::from_be_bytes(last));
    }

    fn complement(self) -> [u8; 2] {
        let mut sum = self.0;
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        let [.., high, low] = (!sum).to_be_bytes();
        [high, low]
    }
}
