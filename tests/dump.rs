//! `--dump` and `--sha256`: what the program moves, in hexadecimal and as digests.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::certs::{arg, authority};
use support::peer::{ask, dial, end_tls, peer, read_all, reset, tls_peer};
use support::{DEADLINE, astream, noise, tool};

/// A chunk of a dump.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    number: String,
    peer: String,
    /// `>` or `<`, unless it is empty.
    direction: Option<char>,
    bytes: Vec<u8>,
}

/// All chunks, each with nothing in between; its lines are those of xxd, at the offsets that they should have.
#[track_caller]
fn chunks(dump: &str) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for line in dump.lines() {
        if let Some(head) = line.strip_prefix("# ") {
            let [number, time, peer] = head.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            // 2026-11-26T21:55:00.123Z
            assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{line}");
            let (number, peer) = (number.to_owned(), peer.to_owned());
            chunks.push(Chunk { number, peer, direction: None, bytes: Vec::new() });
            continue;
        }
        let (direction, rest) = line.split_once(' ').unwrap();
        let direction = direction.parse().unwrap();
        let (offset, rest) = rest.split_once(": ").unwrap();
        let (digits, text) = rest.split_at(41);
        let digits: String = digits.split_whitespace().collect();
        let bytes: Vec<_> = digits
            .as_bytes()
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect();
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        assert_eq!(text, bytes.iter().map(shown).collect::<String>());
        let chunk = chunks.last_mut().expect("a chunk begins with its own line");
        assert_eq!((chunk.direction.unwrap_or(direction), chunk.bytes.len() % 16), (direction, 0), "{line}");
        chunk.direction = Some(direction);
        chunk.bytes.extend(bytes);
        let is_of_same = |other: &&Chunk| {
            let last = chunks.last().unwrap();
            other.number == last.number && other.peer == last.peer && other.direction == Some(direction)
        };
        let total: usize = chunks.iter().filter(is_of_same).map(|chunk| chunk.bytes.len()).sum();
        let here = chunks.last().unwrap().bytes.len();
        let line_offset = (total - here) + (here - 1) / 16 * 16;
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), line_offset, "{line}");
    }
    chunks
}

/// What `sed -n 's/^< //p' | xxd -r` makes of it for `<`.
fn reversed(dump: &str, direction: char) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines().filter_map(|line| line.strip_prefix(direction)?.strip_prefix(' ')) {
        let (offset, rest) = line.split_once(": ").unwrap();
        let digits: Vec<_> = rest[..40].bytes().filter(|byte| *byte != b' ').collect();
        let at = usize::from_str_radix(offset, 16).unwrap();
        bytes.resize(bytes.len().max(at + digits.len() / 2), 0);
        for (byte, two) in bytes[at..].iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
        }
    }
    bytes
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn both_directions_of_both_commands_are_dumped_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let listener = astream(["listen", "127.0.0.1", "0", "--dump", arg(&theirs)]);
    let listener = listener.input(noise(70_001)).start();
    let address = listener.address().to_string();
    let client = astream(["connect", &address, "--dump", arg(&ours)]).input(noise(100_003)).run();
    client.status(0).silent().stdout(&noise(70_001));
    listener.wait().status(0).stdout(&noise(100_003));
    let (ours, theirs) = (read(&ours), read(&theirs));
    assert!(reversed(&ours, '>') == noise(100_003) && reversed(&ours, '<') == noise(70_001));
    assert!(reversed(&theirs, '<') == noise(100_003) && reversed(&theirs, '>') == noise(70_001));
    assert!(chunks(&ours).iter().all(|chunk| chunk.number == "-" && chunk.peer == address));
    assert!(chunks(&theirs).iter().all(|chunk| chunk.number == "1" && chunk.peer != address));
}

#[test]
fn a_dump_is_appended_to_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    std::fs::write(&file, "what was there\n").unwrap();
    for word in ["first", "second"] {
        let server = peer(|mut stream| read_all(&mut stream));
        astream(["connect", &server.address.to_string(), "--dump", arg(&file)]).input(word).run().status(0);
        assert_eq!(server.join(), word.as_bytes());
    }
    let dump = read(&file);
    let chunks = chunks(dump.strip_prefix("what was there\n").unwrap());
    let words: Vec<_> = chunks.into_iter().map(|chunk| (chunk.direction, chunk.bytes)).collect();
    assert_eq!(words, [(Some('>'), b"first".to_vec()), (Some('>'), b"second".to_vec())]);
}

#[test]
fn a_minus_is_stderr_and_stdout_has_the_stream_alone() {
    let server = peer(|mut stream| {
        stream.write_all(b"here\n\x1b[31m").unwrap();
        read_all(&mut stream)
    });
    let said = astream(["connect", &server.address.to_string(), "--dump", "-"]).run().status(0);
    let said = said.stdout(b"here\n\x1b[31m");
    let [chunk] = &chunks(&said.stderr)[..] else { panic!("{}", said.description()) };
    assert_eq!((chunk.direction, &chunk.bytes[..]), (Some('<'), &b"here\n\x1b[31m"[..]));
    assert!(said.stderr.contains("\n< 00000000: 6865 7265 0a1b 5b33 316d                 here..[31m\n"));
}

#[test]
fn both_connections_of_a_relay_are_dumped_in_plain_text() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let (file, own, ca) = (folder.path().join("dump"), authority.localhost(), arg(&authority.ca));
    let target = tls_peer(authority.server(&own, false), |mut tls| {
        let question = read_all(&mut tls);
        tls.write_all(b"the answer").unwrap();
        end_tls(&mut tls);
        question
    });
    let to = target.address.to_string();
    let relay = astream(["listen", "127.0.0.1", "0", "--once", "--tls", "--cert", arg(&own.cert)])
        .args(["--key", arg(&own.key), "--forward", &to, "--forward-tls", "--forward-cacert", ca])
        .args(["--dump", arg(&file), "--sha256"])
        .start();
    let address = relay.address().to_string();
    let client = astream(["connect", &address, "--tls", "--cacert", ca]).input("the question");
    client.run().status(0).stdout(b"the answer");
    assert_eq!(target.join(), b"the question");
    let said = relay.wait().status(0);
    let chunks = chunks(&read(&file));
    assert!(chunks.iter().all(|chunk| chunk.number == "1"), "{chunks:?}");
    let all_of = |is_target: bool, direction| -> Vec<u8> {
        let wanted = |chunk: &&Chunk| (chunk.peer == to) == is_target && chunk.direction == Some(direction);
        chunks.iter().filter(wanted).flat_map(|chunk| chunk.bytes.clone()).collect()
    };
    let seen = [all_of(false, '<'), all_of(true, '>'), all_of(true, '<'), all_of(false, '>')];
    let wanted: [&[u8]; 4] = [b"the question", b"the question", b"the answer", b"the answer"];
    assert_eq!(seen, wanted);
    // Four digests: the question and the answer, of each connection.
    for text in [&b"the question"[..], b"the answer"] {
        assert_eq!(said.stderr.matches(&sha256(text)).count(), 2, "{}", said.description());
    }
    assert!(said.stderr.contains(&format!("astream: #1 {to}: {}  sent", sha256(b"the question"))));
}

#[test]
fn each_message_is_a_chunk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let server =
        astream(["listen", "-u", "127.0.0.1", "0", "--echo", "--sha256", "--dump", arg(&file)]).start();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.connect(server.address()).unwrap();
    for message in [&b"one"[..], b"", b"three"] {
        client.send(message).unwrap();
        assert_eq!(client.recv(&mut [0; 9]).unwrap(), message.len());
    }
    let said = server.stop();
    let peer = client.local_addr().unwrap().to_string();
    let chunk = |direction, message: &[u8]| {
        let direction = (!message.is_empty()).then_some(direction);
        Chunk { number: "1".to_owned(), peer: peer.clone(), direction, bytes: message.to_vec() }
    };
    let wanted = [b"one", &b""[..], b"three"].map(|message| [chunk('<', message), chunk('>', message)]);
    assert_eq!(chunks(&read(&file)), wanted.into_iter().flatten().collect::<Vec<_>>());
    for way in ["sent", "received"] {
        let digest = format!("astream: #1 {peer}: {}  {way}\n", sha256(b"onethree"));
        assert!(said.stderr.contains(&digest), "{}", said.description());
    }
}

#[test]
fn a_command_that_is_watched_has_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let server = astream(["listen", "127.0.0.1", "0", "--once", "--dump", arg(&file), "--sha256", "--"]);
    let server = server.args(["sh", "-c", "test -p /dev/stdin && tr a-z A-Z"]).start();
    assert_eq!(ask(server.address(), b"whisper"), b"WHISPER");
    let said = server.wait().status(0);
    assert_eq!(
        (reversed(&read(&file), '<'), reversed(&read(&file), '>')),
        (b"whisper".to_vec(), b"WHISPER".to_vec())
    );
    assert!(said.stderr.contains(&sha256(b"whisper")) && said.stderr.contains(&sha256(b"WHISPER")));
}

#[test]
fn chunks_of_clients_at_once_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let server =
        astream(["listen", "127.0.0.1", "0", "--echo", "--threads", "4", "--dump", arg(&file)]).start();
    let address = server.address();
    let clients: Vec<_> = (0..20).map(|n| thread::spawn(move || ask(address, &noise(30_000 + n)))).collect();
    for (n, client) in clients.into_iter().enumerate() {
        assert!(client.join().unwrap() == noise(30_000 + n));
    }
    server.stop();
    let chunks = chunks(&read(&file));
    let mut seen: Vec<_> = (1..=20)
        .map(|number| {
            ['<', '>'].map(|direction| -> Vec<u8> {
                let number = number.to_string();
                let own = |chunk: &&Chunk| chunk.number == number && chunk.direction == Some(direction);
                chunks.iter().filter(own).flat_map(|chunk| chunk.bytes.clone()).collect()
            })
        })
        .collect();
    seen.sort_by_key(|[received, _]| received.len());
    for (n, both) in seen.into_iter().enumerate() {
        assert!(both == [noise(30_000 + n), noise(30_000 + n)], "{n}");
    }
}

#[test]
fn a_dump_that_cannot_be_opened_is_status_2_before_anything_is_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (path, why) in [("/no/such/folder/file", "No such file"), ("/", "Is a directory")] {
        for args in [["connect", &address], ["listen", "127.0.0.1:0"]] {
            let said = astream(args).args(["--dump", path]).run().status(2);
            said.says(&[&format!("--dump {path}: {why}")]);
        }
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_full_disk_ends_the_dump_and_not_the_stream() {
    let listener = astream(["listen", "127.0.0.1", "0"]).input(noise(1_000_000)).start();
    let address = listener.address().to_string();
    let client = astream(["connect", &address, "--dump", "/dev/full"]).input(noise(500_000));
    let said = client.run().status(2).stdout(&noise(1_000_000));
    said.says(&["--dump /dev/full: No space left", "it ends here, and the connections go on"]);
    listener.wait().status(0).stdout(&noise(500_000));
}

#[test]
fn a_reader_that_is_stuck_ends_the_dump_and_not_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    tool("mkfifo").args([&fifo]).run().status(0);
    let _stuck = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let server = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let address = server.address().to_string();
    for option in ["--dump", "--capture"] {
        let client = astream(["connect", &address, option, fifo.to_str().unwrap()]).input(noise(500_000));
        let said = client.run().status(2).stdout(&noise(500_000));
        said.says(&["its reader has taken nothing for 2 s; it ends here, and the connections go on"]);
    }
}

#[test]
fn a_status_that_is_not_0_counts_for_more_than_a_full_disk() {
    let server = peer(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        reset(stream);
    });
    let client = astream(["connect", &server.address.to_string(), "--dump", "/dev/full"]);
    let mut client = client.open_stdin().start();
    client.write_stdin(b"ping");
    client.wait().status(1);
}

#[test]
fn the_digests_of_both_directions_are_the_last_that_is_said() {
    for more in [&[][..], &["--quiet"], &["--exit-on-close"]] {
        let server = peer(|mut stream| {
            let all = read_all(&mut stream);
            stream.write_all(b"abc").unwrap();
            all
        });
        let client = astream(["connect", &server.address.to_string(), "--sha256"]).args(more);
        let said = client.input(noise(1_000_000)).run().status(0).stdout(b"abc");
        assert!(server.join() == noise(1_000_000));
        let wanted = format!(
            "astream: {}  sent\nastream: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  received\n",
            sha256(&noise(1_000_000))
        );
        assert_eq!(said.stderr, wanted, "{more:?}");
    }
}

#[test]
fn the_digests_of_a_client_have_its_name_and_in_json_an_event_each() {
    for json in [false, true] {
        let server = astream(["listen", "127.0.0.1", "0", "--echo", "--once", "--sha256"]);
        let server = if json { server.args(["--json"]) } else { server }.start();
        let address = if json { server.address_in_json() } else { server.address() };
        let mut client = dial(address);
        client.write_all(b"there and back").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut client), b"there and back");
        let peer = client.local_addr().unwrap().to_string();
        let (said, wanted) = (server.wait().status(0), sha256(b"there and back"));
        for way in ["sent", "received"] {
            if json {
                let events: Vec<Value> =
                    said.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let event =
                    events.iter().find(|event| event["event"] == "digest" && event["direction"] == way);
                let mut event = event.unwrap_or_else(|| panic!("{}", said.description())).clone();
                assert!(event.as_object_mut().unwrap().remove("time").is_some());
                let digest = json!({"event": "digest", "connection": 1, "peer": peer, "direction": way, "sha256": wanted});
                assert_eq!(event, digest);
            } else {
                let line = format!("astream: #1 {peer}: {wanted}  {way}\n");
                assert!(said.stderr.contains(&line), "{}", said.description());
            }
        }
    }
}

/// ^C, and what kill sends.
const SIGNALS: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

#[test]
fn what_a_signal_ends_has_the_digests_of_what_has_moved() {
    let half = format!("{}  received", sha256(b"half"));
    for (signal, status) in SIGNALS {
        let server = peer(|mut stream| {
            stream.write_all(b"half").unwrap();
            stream.read(&mut [0])
        });
        let client = astream(["connect", &server.address.to_string(), "--sha256"]).open_stdin().start();
        client.until_stdout(b"half");
        client.signal(signal);
        let said = client.wait().status(status);
        assert!(said.stderr.contains(&half), "{}", said.description());
        // The same of datagrams.
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(DEADLINE)).unwrap();
        let address = server.local_addr().unwrap().to_string();
        let mut client = astream(["connect", "-u", &address, "--sha256"]).open_stdin().start();
        client.write_stdin(b"ask");
        let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
        server.send_to(b"half", from).unwrap();
        client.until_stdout(b"half");
        client.signal(signal);
        let said = client.wait().status(status);
        assert!(said.stderr.contains(&half), "{}", said.description());
    }
}

#[test]
fn what_was_cut_has_the_digests_of_what_has_moved() {
    let server = peer(|mut stream| {
        stream.write_all(b"half").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        reset(stream);
    });
    let mut client = astream(["connect", &server.address.to_string(), "--sha256"]).open_stdin().start();
    client.until_stdout(b"half");
    client.write_stdin(b"ping");
    let said = client.wait().status(1);
    for (text, way) in [(b"ping", "sent"), (b"half", "received")] {
        assert!(said.stderr.contains(&format!("{}  {way}", sha256(text))), "{}", said.description());
    }
}

#[test]
fn a_file_that_is_made_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = peer(|mut stream| stream.write_all(b"secret").unwrap());
    let args = ["connect", &server.address.to_string(), "--dump", "dump", "--capture", "capture"];
    astream(args).dir(folder.path()).run().status(0).stdout(b"secret");
    for name in ["dump", "capture"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
