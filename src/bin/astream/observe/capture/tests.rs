//! What is written is read back by a program of its own: `tests/support/pcapng.rs`.

use std::path::Path;
use std::time::Duration;

use astream::{Address, Step};
use proptest::prelude::*;

use super::*;

#[path = "../../../../../tests/support/pcapng.rs"]
mod reader;

use reader::{End, Kind, packets, streams};

const OPEN: Option<End> = None;
const FIN: Option<End> = Some(End::Fin);
const RESET: Option<End> = Some(End::Reset);

fn capture(path: &Path) -> Capture {
    Capture::new(Arc::new(Output::create("--capture", path).unwrap()))
}

fn tcp(text: &str) -> Address {
    Address::Tcp(text.parse().unwrap())
}

fn captured(events: impl FnOnce(&Capture)) -> Vec<reader::Packet> {
    let file = tempfile::NamedTempFile::new().unwrap();
    events(&capture(file.path()));
    packets(&std::fs::read(file.path()).unwrap())
}

impl Capture {
    /// A connection between these ends.
    fn between(&self, local: &str, peer: &str, number: u32, is_accepted: bool) -> Connection {
        let (client, server) = if is_accepted { (peer, local) } else { (local, peer) };
        let ends = self.open.take(Ends::new(&tcp(client), &tcp(server), number));
        self.connection(ends, is_accepted, number, vec!["a comment".to_owned()])
    }

    fn session(&self, client: &Address, server: &Address) -> Session {
        let ends = Ends::new(client, server, 1);
        let wire = Wire { output: Arc::clone(&self.output), ends, is_accepted: false };
        Session { wire, comments: Mutex::new(vec!["first".to_owned()]) }
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

#[test]
fn a_connection_has_a_handshake_segments_that_are_acknowledged_and_ends() {
    for (is_accepted, local, peer) in [(false, "127.0.0.1:1", "127.0.0.2:2"), (true, "[::1]:1", "[::2]:2")] {
        let before = SystemTime::now();
        let all = captured(|capture| {
            let connection = capture.between(local, peer, 7, is_accepted);
            connection.moved(Direction::Sent, b"ping");
            connection.moved(Direction::Received, &bytes(200_000));
            connection.ended(Direction::Received);
            connection.moved(Direction::Sent, b"");
            connection.moved(Direction::Sent, b"more");
            connection.ended(Direction::Sent);
            connection.closed(None);
        });
        let since = |time: SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap();
        let times: Vec<_> = all.iter().map(|packet| Duration::from_nanos(packet.time)).collect();
        assert!(times.is_sorted() && times[0] >= since(before) && times[0] <= since(SystemTime::now()));
        assert!(all.iter().all(|packet| packet.data.len() <= 32_768));
        let [stream] = &streams(&all)[..] else { panic!("one connection") };
        let sent = b"pingmore".to_vec();
        let (mut sides, mut ends) = ([sent, bytes(200_000)], [local, peer].map(|end| end.parse().unwrap()));
        if is_accepted {
            sides.reverse();
            ends.reverse();
        }
        assert!(stream.bytes() == sides && stream.is_acknowledged());
        assert_eq!(([stream.client, stream.server], stream.ends()), (ends, [FIN, FIN]));
        assert_eq!(stream.comments, ["a comment"]);
        // Three, two messages and one of seven segments with an acknowledgement each, and two ends.
        assert_eq!(all.len(), 3 + 2 + 8 + 2 + 2 + 2);
    }
}

#[test]
fn a_direction_that_was_cut_ends_with_a_reset_by_the_side_that_has_cut_it() {
    // A reset by the peer is made by a real one, in tests/capture.rs.
    for (failure, ends) in [
        (None, [RESET, OPEN]),
        (Some(Error::Closed), [RESET, OPEN]),
        (Some(Error::timeout(Step::Connection, "the connection", Duration::ZERO)), [RESET, OPEN]),
        (Some(Error::Truncated), [OPEN, RESET]),
    ] {
        let all = captured(|capture| {
            let connection = capture.between("127.0.0.1:1", "127.0.0.1:2", 1, false);
            connection.moved(Direction::Received, b"half");
            connection.closed(failure.as_ref());
        });
        assert_eq!(streams(&all)[0].ends(), ends, "{failure:?}");
    }
}

#[test]
fn one_end_is_an_end_where_the_other_direction_is_cut() {
    let all = captured(|capture| {
        let connection = capture.between("127.0.0.1:1", "127.0.0.1:2", 1, false);
        connection.ended(Direction::Sent);
        connection.closed(Some(&Error::Truncated));
    });
    assert_eq!(streams(&all)[0].ends(), [FIN, RESET]);
}

#[test]
fn numbers_go_on_after_four_gigabytes() {
    let all = captured(|capture| {
        let connection = capture.between("127.0.0.1:1", "127.0.0.1:2", 0, false);
        *connection.stream() = Stream::new([u32::MAX - 1, u32::MAX - 100_000]);
        connection.stream().open(Direction::Sent, connection.wire.emit(Vec::new()));
        connection.moved(Direction::Sent, b"over the edge");
        connection.moved(Direction::Received, &bytes(300_000));
        connection.ended(Direction::Received);
        connection.ended(Direction::Sent);
    });
    let stream = &streams(&all)[1];
    assert!(stream.bytes() == [b"over the edge".to_vec(), bytes(300_000)] && stream.is_acknowledged());
    let seqs = all.iter().filter_map(|packet| match packet.kind {
        Kind::Tcp { seq, .. } => Some((packet.is_inbound, seq)),
        Kind::Udp => None,
    });
    let last: Vec<_> = seqs.skip(3).filter(|(_, seq)| *seq < 300_000).map(|(inbound, _)| inbound).collect();
    assert!(last.contains(&true) && last.contains(&false));
}

#[test]
fn connections_between_the_same_ends_do_not_mix() {
    let all = captured(|capture| {
        let open = |number| capture.between("127.0.0.1:1", "127.0.0.1:2", number, true);
        let (first, second) = (open(1), open(2));
        first.moved(Direction::Sent, b"to the first");
        second.moved(Direction::Sent, b"to the second");
        first.closed(None);
        let third = open(3);
        second.moved(Direction::Sent, b", again");
        third.moved(Direction::Sent, b"to the third");
    });
    let streams = streams(&all);
    let seen: Vec<_> = streams.iter().map(|stream| (stream.client.port(), stream.bytes()[1])).collect();
    assert_eq!(seen, [(2, &b"to the first"[..]), (3, b"to the second, again"), (2, b"to the third")]);
}

#[test]
fn each_message_is_a_packet_whatever_its_length() {
    for (client, server, lengths) in [
        (tcp("10.0.0.1:1"), tcp("10.0.0.2:2"), &[5, 0, 65_507][..]),
        (tcp("[::1]:1"), tcp("[::1]:2"), &[1, 65_507, 65_527]),
        // Only a Unix socket takes more.
        (Address::Unix(None), Address::Unix(None), &[0, 65_528, 65_536, 200_001]),
    ] {
        let all = captured(|capture| {
            let session = capture.session(&client, &server);
            for length in lengths {
                session.moved(Direction::Sent, &bytes(*length));
                session.moved(Direction::Received, &bytes(*length));
            }
            session.closed(None);
        });
        assert_eq!(all.len(), 2 * lengths.len());
        assert!(all[0].comments == ["first"] && all[1..].iter().all(|packet| packet.comments.is_empty()));
        for (nth, packet) in all.iter().enumerate() {
            assert!(packet.kind == Kind::Udp && packet.data == bytes(lengths[nth / 2]));
            assert_eq!(packet.is_inbound, nth % 2 == 1);
            let is_of = |address: &Address| matches!(address, Address::Tcp(wanted) if *wanted == packet.from);
            assert!(packet.from.port() >= 49_151 || is_of(if packet.is_inbound { &server } else { &client }));
        }
    }
}

#[test]
fn no_message_is_without_a_checksum() {
    // With each of these words the sum takes another value, and with one of them it is zero.
    let all = captured(|capture| {
        let session = capture.session(&tcp("10.0.0.1:1"), &tcp("10.0.0.2:2"));
        (0..=u16::MAX).for_each(|word| session.moved(Direction::Sent, &word.to_be_bytes()));
    });
    assert_eq!(all.len(), 65_536);
}

#[test]
fn a_comment_is_as_long_as_the_file_allows() {
    let long = "ä".repeat(100_000);
    let block =
        pcapng::packet(SystemTime::now(), Direction::Sent, &[long, "short".to_owned()], 0, |packet| {
            let way = Ends::new(&tcp("10.0.0.1:1"), &tcp("10.0.0.2:2"), 1).client_sends();
            packet::udp(packet, way, b"x");
        });
    let all = packets(&[pcapng::head(), block].concat());
    assert_eq!(all[0].comments, ["ä".repeat(4096), "short".to_owned()]);
}

#[test]
fn no_two_connections_begin_with_the_same_numbers() {
    let numbers = || (1..10_000_u32).chain((u32::MAX - 10_000)..=u32::MAX);
    let all: std::collections::HashSet<_> = numbers().map(|number| beginning(number, false)[0]).collect();
    assert_eq!(all.len(), numbers().count());
}

#[derive(Debug, Clone)]
enum Event {
    Moved(Direction, usize),
    Ended(Direction),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let direction = || prop_oneof![Just(Direction::Sent), Just(Direction::Received)];
    let length = prop_oneof![4 => 0..2000_usize, 1 => 32_764..32_772_usize, 1 => 65_534..65_540_usize];
    let moved = (direction(), length).prop_map(|(direction, length)| Event::Moved(direction, length));
    prop::collection::vec(prop_oneof![8 => moved, 1 => direction().prop_map(Event::Ended)], 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_moves_is_read_back(number in any::<u32>(), events in events(), accepted in any::<bool>(), by_peer in any::<bool>()) {
        let (mut sent, mut ended) = ([Vec::new(), Vec::new()], [false; 2]);
        let all = captured(|capture| {
            let connection = capture.between("127.0.0.1:1", "[::1]:2", number, accepted);
            for event in events {
                match event {
                    Event::Moved(direction, length) if !ended[direction as usize] => {
                        connection.moved(direction, &bytes(length));
                        sent[direction as usize].extend(bytes(length));
                    }
                    Event::Ended(direction) if !ended[direction as usize] => {
                        connection.ended(direction);
                        ended[direction as usize] = true;
                    }
                    _ => {}
                }
            }
            connection.closed(by_peer.then_some(&Error::Truncated));
        });
        let mut ends = ended.map(|ended| if ended { FIN } else { OPEN });
        if ended != [true; 2] {
            ends[usize::from(by_peer)] = RESET;
        }
        if accepted {
            sent.reverse();
            ends.reverse();
        }
        let streams = streams(&all);
        prop_assert_eq!(streams.len(), 1);
        prop_assert!(streams[0].bytes() == sent && streams[0].is_accepted == accepted);
        prop_assert_eq!(streams[0].ends(), ends);
    }
}
