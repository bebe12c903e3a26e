//! The log of a server: a line when a connection opens and one when it ends, which no peer can forge.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::time::SystemTime;

use astream::Timestamp;
use rcgen::DnType;
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use support::certs::{arg, authority};
use support::peer::{peer, read_all, refusing};
use support::{Finished, Running, astream};

/// A connection that sends this and its end, and has read to the server's end or reset. Returns its own address.
fn visit(address: SocketAddr, sent: &[u8]) -> SocketAddr {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    stream.local_addr().unwrap()
}

/// The line with its seconds taken out, and the mean rate where something has moved.
fn untimed(line: &str) -> String {
    let (before, after) = line.split_once(" in ").unwrap_or_else(|| panic!("no seconds: {line}"));
    let (seconds, after) = after.split_once(" s").unwrap();
    assert!(seconds.parse::<f64>().is_ok(), "{line}");
    let mean =
        after.strip_prefix(", mean ").and_then(|after| after.split_once("iB/s").or(after.split_once(" B/s")));
    format!("{before}{}", mean.map_or(after, |(_, after)| after))
}

fn last_line(server: &Running, number: usize) -> String {
    loop {
        let line = server.stderr_line(&format!("astream: #{number} "));
        if line.contains(" s, ") {
            return untimed(&line);
        }
    }
}

#[test]
fn each_client_has_a_number_in_its_first_and_its_last_line() {
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "-v"]).start();
    let address = server.address();
    for number in 1..=3 {
        let client = visit(address, b"hello");
        let name = format!("astream: #{number} {client}");
        assert_eq!(server.stderr_line("astream: #"), format!("{name}: open"));
        let wanted = format!("{name}: 5 bytes sent, 5 bytes received, ended");
        assert_eq!(last_line(&server, number), wanted);
    }
}

#[test]
fn a_one_shot_listener_has_both_lines_too_and_how_it_failed() {
    let listener = astream(["listen", "127.0.0.1", "0", "--echo", "--once", "-v", "-i", "200ms"]).start();
    let client = TcpStream::connect(listener.address()).unwrap();
    let name = format!("astream: #1 {}", client.local_addr().unwrap());
    let said = listener.wait().status(5);
    let lines: Vec<_> = said.stderr.lines().collect();
    assert_eq!(lines[1], format!("{name}: open"));
    let wanted = "0 bytes sent, 0 bytes received, failed: idle: nothing sent or received for 200 ms";
    assert_eq!(untimed(lines[2]), format!("{name}: {wanted}"));
}

#[test]
fn what_is_logged_while_a_client_is_served_begins_with_its_number() {
    let server = astream(["listen", "127.0.0.1", "0", "-v", "--", "sh", "-c", "cat; exit 3"]).start();
    let address = server.address();
    for number in 1..=2 {
        let client = visit(address, b"hello");
        let name = format!("astream: #{number} {client}: ");
        assert!(server.stderr_line("has ended with status 3").starts_with(&name));
        let wanted = format!("{name}bytes not counted, because the command had the socket,, ended");
        assert_eq!(last_line(&server, number), wanted);
    }
    let server = astream(["listen", "127.0.0.1", "0", "-v", "--json", "--", "sh", "-c", "exit 3"]).start();
    let client = visit(server.address_in_json(), b"");
    let log: Value = serde_json::from_str(&server.stderr_line("has ended with status 3")).unwrap();
    assert_eq!((&log["connection"], &log["peer"]), (&json!(1), &json!(client.to_string())));
}

#[test]
fn the_target_that_was_used_is_in_the_last_line() {
    let (_socket, closed) = refusing();
    let target = peer(|mut stream| {
        let got = read_all(&mut stream);
        stream.write_all(b"answer").map(|()| got)
    });
    let (closed, to) = (closed.to_string(), target.address.to_string());
    let args = ["listen", "127.0.0.1", "0", "--forward", &closed, "--forward", &to];
    let relay = astream(args).args(["-v"]).start();
    let client = visit(relay.address(), b"hello");
    let wanted = format!("astream: #1 {client}: 6 bytes sent, 5 bytes received, target {to}, ended");
    assert_eq!(last_line(&relay, 1), wanted);
    let relay = astream(["listen", "127.0.0.1", "0", "--forward", &closed]).args(["-v"]).start();
    let client = visit(relay.address(), b"");
    let wanted = format!(
        "astream: #1 {client}: 0 bytes sent, 0 bytes received, failed: the target: cannot connect to {closed}: connection refused"
    );
    assert_eq!(last_line(&relay, 1), wanted);
}

#[test]
fn the_target_that_was_used_is_in_the_closed_event() {
    let target = peer(|mut stream| read_all(&mut stream));
    let to = target.address.to_string();
    let relay = astream(["listen", "127.0.0.1", "0", "--forward", &to]).args(["--json"]).start();
    visit(relay.address_in_json(), b"hello");
    let closed: Value = serde_json::from_str(&relay.stderr_line("\"closed\"")).unwrap();
    assert_eq!((&closed["target"], &closed["error"]), (&json!(to), &Value::Null));
}

#[test]
fn the_first_line_has_the_proxy_and_the_certificate_of_the_client() {
    let authority = authority();
    let own = authority.localhost();
    let client = authority.issue_with("client", &["a client"], |params| {
        params.distinguished_name.push(DnType::CommonName, "a client");
    });
    let (ca, cert, key) = (arg(&authority.ca), arg(&own.cert), arg(&own.key));
    let args = ["--echo", "--tls", "--cacert", ca, "--cert", cert, "--key", key];
    let args = [&args[..], &["--proxy-protocol", "127.0.0.1"]].concat();
    let server = astream(["listen", "127.0.0.1", "0"]).args(&args).args(["-v"]).start();
    let in_json = astream(["listen", "127.0.0.1", "0"]).args(&args).args(["--json"]).start();
    let to = [server.address(), in_json.address_in_json()].map(|address| address.to_string());
    let relays = to.each_ref().map(|to| {
        let args = ["listen", "127.0.0.1", "0", "--forward", to, "--forward-proxy-protocol", "v1"];
        let args = [&args[..], &["--forward-tls", "--forward-cacert", ca, "--forward-cert"]].concat();
        let args = [&args[..], &[arg(&client.cert), "--forward-key", arg(&client.key)]].concat();
        astream(args).start()
    });
    let [named, named_in_json] = relays.each_ref().map(|relay| visit(relay.address(), b"hello"));
    let line = server.stderr_line(": open, ");
    let (before, after) = line.split_once(", through 127.0.0.1:").expect(&line);
    assert_eq!(before, format!("astream: #1 {named}: open"));
    let certificate = client.certificate();
    let pin = certificate.pin().unwrap();
    let wanted = format!(", TLSv1.3, certificate CN=a client, pin {pin}");
    assert_eq!(after.trim_start_matches(|letter: char| letter.is_ascii_digit()), wanted);
    let accepted: Value = serde_json::from_str(&in_json.stderr_line("\"accepted\"")).unwrap();
    assert_eq!((&accepted["connection"], &accepted["peer"]), (&json!(1), &json!(named_in_json.to_string())));
    assert!(accepted["proxy"].as_str().unwrap().starts_with("127.0.0.1:"), "{accepted}");
    let tls: Value = serde_json::from_str(&in_json.stderr_line("\"tls\"")).unwrap();
    assert_eq!((&tls["connection"], &tls["certificates"][0]["pin"]), (&json!(1), &json!(pin.to_string())));
}

#[test]
fn sessions_of_datagrams_are_numbered_as_connections_are() {
    let target = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = target.local_addr().unwrap().to_string();
    let relay = astream(["listen", "-u", "127.0.0.1", "0", "--forward", &to, "-v"]).start();
    let address = relay.address();
    let clients = [1, 2].map(|_| {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"hello", address).unwrap();
        target.recv_from(&mut [0; 10]).unwrap();
        client.local_addr().unwrap()
    });
    let said = relay.stop();
    for (number, client) in (1..).zip(clients) {
        let lines: Vec<_> = said.stderr.lines().filter(|line| line.contains(&client.to_string())).collect();
        assert_eq!(lines[0], format!("astream: #{number} {client}: open"));
        let wanted = format!("astream: #{number} {client}: 0 bytes sent, 5 bytes received");
        assert!(untimed(lines.last().unwrap()).starts_with(&wanted), "{}", said.description());
    }
}

/// The second that it is.
fn second() -> String {
    Timestamp::from(SystemTime::now()).to_string()
}

/// Fails unless this is a time in the form of RFC 3339 with milliseconds, between these seconds.
#[track_caller]
fn is_time_between(time: &str, start: &str, end: &str) {
    let (whole, millis) = time.split_once('.').unwrap_or_else(|| panic!("no fraction: {time:?}"));
    let whole = format!("{whole}Z");
    assert!((start..=end).contains(&whole.as_str()), "{time:?} is not from {start} to {end}");
    let digits = millis.strip_suffix('Z').filter(|digits| digits.len() == 3);
    assert!(digits.is_some_and(|digits| digits.parse::<u32>().is_ok()), "{time:?}");
}

#[track_caller]
fn every_line_has_its_time(said: &Finished, start: &str) {
    assert!(!said.stderr.is_empty(), "{}", said.description());
    for line in said.stderr.lines() {
        let rest = line.strip_prefix("astream: ").expect(line);
        is_time_between(rest.split(' ').next().unwrap(), start, &second());
    }
}

#[test]
fn with_log_time_every_line_begins_with_the_time() {
    let start = second();
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--log-time", "-vv"]).start();
    let address = server.address().to_string();
    let client = astream(["connect", &address, "--log-time", "-vv"]).input("x").run().status(0).stdout(b"x");
    every_line_has_its_time(&client, &start);
    server.stderr_line(", ended");
    every_line_has_its_time(&server.stop(), &start);
    let (_socket, closed) = refusing();
    every_line_has_its_time(&astream(["connect", &closed.to_string(), "--log-time"]).run().status(4), &start);
    every_line_has_its_time(&astream(["connect", "--log-time", "--what"]).run().status(2), &start);
}

#[test]
fn in_json_every_event_has_its_time() {
    let start = second();
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--json", "-vv"]).start();
    visit(server.address_in_json(), b"hello");
    server.stderr_line("\"closed\"");
    let said = server.stop();
    let (_socket, closed) = refusing();
    let probed = astream(["connect", "-z", &closed.to_string(), "--json"]).run().status(4);
    let usage = astream(["connect", "--json", "--what"]).run().status(2);
    let all = said.stderr + std::str::from_utf8(&probed.stdout).unwrap() + &usage.stderr;
    assert!(all.lines().count() >= 5, "{all}");
    for line in all.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        is_time_between(event["time"].as_str().expect(line), &start, &second());
    }
}

/// What would be a line of the log, if a peer could begin one.
const FORGED: &str = "astream: #9 192.0.2.9:9: open";

/// A name that would begin a line of its own, and one that would overwrite the line before.
fn hostile() -> String {
    format!("a\n{FORGED}\n\r\u{1b}[1A\u{1b}[2K{FORGED}")
}

#[track_caller]
fn is_not_forged(said: &Finished) {
    for line in said.stderr.lines() {
        assert!(line.starts_with("astream: ") && !line.starts_with(FORGED), "{}", said.description());
        assert!(!line.contains(char::is_control), "{}", said.description());
    }
    assert!(said.stderr.contains(FORGED), "it came, and is escaped: {}", said.description());
}

#[test]
fn a_certificate_of_a_client_forges_no_line() {
    let authority = authority();
    let own = authority.localhost();
    let client = authority.issue_with("client", &["a client"], |params| {
        params.distinguished_name.push(DnType::CommonName, hostile());
    });
    let (ca, cert, key) = (arg(&authority.ca), arg(&own.cert), arg(&own.key));
    let args = ["--once", "--echo", "--tls", "--cacert", ca, "--cert", cert, "--key", key];
    let listener = astream(["listen", "127.0.0.1", "0", "-vv"]).args(args).start();
    let address = listener.address().to_string();
    let connect = ["connect", &address, "--tls", "--cacert", ca];
    let (cert, key) = (arg(&client.cert), arg(&client.key));
    astream(connect).args(["--cert", cert, "--key", key]).run().status(0);
    is_not_forged(&listener.wait().status(0));
}

/// The path of a client, which it chooses itself.
fn hostile_path(folder: &Path) -> std::path::PathBuf {
    // A path of a socket has at most 107 bytes.
    folder.join(format!("\n{FORGED}\u{1b}[1A"))
}

#[test]
fn the_path_of_a_client_forges_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("at");
    let listen = ["listen", &format!("unix:{}", at.display()), "--once", "--echo", "-vv"];
    let listener = astream(listen).start();
    listener.stderr_line("listening on");
    let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    client.bind(&SockAddr::unix(hostile_path(folder.path())).unwrap()).unwrap();
    client.connect(&SockAddr::unix(&at).unwrap()).unwrap();
    let mut client = UnixStream::from(std::os::fd::OwnedFd::from(client));
    client.shutdown(Shutdown::Write).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    is_not_forged(&listener.wait().status(0));
}

#[test]
fn the_path_of_a_sender_of_datagrams_forges_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("at");
    let server = astream(["listen", "-u", &format!("unix:{}", at.display()), "--echo", "-vv"]).start();
    server.stderr_line("listening on");
    let client = UnixDatagram::bind(hostile_path(folder.path())).unwrap();
    client.send_to(b"hello", &at).unwrap();
    assert_eq!(client.recv(&mut [0; 10]).unwrap(), 5);
    is_not_forged(&server.stop());
}

#[test]
fn the_words_of_a_mail_server_forge_no_line() {
    let server = peer(|mut stream| {
        let greeting = format!("220-a\u{1b}[1A\r{FORGED}\r\n220 b\r\n");
        stream.write_all(greeting.as_bytes()).unwrap();
        let _ = stream.read(&mut [0; 100]);
        stream.write_all(format!("554 c\u{1b}[1A\r{FORGED}\r\n").as_bytes()).unwrap();
        read_all(&mut stream)
    });
    let said = astream(["connect", "127.0.0.1", &server.port(), "--starttls", "smtp", "-vv"]).run();
    assert_ne!(said.code(), 0);
    is_not_forged(&said);
}
