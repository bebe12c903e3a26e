//! `--capture`: what the program moves, read back from the packets that it writes.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use support::certs::{arg, authority};
use support::pcapng::{End, Kind, Packet, Stream, packets, streams};
use support::peer::{ask, dial, end_tls, peer, read_all, reset, tls_peer};
use support::{DEADLINE, Program, Running, astream, noise, tool};

const OPEN: Option<End> = None;
const FIN: Option<End> = Some(End::Fin);
const RESET: Option<End> = Some(End::Reset);

/// A place for a capture, in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("capture.pcapng");
        Self { folder, file }
    }

    fn arg(&self) -> &str {
        arg(&self.file)
    }

    /// The address of a Unix socket beside it.
    fn unix(&self, name: &str) -> String {
        format!("unix:{}", self.folder.path().join(name).display())
    }

    fn packets(&self) -> Vec<Packet> {
        packets(&std::fs::read(&self.file).unwrap())
    }

    fn streams(&self) -> Vec<Stream> {
        streams(&self.packets())
    }
}

fn connect(address: SocketAddr, place: &Place) -> Program {
    astream(["connect", &address.to_string(), "--capture", place.arg()])
}

fn listen(place: &Place, more: &[&str]) -> Running {
    astream(["listen", "127.0.0.1", "0", "--capture", place.arg()]).args(more).start()
}

#[test]
fn both_directions_are_captured_whole_by_both_commands_in_place_of_what_was_there() {
    for host in ["127.0.0.1", "::1"] {
        let (ours, theirs) = (Place::new(), Place::new());
        std::fs::write(&ours.file, noise(100_000)).unwrap();
        let listener = astream(["listen", host, "0", "--capture", theirs.arg()]);
        let listener = listener.input(noise(3_000_000)).start();
        let address = listener.address();
        let client = connect(address, &ours).input(noise(2_000_000)).run();
        client.status(0).silent().stdout(&noise(3_000_000));
        listener.wait().status(0).stdout(&noise(2_000_000));
        let (ours, theirs) = (ours.streams(), theirs.streams());
        for (stream, comments) in [(&ours[0], ""), (&theirs[0], "client 1")] {
            assert!(stream.bytes() == [noise(2_000_000), noise(3_000_000)] && stream.is_acknowledged());
            assert_eq!((stream.server, stream.client.ip()), (address, address.ip()));
            assert_eq!((stream.ends(), stream.comments.concat()), ([FIN, FIN], comments.to_owned()));
        }
        assert_eq!((ours.len(), theirs.len(), ours[0].client), (1, 1, theirs[0].client));
        assert!(!ours[0].is_accepted && theirs[0].is_accepted);
    }
}

#[test]
fn many_connections_at_once_are_each_whole() {
    let place = Place::new();
    let server = listen(&place, &["--echo", "--threads", "4"]);
    let address = server.address();
    let clients: Vec<_> = (0..50).map(|n| thread::spawn(move || ask(address, &noise(50_000 + n)))).collect();
    for (n, client) in clients.into_iter().enumerate() {
        assert!(client.join().unwrap() == noise(50_000 + n));
    }
    server.stop();
    let mut streams = place.streams();
    streams.sort_by_key(|stream| stream.sides[0].bytes.len());
    assert_eq!(streams.len(), 50);
    for (n, stream) in streams.iter().enumerate() {
        assert!(stream.bytes() == [noise(50_000 + n), noise(50_000 + n)] && stream.ends() == [FIN, FIN]);
    }
    let mut comments: Vec<_> = streams.into_iter().flat_map(|stream| stream.comments).collect();
    comments.sort();
    let mut wanted: Vec<_> = (1..=50).map(|n| format!("client {n}")).collect();
    wanted.sort();
    assert_eq!(comments, wanted);
}

#[test]
fn a_relay_captures_the_plain_text_of_both_of_its_connections_with_what_tls_agreed_on() {
    let (place, authority) = (Place::new(), authority());
    let own = authority.localhost();
    let visitor = authority.issue_with("visitor", &["visitor"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "a visitor");
    });
    let target = tls_peer(authority.server(&own, false), |mut tls| {
        let question = read_all(&mut tls);
        tls.write_all(b"the answer").unwrap();
        end_tls(&mut tls);
        question
    });
    let (ca, cert, key) = (arg(&authority.ca), arg(&own.cert), arg(&own.key));
    let (to, address) = (target.address.to_string(), target.address);
    let args = ["--once", "--tls", "--cert", cert, "--key", key, "--cacert", ca, "--alpn", "http/1.1"];
    let relay =
        listen(&place, &[&args[..], &["--forward", &to, "--forward-tls", "--forward-cacert", ca]].concat());
    let port = relay.port();
    let args = ["connect", "localhost", &port, "-4", "--tls", "--cacert", ca, "--alpn", "http/1.1"];
    let client = astream(args).args(["--cert", arg(&visitor.cert), "--key", arg(&visitor.key)]);
    client.input("the question").run().status(0).stdout(b"the answer");
    assert_eq!(target.join(), b"the question");
    relay.wait().status(0);
    let [first, second] = &place.streams()[..] else { panic!("two connections") };
    for stream in [first, second] {
        assert_eq!(stream.bytes(), [&b"the question"[..], b"the answer"]);
        assert_eq!(stream.ends(), [FIN, FIN]);
    }
    assert_eq!((first.server.port().to_string(), second.server), (port, address));
    let tls = "the plain text of TLSv1.3 with TLS_AES_256_GCM_SHA384, key exchange X25519MLKEM768";
    let certificate = |issued: &support::certs::Issued| {
        let certificate = issued.certificate();
        format!("the certificate of the peer: {}, pin {}", certificate.subject(), certificate.pin().unwrap())
    };
    let agreed = format!("{tls}, ALPN http/1.1, server name localhost");
    assert_eq!(first.comments, ["client 1".to_owned(), agreed, certificate(&visitor)]);
    assert_eq!(second.comments, ["for client 1".to_owned(), tls.to_owned(), certificate(&own)]);
}

#[test]
fn messages_are_packets_of_udp_also_empty_ones() {
    let (ours, theirs) = (Place::new(), Place::new());
    let server = astream(["listen", "-u", "127.0.0.1", "0", "--echo", "--capture", theirs.arg()]).start();
    let address = server.address();
    let mut client = connect(address, &ours).args(["-u", "-i", "1h"]).open_stdin().start();
    for (message, echo) in [(&b"one"[..], &b"one"[..]), (b"two", b"onetwo")] {
        client.write_stdin(message);
        client.until_stdout(echo);
    }
    let empty = UdpSocket::bind("127.0.0.1:0").unwrap();
    empty.set_read_timeout(Some(DEADLINE)).unwrap();
    empty.send_to(b"", address).unwrap();
    assert_eq!(empty.recv(&mut [0; 9]).unwrap(), 0);
    drop(client);
    server.stop();
    let seen = |packets: &[Packet]| -> Vec<_> {
        assert!(packets.iter().all(|packet| packet.kind == Kind::Udp));
        packets
            .iter()
            .map(|packet| {
                (packet.is_inbound, packet.to == address, packet.data.clone(), packet.comments.clone())
            })
            .collect()
    };
    let sent = |message: &[u8]| (false, true, message.to_vec(), Vec::new());
    let received = |message: &[u8]| (true, false, message.to_vec(), Vec::new());
    assert_eq!(seen(&ours.packets()), [sent(b"one"), received(b"one"), sent(b"two"), received(b"two")]);
    let theirs = theirs.packets();
    let first = |n: u8, message: &[u8]| (true, true, message.to_vec(), vec![format!("client {n}")]);
    let (answered, asked) = (
        |message: &[u8]| (false, false, message.to_vec(), Vec::new()),
        (true, true, b"two".to_vec(), Vec::new()),
    );
    let wanted = [first(1, b"one"), answered(b"one"), asked, answered(b"two"), first(2, b""), answered(b"")];
    assert_eq!(seen(&theirs), wanted);
    assert_eq!((theirs[4].from, theirs[5].to), (empty.local_addr().unwrap(), empty.local_addr().unwrap()));
}

#[test]
fn a_message_of_a_unix_socket_is_one_packet_even_if_udp_takes_no_such_length() {
    let (place, folder) = (Place::new(), tempfile::tempdir().unwrap());
    let path = place.unix("server");
    let server = astream(["listen", "-u", &path, "--echo", "--capture", place.arg()]).start();
    server.stderr_line("listening on ");
    let client = UnixDatagram::bind(folder.path().join("client")).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.connect(path.strip_prefix("unix:").unwrap()).unwrap();
    for length in [10, 65_507, 65_536] {
        client.send(&noise(length)).unwrap();
        let mut buffer = vec![0; 70_000];
        assert_eq!(client.recv(&mut buffer).unwrap(), length);
    }
    server.stop();
    let packets = place.packets();
    let lengths: Vec<_> = packets.iter().map(|packet| packet.data.len()).collect();
    assert_eq!(lengths, [10, 10, 65_507, 65_507, 65_536, 65_536]);
    assert!(packets.iter().all(|packet| packet.data == noise(packet.data.len())));
    let from = format!("unix:{}", folder.path().join("client").display());
    let ends = format!("from {from} to {path}; IP addresses and ports are made up");
    assert_eq!(packets[0].comments, ["client 1".to_owned(), ends]);
}

#[test]
fn connections_of_a_unix_socket_have_addresses_that_are_made_up_and_a_comment() {
    let place = Place::new();
    let path = place.unix("server");
    let server = astream(["listen", &path, "--echo", "--capture", place.arg()]).start();
    server.stderr_line("listening on ");
    for n in 1..=3 {
        astream(["connect", &path]).input(noise(n)).run().status(0).stdout(&noise(n));
    }
    server.stop();
    let streams = place.streams();
    assert_eq!(streams.len(), 3);
    for (stream, n) in streams.iter().zip(1..) {
        assert!(stream.bytes() == [noise(n), noise(n)] && stream.ends() == [FIN, FIN]);
        let ends = format!("from unnamed Unix socket to {path}; IP addresses and ports are made up");
        assert_eq!(stream.comments, [format!("client {n}"), ends]);
    }
    assert_ne!(streams[0].client, streams[1].client);
}

#[test]
fn a_reset_is_that_of_the_side_that_has_sent_it() {
    let place = Place::new();
    let target = peer(|mut stream| {
        stream.write_all(b"half").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        reset(stream);
    });
    let mut client = connect(target.address, &place).open_stdin().start();
    client.until_stdout(b"half");
    client.write_stdin(b"ping");
    client.wait().status(1);
    let stream = &place.streams()[0];
    assert_eq!((stream.bytes(), stream.ends()), ([&b"ping"[..], b"half"], [OPEN, RESET]));
    // Here this side is the one that ends it.
    let place = Place::new();
    let silent = peer(|mut stream| drop(stream.read(&mut [0])));
    connect(silent.address, &place).args(["--max-time", "50ms"]).open_stdin().start().wait().status(5);
    assert_eq!(place.streams()[0].ends(), [RESET, OPEN]);
}

#[test]
fn a_signal_is_a_reset_by_us() {
    let place = Place::new();
    let target = peer(|mut stream| {
        stream.write_all(b"half").unwrap();
        stream.read(&mut [0])
    });
    let client = connect(target.address, &place).open_stdin().start();
    client.until_stdout(b"half");
    client.signal(Signal::INT);
    client.wait().status(130);
    let stream = &place.streams()[0];
    assert_eq!((stream.bytes()[1], stream.ends()), (&b"half"[..], [RESET, OPEN]));
}

#[test]
fn a_client_that_resets_is_a_reset_by_us_at_the_target() {
    let place = Place::new();
    let target = peer(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(b"pong").unwrap();
        stream.read(&mut [0]).unwrap_err();
    });
    let relay = listen(&place, &["--once", "--forward", &target.address.to_string()]);
    let mut client = dial(relay.address());
    client.write_all(b"ping").unwrap();
    client.read_exact(&mut [0; 4]).unwrap();
    reset(client);
    target.join();
    relay.wait().status(1);
    let [first, second] = &place.streams()[..] else { panic!("two connections") };
    assert_eq!((first.ends(), second.ends()), ([RESET, OPEN], [RESET, OPEN]));
    assert!(first.is_accepted && !second.is_accepted);
}

#[test]
fn tls_that_is_cut_short_does_not_look_like_an_end() {
    let (place, authority) = (Place::new(), authority());
    let target = tls_peer(authority.server(&authority.localhost(), false), |mut tls| {
        tls.write_all(b"half").unwrap();
        tls.flush().unwrap();
        tls.sock.shutdown(Shutdown::Write).unwrap();
        read_all(&mut tls)
    });
    let client = connect(target.address, &place).args(["--tls", "--cacert", arg(&authority.ca)]);
    client.run().status(7).stdout(b"half");
    let stream = &place.streams()[0];
    assert_eq!((stream.bytes()[1], stream.ends()[1]), (&b"half"[..], RESET));
}

#[test]
fn a_command_is_captured_by_pipes() {
    let place = Place::new();
    let server = listen(&place, &["--once", "--", "tr", "a-z", "A-Z"]);
    assert_eq!(ask(server.address(), b"whisper"), b"WHISPER");
    server.wait().status(0);
    assert_eq!(place.streams()[0].bytes(), [&b"whisper"[..], b"WHISPER"]);
}

#[test]
fn clients_of_a_proxy_have_the_addresses_that_it_reports_and_do_not_mix() {
    let place = Place::new();
    let server = listen(&place, &["--echo", "--proxy-protocol", "127.0.0.1"]);
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.8 4000 80\r\n";
    // Both claim to be the same client, at the same time.
    let address = server.address();
    let mut clients = [dial(address), dial(address)];
    let proxies = clients.each_ref().map(|client| client.local_addr().unwrap());
    for (n, client) in (1_u8..).zip(&mut clients) {
        client.write_all(&[&header[..], &[n]].concat()).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    for mut client in clients {
        client.write_all(b"more").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&mut client);
    }
    server.stop();
    let [first, second] = &place.streams()[..] else { panic!("two connections") };
    assert_eq!(first.bytes(), [&b"\x01more"[..], b"\x01more"]);
    assert_eq!(second.bytes(), [&b"\x02more"[..], b"\x02more"]);
    let through = proxies.map(|proxy| format!("through {proxy}"));
    assert_eq!(
        (first.client.to_string(), &first.comments[1..]),
        ("192.0.2.7:4000".to_owned(), &through[..1])
    );
    assert_eq!(
        (second.client.to_string(), &second.comments[2..]),
        ("192.0.2.7:4001".to_owned(), &through[1..])
    );
    assert!(second.comments[1].starts_with("the client has another port here"));
}

#[test]
fn a_full_disk_ends_the_capture_and_not_the_stream() {
    let listener = astream(["listen", "127.0.0.1", "0"]).input(noise(1_000_000)).start();
    let address = listener.address().to_string();
    let client = astream(["connect", &address, "--capture", "/dev/full"]).input(noise(500_000));
    let said = client.run().status(2).stdout(&noise(1_000_000));
    said.says(&["--capture /dev/full: No space left", "it ends here, and the connections go on"]);
    listener.wait().status(0).stdout(&noise(500_000));
}

#[test]
fn a_reader_that_leaves_ends_the_capture_and_not_the_stream() {
    let place = Place::new();
    mknodat(CWD, &place.file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let (go, gone) = channel();
    let target = peer(move |mut stream| {
        gone.recv().unwrap();
        stream.write_all(&noise(1_000_000)).unwrap();
    });
    let client = connect(target.address, &place).start();
    let mut reader = File::open(&place.file).unwrap();
    reader.read_exact(&mut [0; 28]).unwrap();
    drop(reader);
    go.send(()).unwrap();
    let said = client.wait().status(2).stdout(&noise(1_000_000));
    said.says(&[&format!("--capture {}: Broken pipe", place.arg()), "the connections go on"]);
}

#[test]
fn a_pipe_takes_a_capture_as_it_comes() {
    let target = peer(|mut stream| {
        stream.write_all(b"the stream").unwrap();
        read_all(&mut stream)
    });
    let script = format!(
        "exec {} connect {} --capture /dev/fd/3 3>&1 >/dev/null",
        env!("CARGO_BIN_EXE_astream"),
        target.address
    );
    let said = tool("sh").args(["-c", &script]).run().status(0).silent();
    assert_eq!(streams(&packets(&said.stdout))[0].bytes(), [&b""[..], b"the stream"]);
}

#[test]
fn what_moved_before_the_program_was_killed_can_be_read() {
    let place = Place::new();
    let target = peer(|mut stream| {
        stream.write_all(b"before").unwrap();
        read_all(&mut stream)
    });
    let client = connect(target.address, &place).open_stdin().start();
    client.until_stdout(b"before");
    client.signal(Signal::KILL);
    client.wait().status(137);
    let stream = &place.streams()[0];
    assert_eq!((stream.bytes()[1], stream.ends()), (&b"before"[..], [OPEN, OPEN]));
}

#[test]
fn a_file_that_cannot_be_written_is_status_2_before_anything_is_connected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (path, why) in [("/no/such/folder/file", "No such file"), ("/", "Is a directory")] {
        let said = astream(["connect", &address, "--capture", path]).run().status(2);
        said.says(&[&format!("--capture {path}: {why}")]);
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(!Path::new("/no/such/folder").exists() && File::open("/").is_ok());
}
