//! Reaching the target: what to trust, when, for how long, and what a failure does.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use astream::Pin;

use crate::pairs::{PAIRS, Pair, Place, assert_cut, place};
use crate::support::certs::{Issued, arg, authority};
use crate::support::peer::{black_hole, peer, read_all, refusing};
use crate::support::{Program, Running, astream};

/// A TLS echo of this place.
fn echo(place: &Place) -> Running {
    let Issued { cert, key } = &place.issued;
    astream(["listen", "127.0.0.1", "0", "--echo", "--tls", "--cert", arg(cert), "--key", arg(key)]).start()
}

/// A relay that takes plain connections to a TLS target.
fn originating(target: &str, more: &[&str]) -> Running {
    astream(["listen", "127.0.0.1", "0", "--forward", target, "--forward-tls"]).args(more).start()
}

fn client(relay: &Running) -> Program {
    astream(["connect", &relay.address().to_string()]).input("hello")
}

/// Whether a client is reset, not ended.
fn is_cut_off(relay: &Running) -> bool {
    TcpStream::connect(relay.address()).and_then(|mut stream| stream.read(&mut [0])).is_err()
}

#[test]
fn a_target_that_cannot_be_reached_aborts_that_client_only() {
    for pair in PAIRS {
        let place = place();
        let (_socket, dead) = refusing();
        let relay = place.relay(pair, &dead.to_string(), &[]);
        let address = relay.address();
        for _ in 0..2 {
            // The reset may come before the connection is even seen.
            if let Ok(stream) = TcpStream::connect(address) {
                assert_cut(place.client_of(pair, stream).read_all(), b"");
            }
            relay.stderr_line(&format!("cannot connect to {dead}: connection refused"));
        }
    }
}

#[test]
fn a_target_has_as_long_as_w_says() {
    let hole = black_hole("127.0.0.1");
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    for (target, tls, expected) in
        [(hole.address, false, "connecting to"), (mute.local_addr().unwrap(), true, "TLS handshake with")]
    {
        let pair = Pair { target_tls: tls, ..PAIRS[0] };
        let place = place();
        let relay = place.relay(pair, &target.to_string(), &["-w", "200ms"]);
        let mut client = place.client(pair, &relay);
        assert_cut(client.read_all(), b"");
        let line = relay.stderr_line("timed out after 200 ms");
        assert!(line.contains(&format!("{expected} {target}")), "{line}");
    }
}

#[test]
fn a_target_is_reached_only_by_clients_that_have_shaken_hands() {
    let place = place();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let pair = Pair { client_tls: true, ..PAIRS[0] };
    let relay = place.relay(pair, &target.local_addr().unwrap().to_string(), &[]);
    let mut garbage = TcpStream::connect(relay.address()).unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    relay.stderr_line("does not speak TLS");
    assert_eq!(target.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let _ = garbage.read(&mut [0; 100]);
}

#[test]
fn a_target_is_verified_by_its_chain_and_the_name_it_was_given() {
    let place = place();
    let (echo, ca) = (echo(&place), arg(&place.authority.ca));
    let port = echo.port();
    let trusted = originating(&format!("localhost:{port}"), &["--forward-cacert", ca]);
    client(&trusted).run().status(0).stdout(b"hello").silent();

    let named = ["--forward-cacert", ca, "--forward-servername", "other.example"];
    let misnamed = originating(&format!("localhost:{port}"), &named);
    assert!(is_cut_off(&misnamed));
    let line = misnamed.stderr_line("TLS handshake with localhost");
    assert!(line.contains("other.example") && line.contains("--forward-servername NAME"), "{line}");

    let other = authority();
    let untrusted = originating(&format!("localhost:{port}"), &["--forward-cacert", arg(&other.ca)]);
    assert!(is_cut_off(&untrusted));
    let line = untrusted.stderr_line(": the target: TLS handshake with localhost");
    let pin = format!("--forward-pin {}", place.issued.certificate().pin().unwrap());
    assert!(line.contains(&pin) && line.contains("--forward-cacert FILE"), "{line}");
    // The system's roots, which do not know it either.
    let by_default = originating(&format!("localhost:{port}"), &[]);
    assert!(is_cut_off(&by_default));
    by_default.stderr_line("TLS handshake with localhost");
}

#[test]
fn a_target_is_verified_by_its_pin() {
    let target = astream(["listen", "127.0.0.1", "0", "--echo", "--tls"]).start();
    let address = target.address().to_string();
    let pin = target.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
    let relay = originating(&address, &["--forward-pin", &pin]);
    client(&relay).run().status(0).stdout(b"hello").silent();
    let wrong = pin.replace(|c: char| c.is_ascii_uppercase(), "A");
    let relay = originating(&address, &["--forward-pin", &wrong]);
    assert!(is_cut_off(&relay));
    relay.stderr_line(&pin);
}

#[test]
fn a_target_that_is_not_verified_is_warned_of_once_and_explained_with_v() {
    let place = place();
    let echo = echo(&place);
    let relay = originating(&format!("localhost:{}", echo.port()), &["--forward-insecure", "-v"]);
    client(&relay).run().status(0).stdout(b"hello").silent();
    relay.stderr_line("is not verified (--forward-insecure), so anyone may be answering");
    relay.stderr_line(": the target is not verified: the certificate is not trusted: its issuer is unknown");
    // Nor is a name needed.
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("target").display());
    let Issued { cert, key } = &place.issued;
    let target = ["listen", &path, "--echo", "--tls", "--cert", arg(cert), "--key", arg(key)];
    let target = astream(target).start();
    target.stderr_line("listening on");
    client(&originating(&path, &["--forward-insecure"])).run().status(0).stdout(b"hello");
}

#[test]
fn a_target_that_requires_a_certificate_is_presented_with_one() {
    for version in ["1.2", "1.3"] {
        let place = place();
        let (Issued { cert, key }, ca) = (&place.issued, arg(&place.authority.ca));
        let target = ["listen", "127.0.0.1", "0", "--echo", "--tls", "--tls-max", version, "--cacert", ca];
        let target = astream(target).args(["--cert", arg(cert), "--key", arg(key)]).start();
        let address = target.address().to_string();
        let trusting = ["--forward-cacert", ca];
        let bare = originating(&address, &trusting);
        client(&bare).run().status(1);
        bare.stderr_line("(show one that it accepts with --forward-cert FILE --forward-key FILE)");

        let ours = place.authority.issue("relay", &["a relay"]);
        let shown = ["--forward-cert", arg(&ours.cert), "--forward-key", arg(&ours.key)];
        let relay = originating(&address, &[trusting, [shown[0], shown[1]], [shown[2], shown[3]]].concat());
        client(&relay).run().status(0).stdout(b"hello").silent();
    }
}

#[test]
fn a_target_without_tls_is_recognized() {
    let target = peer(|mut stream| {
        stream.write_all(b"220 mail.test\r\n").unwrap();
        read_all(&mut stream)
    });
    let relay = originating(&target.address.to_string(), &["--forward-insecure"]);
    client(&relay).run().status(1);
    relay.stderr_line("does not speak TLS; it sent \"220 mail.test\" (without --forward-tls, or ");
}

#[test]
fn what_cannot_work_is_reported_before_any_connection() {
    let place = place();
    let missing = place.authority.folder().join("missing.pem");
    let forward = |more: &[&str]| astream(["listen", "127.0.0.1", "0"]).args(more).run().status(2);
    let to = ["--forward", "127.0.0.1:9", "--forward-tls"];
    forward(&[&to[..], &["--forward-cacert", arg(&missing)]].concat()).says(&["no such file", arg(&missing)]);
    forward(&["--forward", "*:9"]).says(&["not to connect to"]);
    forward(&["--forward", "127.0.0.1:0"]).says(&["not to connect to"]);
    forward(&["--forward", "unix:/nowhere", "--forward-tls"])
        .says(&["unix:/nowhere", "--forward-servername"]);
    forward(&["--forward-tls"]).says(&["--forward"]);
    forward(&["--forward", "127.0.0.1:9", "--forward-pin", "sha256//x"]).says(&["--forward-pin"]);
    forward(&["--forward", "127.0.0.1:9", "--ignore-unexpected-eof"]).says(&["--tls"]);
    forward(&["--forward", "127.0.0.1:9", "--forward-insecure"]).says(&["--forward-tls"]);
    forward(&[&to[..], &["--forward-key", "x"]].concat()).says(&["--forward-cert"]);
    forward(&[&to[..], &["--forward-cert", arg(&missing)]].concat()).says(&["no such file", arg(&missing)]);
    for other in [["--forward-pin", &Pin::default().to_string()], ["--forward-cacert", "x"]] {
        let both = [&to[..], &["--forward-insecure"], &other].concat();
        forward(&both).says(&["--forward-insecure", other[0]]);
    }
}
