//! Reads a capture as any other program would, and checks everything on the way: lengths, checksums, and that each segment
//! goes on where the one before it has ended.
#![allow(dead_code, clippy::pedantic)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    pub is_inbound: bool,
    pub comments: Vec<String>,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub kind: Kind,
    pub data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tcp { flags: u8, seq: u32, ack: u32 },
    Udp,
}

/// Takes bytes from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    /// A number of the file.
    fn little(&mut self) -> usize {
        u32::from_le_bytes(self.array()) as usize
    }

    fn little_short(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.array()))
    }

    /// A number of a packet.
    fn big(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn big_short(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// The options at the end of a block.
    fn options(&mut self) -> Vec<(usize, &'a [u8])> {
        let mut options = Vec::new();
        while !self.0.is_empty() {
            let (code, length) = (self.little_short(), self.little_short());
            if code == 0 {
                assert!(length == 0 && self.0.is_empty(), "the end of the options is that of the block");
                break;
            }
            options.push((code, self.take(length)));
            self.take(length.next_multiple_of(4) - length);
        }
        options
    }
}

/// All packets of a file.
pub fn packets(file: &[u8]) -> Vec<Packet> {
    let (mut rest, mut packets, mut kinds) = (Bytes(file), Vec::new(), Vec::new());
    while !rest.0.is_empty() {
        let (kind, length) = (rest.little(), rest.little());
        let mut body = Bytes(rest.take(length - 12));
        assert_eq!((length % 4, rest.little()), (0, length), "a block has its length at both ends");
        kinds.push(kind);
        match kind {
            0x0A0D_0D0A => {
                assert_eq!(body.take(8), [0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0]);
                assert_eq!(body.take(8), [0xFF; 8], "the length of the section is not known");
                assert!(body.options().iter().any(|(code, by)| *code == 4 && by.starts_with(b"astream ")));
            }
            1 => {
                assert_eq!((body.little_short(), body.little_short(), body.little()), (101, 0, 0));
                assert_eq!(body.options(), [(9, &[9][..])], "times are in nanoseconds");
            }
            6 => packets.push(packet(&mut body)),
            other => panic!("a block of kind {other}"),
        }
    }
    assert_eq!(kinds[..2], [0x0A0D_0D0A, 1]);
    assert!(kinds[2..].iter().all(|kind| *kind == 6));
    packets
}

fn packet(block: &mut Bytes) -> Packet {
    assert_eq!(block.little(), 0, "there is one interface");
    let time = ((block.little() as u64) << 32) | block.little() as u64;
    let (length, original) = (block.little(), block.little());
    assert_eq!(length, original, "the packet is whole");
    let mut bytes = Bytes(block.take(length));
    block.take(length.next_multiple_of(4) - length);
    let (mut comments, mut is_inbound) = (Vec::new(), None);
    for (code, value) in block.options() {
        match code {
            1 => comments.push(String::from_utf8(value.to_vec()).unwrap()),
            2 => is_inbound = Some(value == [1, 0, 0, 0]),
            other => panic!("an option {other}"),
        }
    }
    let (from, to, protocol) = if bytes.0[0] >> 4 == 4 { ipv4(&mut bytes) } else { ipv6(&mut bytes) };
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let numbers = [0, 0, 0, protocol].into_iter().chain((bytes.0.len() as u32).to_be_bytes());
    let pseudo: Vec<u8> = octets(from).into_iter().chain(octets(to)).chain(numbers).collect();
    assert_eq!(sum(&[&pseudo, bytes.0]), 0xFFFF, "the checksum is right");
    let length = bytes.0.len();
    let (from, to) = (SocketAddr::new(from, bytes.big_short()), SocketAddr::new(to, bytes.big_short()));
    let kind = match protocol {
        6 => {
            let (seq, ack) = (bytes.big(), bytes.big());
            let [header, flags, ..] = bytes.array::<8>();
            bytes.take(usize::from(header >> 4) * 4 - 20);
            Kind::Tcp { flags, seq, ack }
        }
        17 => {
            let said = usize::from(bytes.big_short());
            assert!(said == length || (said == 0 && length > 65_535), "{said} bytes are {length}");
            assert_ne!(bytes.array(), [0, 0], "there is a checksum");
            Kind::Udp
        }
        other => panic!("protocol {other}"),
    };
    Packet { time, is_inbound: is_inbound.unwrap(), comments, from, to, kind, data: bytes.0.to_vec() }
}

fn ipv4(bytes: &mut Bytes) -> (IpAddr, IpAddr, u8) {
    let (length, header) = (bytes.0.len(), &bytes.0[..20]);
    assert_eq!(sum(&[header]), 0xFFFF, "the checksum of the header is right");
    assert_eq!(header[0], 0x45);
    let mut header = Bytes(bytes.take(20));
    header.take(2);
    assert_eq!(usize::from(header.big_short()), length);
    header.take(2);
    assert_eq!(header.big_short(), 0x4000, "it is no fragment");
    let [hops, protocol, ..] = header.array::<4>();
    assert!(hops > 0);
    (Ipv4Addr::from(header.array()).into(), Ipv4Addr::from(header.array()).into(), protocol)
}

fn ipv6(bytes: &mut Bytes) -> (IpAddr, IpAddr, u8) {
    assert_eq!(bytes.array(), [0x60, 0, 0, 0]);
    let length = usize::from(bytes.big_short());
    let [mut protocol, hops] = bytes.array();
    assert!(hops > 0);
    let (from, to) = (Ipv6Addr::from(bytes.array::<16>()), Ipv6Addr::from(bytes.array::<16>()));
    if length == 0 {
        // A jumbogram.
        assert_eq!(protocol, 0);
        let rest = bytes.0.len() as u32;
        protocol = bytes.array::<1>()[0];
        assert_eq!((bytes.array(), bytes.big()), ([0, 0xC2, 4], rest));
        assert!(rest > 65_535);
    } else {
        assert_eq!(length, bytes.0.len());
    }
    (from.into(), to.into(), protocol)
}

/// The sum of 16-bit words in ones' complement, one by one. All but the last part have an even length.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut sum = 0;
    for word in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += (u32::from(word[0]) << 8) + u32::from(word.get(1).copied().unwrap_or_default());
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum
}

/// A connection, put together from its packets.
#[derive(Debug)]
pub struct Stream {
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub comments: Vec<String>,
    pub is_accepted: bool,
    /// From the client, and from the server.
    pub sides: [Side; 2],
    pub packets: usize,
}

/// What one side has sent.
#[derive(Debug, Default)]
pub struct Side {
    pub bytes: Vec<u8>,
    pub end: Option<End>,
    next: u32,
    acked: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

/// The connections in the order in which they were opened. A SYN begins one, also between the same ends as before.
pub fn streams(packets: &[Packet]) -> Vec<Stream> {
    let mut streams: Vec<Stream> = Vec::new();
    for packet in packets {
        let Kind::Tcp { flags, seq, ack } = packet.kind else { continue };
        if flags == SYN {
            assert_eq!(ack, 0);
            streams.push(Stream {
                client: packet.from,
                server: packet.to,
                comments: packet.comments.clone(),
                is_accepted: packet.is_inbound,
                sides: [Side { next: seq, ..Side::default() }, Side::default()],
                packets: 0,
            });
        } else {
            assert!(packet.comments.is_empty());
        }
        let is_of = |stream: &&mut Stream| {
            let (ends, back) = ([packet.from, packet.to], [packet.to, packet.from]);
            ends == [stream.client, stream.server] || back == [stream.client, stream.server]
        };
        // The latest one.
        let stream = streams.iter_mut().rev().find(is_of).expect("there was a SYN");
        stream.add(packet, flags, seq, ack);
    }
    streams
}

impl Stream {
    fn add(&mut self, packet: &Packet, flags: u8, seq: u32, ack: u32) {
        let is_of_client = packet.from == self.client;
        assert_eq!(packet.is_inbound, self.is_accepted == is_of_client);
        let (own, other) = (usize::from(!is_of_client), usize::from(is_of_client));
        match self.packets {
            0 => assert!(is_of_client && flags == SYN),
            1 => {
                assert!(!is_of_client && flags == SYN | ACK);
                self.sides[own].next = seq;
            }
            2 => assert!(is_of_client && flags == ACK && packet.data.is_empty()),
            _ => assert!(flags & (SYN | ACK) == ACK),
        }
        self.packets += 1;
        let next = self.sides[other].next;
        let side = &mut self.sides[own];
        assert_eq!(side.next, seq, "nothing is missing or repeated");
        if flags & ACK != 0 {
            assert_eq!(ack, next, "everything is acknowledged");
            side.acked = ack;
        }
        let is_an_end = flags & (FIN | RST) != 0;
        assert!(side.end.is_none() || (packet.data.is_empty() && flags & FIN == 0), "nothing follows an end");
        side.bytes.extend_from_slice(&packet.data);
        side.next = seq.wrapping_add(packet.data.len() as u32 + u32::from(flags & (SYN | FIN) != 0));
        if is_an_end {
            side.end = Some(if flags & FIN == 0 { End::Reset } else { End::Fin });
        }
    }

    pub fn ends(&self) -> [Option<End>; 2] {
        [self.sides[0].end, self.sides[1].end]
    }

    /// Whether each side has acknowledged what the other has sent.
    pub fn is_acknowledged(&self) -> bool {
        let [client, server] = &self.sides;
        client.acked == server.next && server.acked == client.next
    }

    /// What the client and the server have sent.
    pub fn bytes(&self) -> [&[u8]; 2] {
        [&self.sides[0].bytes, &self.sides[1].bytes]
    }
}
