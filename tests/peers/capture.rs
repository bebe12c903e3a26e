//! `--capture` read by tshark: it puts each side's bytes together, and has nothing to remark.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use socket2::{Domain, Socket, Type};

use crate::listening::peer;
use crate::site::site;
use crate::support::certs::arg;
use crate::support::peer::{ask, reset};
use crate::support::{DEADLINE, Program, astream, noise};

/// More than is read or sent at once.
const MEGABYTE: usize = 1_000_000;

/// tshark, which takes the bytes of the test for no protocol that it knows by its port.
fn tshark(file: &Path) -> Program {
    let plain = ["-d", "tcp.port==1-65535,data", "-d", "udp.port==1-65535,data"];
    peer("tshark").args(["-n", "-r", arg(file)]).args(plain)
}

/// What each side of so many conversations has sent, the one that has begun it first.
fn followed(file: &Path, protocol: &str, count: usize) -> Vec<[Vec<u8>; 2]> {
    let options: Vec<_> =
        (0..count).flat_map(|n| ["-z".to_owned(), format!("follow,{protocol},raw,{n}")]).collect();
    let said = tshark(file).args(["-q"]).args(options).run().status(0);
    let text = String::from_utf8(said.stdout).unwrap();
    let mut all = vec![<[Vec<u8>; 2]>::default(); count];
    let mut current = None;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix(&format!("Filter: {protocol}.stream eq ")) {
            current = Some(number.parse::<usize>().unwrap());
        } else if !line.is_empty() && line.chars().all(|c| c.is_ascii_hexdigit() || c == '\t') {
            // What the second node has sent is indented.
            let (side, digits) = line.strip_prefix('\t').map_or((0, line), |digits| (1, digits));
            let digits = digits.as_bytes().chunks(2);
            let bytes = digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap());
            all[current.unwrap()][side].extend(bytes);
        }
    }
    all
}

/// These fields of all packets.
fn fields(file: &Path, names: &[&str]) -> Vec<String> {
    let options = names.iter().flat_map(|name| ["-e", name]);
    let said = tshark(file).args(["-T", "fields"]).args(options).run().status(0);
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Checks all checksums, and fails where anything seems lost, repeated, out of order or malformed.
#[track_caller]
fn has_no_remark(file: &Path) {
    has_only(file, "");
}

/// The same, but for these remarks.
#[track_caller]
fn has_only(file: &Path, remark: &str) {
    let checks = ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE", "udp.check_checksum:TRUE"];
    let remarks = "tcp.analysis.flags || _ws.malformed || tcp.checksum.status == 0 || udp.checksum.status == 0 \
                   || ip.checksum.status == 0 || _ws.expert.severity >= 6291456";
    let filter = if remark.is_empty() { remarks.to_owned() } else { format!("({remarks}) && !{remark}") };
    let said = tshark(file).args(checks.iter().flat_map(|check| ["-o", check])).args(["-Y", &filter]).run();
    said.status(0).stdout(b"");
}

#[test]
fn tshark_follows_a_megabyte_each_way_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let unix = format!("unix:{}", folder.path().join("socket").display());
    for address in ["127.0.0.1:0", "[::1]:0", &unix] {
        let server =
            astream(["listen", address, "--capture", arg(&theirs)]).input(noise(MEGABYTE + 1)).start();
        let address = server.stderr_line("listening on ").split("listening on ").nth(1).unwrap().to_owned();
        let client = astream(["connect", &address, "--capture", arg(&ours)]).input(noise(MEGABYTE));
        client.run().status(0).stdout(&noise(MEGABYTE + 1));
        server.wait().status(0).stdout(&noise(MEGABYTE));
        for file in [&ours, &theirs] {
            assert!(followed(file, "tcp", 1)[0] == [noise(MEGABYTE), noise(MEGABYTE + 1)], "{address}");
            has_no_remark(file);
        }
    }
}

#[test]
fn tshark_follows_fifty_connections_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--threads", "4", "--capture", arg(&file)]);
    let server = server.start();
    let address = server.address();
    let clients: Vec<_> = (0..50).map(|n| thread::spawn(move || ask(address, &noise(100_000 + n)))).collect();
    for (n, client) in clients.into_iter().enumerate() {
        assert!(client.join().unwrap() == noise(100_000 + n));
    }
    server.stop();
    let mut streams = followed(&file, "tcp", 50);
    streams.sort_by_key(|[question, _]| question.len());
    for (n, stream) in streams.iter().enumerate() {
        assert!(*stream == [noise(100_000 + n), noise(100_000 + n)], "{n}");
    }
    has_no_remark(&file);
}

#[test]
fn tshark_shows_the_plain_text_of_a_relay_under_tls_and_its_comments() {
    let (folder, site) = (tempfile::tempdir().unwrap(), site());
    let file = folder.path().join("capture");
    let target = site.listen().args(["--echo", "--once"]).start();
    let to = target.address().to_string();
    let to = ["--forward", &to, "--forward-tls", "--forward-cacert", site.ca()];
    let relay = site.listen().args(["--once", "--capture", arg(&file)]).args(to).start();
    site.connect(&relay.port()).input(noise(MEGABYTE)).run().status(0).stdout(&noise(MEGABYTE));
    relay.wait().status(0);
    target.wait().status(0);
    for stream in followed(&file, "tcp", 2) {
        assert!(stream == [noise(MEGABYTE), noise(MEGABYTE)]);
    }
    has_no_remark(&file);
    let comments = fields(&file, &["frame.comment"]).concat();
    let tls = "the plain text of TLSv1.3 with TLS_AES_256_GCM_SHA384, key exchange X25519MLKEM768";
    let pin = site.issued.certificate().pin().unwrap();
    for said in
        [&format!("client 1,{tls}, server name localhost"), &format!("for client 1,{tls}"), &pin.to_string()]
    {
        assert!(comments.contains(said), "{comments}");
    }
}

#[test]
fn a_connection_between_the_same_ends_as_an_earlier_one_is_another_stream_to_tshark() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--sha256", "--capture", arg(&file)]);
    let server = server.start();
    let address = server.address();
    let mut own: SocketAddr = "127.0.0.1:0".parse().unwrap();
    for n in 1..=4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&own.into()).unwrap();
        own = socket.local_addr().unwrap().as_socket().unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(&noise(n)).unwrap();
        stream.read_exact(&mut vec![0; n]).unwrap();
        // A reset, so that the system does not keep these ends for a minute. The digests are the last that is seen of it.
        reset(stream);
        server.stderr_line("  received");
    }
    server.stop();
    let streams = followed(&file, "tcp", 4);
    assert!(streams.iter().zip(1..).all(|(stream, n)| *stream == [noise(n), noise(n)]), "{streams:?}");
    assert_eq!(
        fields(&file, &["tcp.srcport"]).iter().filter(|port| **port == own.port().to_string()).count(),
        4 * 5
    );
    // That, and the resets, is all that it has to say.
    has_only(&file, "(tcp.analysis.reused_ports || tcp.connection.rst)");
}

#[test]
fn tshark_takes_each_message_for_a_datagram_even_one_that_udp_takes_in_a_jumbogram_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    let server = astream(["listen", "-u", "127.0.0.1", "0", "--echo", "--capture", arg(&file)]).start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.connect(server.address()).unwrap();
    let mut buffer = vec![0; 70_000];
    for length in [3, 0, 65_507] {
        socket.send(&noise(length)).unwrap();
        assert_eq!(socket.recv(&mut buffer).unwrap(), length);
    }
    server.stop();
    let wanted = [noise(3), noise(65_507)].concat();
    assert!(followed(&file, "udp", 1)[0] == [wanted.clone(), wanted]);
    assert_eq!(fields(&file, &["udp.length"]), ["11", "11", "8", "8", "65515", "65515"]);
    has_no_remark(&file);
    let (path, own) = (folder.path().join("server"), folder.path().join("client"));
    let server = ["listen", "-u", &format!("unix:{}", path.display()), "--echo", "--capture", arg(&file)];
    let server = astream(server).start();
    server.stderr_line("listening on ");
    let socket = UnixDatagram::bind(own).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.connect(path).unwrap();
    socket.send(&noise(65_536)).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 65_536);
    server.stop();
    assert_eq!(fields(&file, &["data.len"]), ["65536", "65536"]);
    has_no_remark(&file);
}

#[test]
fn tshark_reads_a_capture_from_a_pipe_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let print = ["-l", "-T", "fields", "-e", "tcp.len", "-Y", "tcp.len > 0"];
    let reader = peer("tshark").args(["-i", arg(&pipe)]).args(print).start();
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--capture", arg(&pipe)]).start();
    let mut client = astream(["connect", &server.address().to_string()]).open_stdin().start();
    client.write_stdin(&noise(1234));
    // The connection is still open.
    reader.stdout_line("1234");
    client.close_stdin();
    client.wait().status(0).stdout(&noise(1234));
    server.stop();
    reader.wait().status(0).stdout(b"1234\n1234\n");
}
