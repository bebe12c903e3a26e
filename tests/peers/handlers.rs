//! The clients that everyone has, of every handler: nc, ncat, socat, Python and curl.

use std::fs::write;

use crate::broker::CHAT;
use crate::listening::peer;
use crate::nginx::pages;
use crate::pages::PAGE;
use crate::python::{ASYNCIO, python};
use crate::site::site;
use crate::socat::socat;
use crate::support::{Program, Running, astream};
use crate::transfer::{DOWN, UP};

/// A listener that says what becomes of its clients, and what it needs beside it.
struct Server {
    running: Running,
    port: String,
    _target: Option<Running>,
}

impl Server {
    fn start(handler: &[&str]) -> Self {
        let running = astream(["listen", "127.0.0.1", "0", "-v"]).args(handler).open_stdin().start();
        Self { port: running.port(), running, _target: None }
    }

    /// In front of an echo.
    fn forward() -> Self {
        let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
        let forward = Self::start(&["--forward", &echo.address().to_string()]);
        Self { _target: Some(echo), ..forward }
    }
}

/// Clients for a file, which leave after the end of the other side.
fn senders(port: &str) -> [(&str, Program); 5] {
    [
        ("nc.openbsd", peer("nc.openbsd").args(["-N", "127.0.0.1", port])),
        ("ncat", peer("ncat").args(["127.0.0.1", port])),
        ("socat", socat(&format!("TCP:127.0.0.1:{port}"))),
        ("asyncio", python(ASYNCIO, port)),
        ("astream", astream(["connect", "--quiet", "127.0.0.1", port])),
    ]
}

/// Clients for a conversation. curl has none for a file that may hold any byte, and does not end its side.
fn talkers(port: &str) -> [(&str, Program); 5] {
    [
        ("nc.openbsd", peer("nc.openbsd").args(["127.0.0.1", port])),
        ("ncat", peer("ncat").args(["127.0.0.1", port])),
        ("socat", peer("socat").args(["-", &format!("TCP:127.0.0.1:{port}")])),
        ("asyncio", peer("python3").args(["-c", CHAT, port])),
        ("curl", curl(port)),
    ]
}

fn curl(port: &str) -> Program {
    peer("curl").args(["-sSN", &format!("telnet://127.0.0.1:{port}")])
}

#[test]
fn every_client_gets_its_file_back() {
    for (handler, server) in [
        ("--echo", Server::start(&["--echo"])),
        ("--forward", Server::forward()),
        ("-- cat", Server::start(&["--", "cat"])),
    ] {
        for (name, client) in senders(&server.port) {
            println!("{handler}, {name}");
            client.input(UP.as_slice()).run().status(0).silent().stdout(&UP);
        }
    }
}

#[test]
fn every_client_sends_a_file_that_is_dropped() {
    let server = Server::start(&["--discard"]);
    for (name, client) in senders(&server.port) {
        println!("{name}");
        client.input(UP.as_slice()).run().status(0).silent().stdout(b"");
        server.running.stderr_line(&format!("0 bytes sent, {} bytes received", UP.len()));
    }
}

#[test]
fn every_client_is_answered_line_by_line() {
    let script = "while read -r word; do echo $word; done";
    for (handler, server) in [
        ("--echo", Server::start(&["--echo"])),
        ("--forward", Server::forward()),
        ("-- sh", Server::start(&["--", "sh", "-c", script])),
    ] {
        for (name, client) in talkers(&server.port) {
            println!("{handler}, {name}");
            let mut client = client.open_stdin().start();
            for line in ["hello", "again"] {
                client.write_stdin(format!("{line}\n").as_bytes());
                client.stdout_line(line);
            }
        }
    }
}

#[test]
fn what_curl_says_is_dropped_and_an_idle_curl_is_reset() {
    // curl leaves after the other side only, and that one after the time given here.
    let server = Server::start(&["--discard", "-i", "2s"]);
    let client = curl(&server.port).input("hello\n").start();
    server.running.stderr_line("0 bytes sent, 6 bytes received");
    // CURLE_RECV_ERROR
    client.wait().status(56).stdout(b"");
}

#[test]
fn every_client_speaks_to_a_broker_and_receives_what_it_says() {
    let mut server = Server::start(&["--broker"]);
    for (name, client) in talkers(&server.port) {
        println!("{name}");
        let mut client = client.open_stdin().start();
        client.write_stdin(format!("{name} is here\n").as_bytes());
        server.running.stdout_line(&format!("{name} is here"));
        server.running.write_stdin(b"welcome\n");
        client.stdout_line("welcome");
    }
}

#[test]
fn curl_gets_a_page_and_a_file_through_a_relay() {
    let site = site();
    let (_nginx, port) = pages(&site, None);
    let server = Server::start(&["--forward", &format!("127.0.0.1:{port}")]);
    for (path, body) in [("", PAGE), ("long", &DOWN)] {
        let url = format!("http://127.0.0.1:{}/{path}", server.port);
        peer("curl").args(["-sS", &url]).run().status(0).silent().stdout(body);
    }
}

#[test]
fn curl_uploads_to_a_command() {
    let site = site();
    let file = site.authority.folder().join("up");
    write(&file, &*UP).unwrap();
    // An HTTP server in four lines of shell.
    let script = r#"
        while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
        length=$(head -c "$1" | wc -c)
        printf 'HTTP/1.0 200 OK\r\n\r\n%d bytes' "$length"
    "#;
    let server = Server::start(&["--", "sh", "-c", script, "sh", &UP.len().to_string()]);
    let upload = peer("curl").args(["-sS", "-H", "Expect:", &format!("http://127.0.0.1:{}/", server.port)]);
    let answer = format!("{} bytes", UP.len());
    upload.args(["-T"]).args([&file]).run().status(0).silent().stdout(answer.as_bytes());
}
