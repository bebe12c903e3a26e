//! `astream connect` with plain TCP and Unix sockets: every byte, the right status, and never a hang.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use support::peer::{peer, read_all};
use support::{astream, noise};

#[test]
fn what_stdin_gives_arrives_and_what_the_peer_gives_is_printed() {
    let server = peer(|mut stream| {
        let got = read_all(&mut stream);
        stream.write_all(b"answer\n").unwrap();
        got
    });
    let sent = noise(5_000_000);
    astream(["connect", "127.0.0.1", &server.port()])
        .input(sent.clone())
        .run()
        .status(0)
        .stdout(b"answer\n")
        .silent();
    assert!(server.join() == sent);
}
