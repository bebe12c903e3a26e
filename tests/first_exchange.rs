//! The first bytes after a handshake, or in the middle of one, from a peer that leaves Nagle's algorithm on:
//! it keeps them back until what it sent before is acknowledged, which must not take the 40 ms of a delayed
//! acknowledgement.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, StreamOwned, version};
use support::astream;
use support::certs::{Issued, arg, authority};
use support::peer::peer;

/// How many exchanges have a median, and how often that is taken.
const EXCHANGES: usize = 20;
const TRIES: usize = 10;

/// The median of several exchanges is below 10 ms. A busy machine makes some of them slow, and a delayed
/// acknowledgement, which takes 40 ms, each of them: one good median proves that there is none.
#[track_caller]
fn is_prompt(mut exchange: impl FnMut() -> Duration) {
    let mut medians = Vec::new();
    for _ in 0..TRIES {
        let mut times: Vec<_> = (0..EXCHANGES).map(|_| exchange()).collect();
        times.sort();
        if times[EXCHANGES / 2] < Duration::from_millis(10) {
            return;
        }
        medians.push(times[EXCHANGES / 2]);
    }
    panic!("{medians:?}");
}

/// The time of a byte to an echo and back, on a new stream whose handshake is complete.
fn exchange(stream: &mut (impl Read + Write)) -> Duration {
    let start = Instant::now();
    stream.write_all(b"x").unwrap();
    stream.flush().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    start.elapsed()
}

/// The first exchange of a client whose handshake is complete: the last message of it was the client's.
fn first_exchange(address: SocketAddr, config: &Arc<ClientConfig>) -> Duration {
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    tls.complete_io(&mut stream).unwrap();
    exchange(&mut StreamOwned::new(tls, stream))
}

fn shown(issued: &Issued) -> [&str; 4] {
    ["--cert", arg(&issued.cert), "--key", arg(&issued.key)]
}

#[test]
fn a_tls_client_is_answered_at_once() {
    let authority = authority();
    let issued = authority.localhost();
    for versions in [&[&version::TLS12][..], &[&version::TLS13]] {
        let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).args(shown(&issued)).start();
        let (address, config) = (server.address(), Arc::new(authority.client_of(versions)));
        is_prompt(|| first_exchange(address, &config));
    }
}

#[test]
fn a_tls_client_of_a_relay_is_answered_at_once() {
    let authority = authority();
    let issued = authority.localhost();
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let target = echo.address().to_string();
    let relay = ["listen", "127.0.0.1", "0", "--tls", "--forward", &target];
    let relay = astream(relay).args(shown(&issued)).start();
    let (address, config) = (relay.address(), authority.client());
    is_prompt(|| first_exchange(address, &config));
}

/// Greets each client under TLS, as long as the test lasts, and reports when it began to. The session tickets
/// go before the greeting.
fn greeting_server(config: Arc<ServerConfig>) -> (SocketAddr, Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, began) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut tls) =
                (stream.unwrap(), ServerConnection::new(Arc::clone(&config)).unwrap());
            tls.complete_io(&mut stream).unwrap();
            let _ = sender.send(Instant::now());
            let mut stream = StreamOwned::new(tls, stream);
            stream.write_all(b"x").unwrap();
            let _ = stream.read(&mut [0]);
        }
    });
    (address, began)
}

#[test]
fn a_greeting_of_a_tls_target_is_passed_on_at_once() {
    let authority = authority();
    let (target, began) = greeting_server(authority.server(&authority.localhost(), false));
    let relay = ["listen", "127.0.0.1", "0", "--forward", &target.to_string(), "--forward-tls"];
    let relay = astream(relay).args(["--forward-cacert", arg(&authority.ca)]).start();
    let address = relay.address();
    is_prompt(|| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        began.recv().unwrap().elapsed()
    });
}

#[test]
fn a_reply_of_several_writes_before_tls_arrives_at_once() {
    is_prompt(|| {
        let server = peer(|mut stream: TcpStream| {
            let mut line = |reply: &[u8], wanted: &[u8]| {
                let start = Instant::now();
                // Each line with a call of its own.
                reply.split_inclusive(|byte| *byte == b'\n').for_each(|line| stream.write_all(line).unwrap());
                stream.read_exact(&mut vec![0; wanted.len()]).unwrap();
                start.elapsed()
            };
            line(b"220 mail.test\r\n", b"EHLO [127.0.0.1]\r\n");
            line(b"250-mail.test\r\n250-SIZE\r\n250 STARTTLS\r\n", b"STARTTLS\r\n")
        });
        astream(["connect", "127.0.0.1", &server.port(), "--starttls", "smtp"]).run().status(6);
        server.join()
    });
}
