//! A slow peer is not idle: it takes 64 KiB three times a second, with a limit of three seconds and a system
//! that prefers to be asked for megabytes at once.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::path::ELSEWHERE;
use crate::support::certs::{arg, authority};
use crate::support::{DEADLINE, Program, Running, astream, tool};

const CHUNK: usize = 64 * 1024;

/// Long enough for a busy machine to let every peer read meanwhile.
const LIMIT: Duration = Duration::from_secs(3);
const LIMITED: [&str; 2] = ["-i", "3s"];

/// A socket whose own system asks for more as soon as a little was read.
fn narrow() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 * CHUNK).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn listening() -> (TcpListener, SocketAddr) {
    listening_at("127.0.0.1")
}

fn listening_at(address: &str) -> (TcpListener, SocketAddr) {
    let socket = narrow();
    let address = SocketAddr::new(address.parse().unwrap(), 0);
    socket.bind(&address.into()).unwrap();
    socket.listen(1).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn connected(address: SocketAddr) -> TcpStream {
    let socket = narrow();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Reads slowly for longer than the limit, and then quickly, to see that it goes on.
#[track_caller]
fn takes_its_time(mut stream: impl Read) {
    let mut chunk = vec![0; CHUNK];
    let start = Instant::now();
    while start.elapsed() < 2 * LIMIT + LIMIT / 2 {
        thread::park_timeout(LIMIT / 10);
        stream.read_exact(&mut chunk).unwrap();
    }
    for _ in 0..256 {
        stream.read_exact(&mut chunk).unwrap();
    }
}

/// An input without an end.
fn endless() -> File {
    File::open("/dev/zero").unwrap()
}

/// An input without an end, from a pipe.
fn endless_pipe() -> (Running, Stdio) {
    let (reader, writer) = std::io::pipe().unwrap();
    (tool("cat").stdin(endless()).stdout(writer).start(), reader.into())
}

/// An input that is almost without an end, from a file.
fn large_file() -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 40).unwrap();
    file
}

fn by_streams(program: Program) -> Program {
    program.env("ASTREAM_NO_SPLICE", "1")
}

/// A client that sends to a slow server.
fn client(change: impl FnOnce(Program) -> Program) {
    client_of(listening(), change);
}

fn client_of((listener, address): (TcpListener, SocketAddr), change: impl FnOnce(Program) -> Program) {
    let client = change(astream(["connect", &address.to_string()]).args(LIMITED)).start();
    takes_its_time(listener.accept().unwrap().0);
    drop(client);
}

fn tls_client() {
    let authority = authority();
    let config: Arc<ServerConfig> = authority.server(&authority.localhost(), false);
    let (listener, address) = listening();
    let client = astream(["connect", &address.to_string(), "--tls", "--cacert", arg(&authority.ca)]);
    let client = client.args(LIMITED).stdin(endless()).start();
    let stream = listener.accept().unwrap().0;
    takes_its_time(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    drop(client);
}

/// A server that sends to a slow client.
fn server(more: &[&str]) {
    let server = astream(["listen", "127.0.0.1", "0"]).args(more).args(LIMITED).stdin(endless()).start();
    takes_its_time(connected(server.address()));
}

fn echo() {
    let server = astream(["listen", "127.0.0.1", "0", "--echo"]).args(LIMITED).start();
    let stream = connected(server.address());
    let mut writing = stream.try_clone().unwrap();
    thread::spawn(move || while writing.write_all(&[7; 4096]).is_ok() {});
    takes_its_time(stream);
}

/// A relay to a slow target.
fn relay(change: impl FnOnce(Program) -> Program) {
    let (listener, address) = listening();
    let relay = astream(["listen", "127.0.0.1", "0", "--forward", &address.to_string()]).args(LIMITED);
    let relay = change(relay).start();
    let client = astream(["connect", &relay.address().to_string()]).stdin(endless()).start();
    takes_its_time(listener.accept().unwrap().0);
    drop(client);
}

#[test]
fn a_slow_peer_is_not_idle() {
    let cases: [(&str, fn()); 10] = [
        ("read and write", || client(|program| program.stdin(endless()))),
        ("sendfile", || client(|program| program.stdin(large_file()))),
        ("splice", || {
            let (producer, stdin) = endless_pipe();
            client_of(listening_at(ELSEWHERE), |program| program.stdin(stdin));
            drop(producer);
        }),
        ("streams", || client(|program| by_streams(program).stdin(endless()))),
        ("TLS", tls_client),
        ("one client", || server(&[])),
        ("many clients", || server(&["-k"])),
        ("echo", echo),
        ("relay", || relay(|program| program)),
        ("relay by streams", || relay(by_streams)),
    ];
    let running = cases.map(|(name, case)| (name, thread::spawn(case)));
    let failed = running.into_iter().filter_map(|(name, case)| case.join().is_err().then_some(name));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0]);
}
