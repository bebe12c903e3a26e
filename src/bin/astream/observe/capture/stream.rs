//! A connection as TCP moves it: its handshake, sequence numbers and acknowledgements, and its ends.

use astream::Direction;

use super::packet::{ACK, FIN, MOST_DATA, PSH, RST, SYN, Segment};

/// Where both directions of a connection are.
pub struct Stream {
    /// The number of the next byte in each direction.
    next: [u32; 2],
    ended: [bool; 2],
}

impl Stream {
    /// Not opened yet; with the number that each direction begins with.
    pub fn new(next: [u32; 2]) -> Self {
        Self { next, ended: [false; 2] }
    }

    /// The handshake, begun by the side that sends in this direction.
    pub fn open(&mut self, direction: Direction, mut emit: impl FnMut(Direction, &Segment<'_>)) {
        self.send(direction, SYN, &[], &mut emit);
        self.send(against(direction), SYN | ACK, &[], &mut emit);
        self.send(direction, ACK, &[], &mut emit);
    }

    /// These bytes, which the other side acknowledges at once.
    pub fn moved(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        mut emit: impl FnMut(Direction, &Segment<'_>),
    ) {
        let mut segments = bytes.chunks(MOST_DATA).peekable();
        while let Some(data) = segments.next() {
            let push = if segments.peek().is_none() { PSH } else { 0 };
            self.send(direction, push | ACK, data, &mut emit);
        }
        if !bytes.is_empty() {
            self.send(against(direction), ACK, &[], &mut emit);
        }
    }

    /// The end of a direction, which the other side acknowledges.
    pub fn ended(&mut self, direction: Direction, mut emit: impl FnMut(Direction, &Segment<'_>)) {
        self.ended[direction as usize] = true;
        self.send(direction, FIN | ACK, &[], &mut emit);
        self.send(against(direction), ACK, &[], &mut emit);
    }

    /// Nothing moves any more. If a direction has not ended, the side that sends in `cut_by` has reset the connection.
    pub fn closed(&mut self, cut_by: Direction, mut emit: impl FnMut(Direction, &Segment<'_>)) {
        if self.ended != [true; 2] {
            self.send(cut_by, RST | ACK, &[], &mut emit);
        }
    }

    fn send(
        &mut self,
        direction: Direction,
        flags: u8,
        data: &[u8],
        emit: &mut impl FnMut(Direction, &Segment<'_>),
    ) {
        let seq = self.next[direction as usize];
        let ack = if flags & ACK == 0 { 0 } else { self.next[against(direction) as usize] };
        emit(direction, &Segment { flags, seq, ack, data });
        // Both ends of a stream count as a byte. The numbers begin again after four gigabytes.
        let ends = u32::from(flags & (SYN | FIN) != 0);
        let length = u32::try_from(data.len()).unwrap_or_default();
        self.next[direction as usize] = seq.wrapping_add(length + ends);
    }
}

/// The other direction.
fn against(direction: Direction) -> Direction {
    match direction {
        Direction::Sent => Direction::Received,
        Direction::Received => Direction::Sent,
    }
}
