//! Clean ends: each is passed on as such, and the other direction goes on.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use crate::pairs::{PAIRS, assert_whole, place};
use crate::support::certs::{Issued, arg};
use crate::support::{astream, noise};

const MIB: usize = 1 << 20;

#[test]
fn a_client_that_ends_first_gets_the_answer_after_its_end() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| {
            let got = talk.read_all();
            talk.write_all(&noise(2 * MIB)).unwrap();
            talk.end();
            got
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["-4", "--once"]);
        let mut client = place.client(pair, &relay);
        client.write_all(&noise(MIB)).unwrap();
        client.end();
        assert_whole(client.read_all(), &noise(2 * MIB));
        assert_whole(target.join(), &noise(MIB));
        relay.wait().status(0);
    }
}

#[test]
fn a_target_that_ends_first_still_gets_everything() {
    for pair in PAIRS {
        let place = place();
        let target = place.target(pair, |mut talk| {
            talk.write_all(&noise(MIB)).unwrap();
            talk.end();
            talk.read_all()
        });
        let relay = place.relay(pair, &format!("localhost:{}", target.port()), &["--once"]);
        let mut client = place.client(pair, &relay);
        assert_whole(client.read_all(), &noise(MIB));
        client.write_all(&noise(2 * MIB)).unwrap();
        client.end();
        assert_whole(target.join(), &noise(2 * MIB));
        relay.wait().status(0);
    }
}

#[test]
fn sixteen_mebibytes_go_each_way_at_once() {
    for pair in PAIRS {
        let place = place();
        let Issued { cert, key } = &place.issued;
        let (up, down) = (noise(16 * MIB), noise(16 * MIB + 1));
        let mut target = astream(["listen", "127.0.0.1", "0"]);
        if pair.target_tls {
            target = target.args(["--tls", "--cert", arg(cert), "--key", arg(key)]);
        }
        let target = target.input(down.as_slice()).start();
        let relay = place.relay(pair, &target.address().to_string(), &["--once"]);
        let mut client = astream(["connect", &relay.address().to_string()]);
        if pair.client_tls {
            client = client.args(["--tls", "--cacert", arg(&place.authority.ca)]);
        }
        client.input(up.as_slice()).run().status(0).stdout(&down).silent();
        target.wait().status(0).stdout(&up);
        let relay = relay.wait().status(0);
        assert!(
            relay.stderr.contains("16777217 bytes sent, 16777216 bytes received"),
            "{}",
            relay.description()
        );
    }
}

#[test]
fn a_client_that_does_not_read_may_go_on_sending() {
    for pair in PAIRS.into_iter().filter(|pair| !pair.target_tls) {
        let place = place();
        let target = place.target(pair, |mut talk| {
            let mut writing = talk.socket().try_clone().unwrap();
            thread::spawn(move || while writing.write_all(&[0; 4096]).is_ok() {});
            talk.read_exact(&mut vec![0; 8 * MIB]).unwrap();
            talk.socket().shutdown(Shutdown::Both).unwrap();
        });
        let relay = place.relay(pair, &target.address.to_string(), &[]);
        let mut client = place.client(pair, &relay);
        client.write_all(&noise(8 * MIB)).unwrap();
        client.flush().unwrap();
        target.join();
    }
}

#[test]
fn tls_comes_in_and_goes_out_by_unix_sockets() {
    let place = place();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("unix:{}", folder.path().join(name).display());
    let target = astream(["listen", &path("target"), "--tls", "--echo"]).start();
    let pin = target.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
    let Issued { cert, key } = &place.issued;
    let relay = astream(["listen", &path("relay"), "--tls", "--cert", arg(cert), "--key", arg(key)])
        .args(["--forward", &path("target"), "--forward-tls", "--forward-pin", &pin])
        .start();
    relay.stderr_line("listening on ");
    let client = astream(["connect", &path("relay"), "--tls", "--cacert", arg(&place.authority.ca)]);
    let data = noise(3 * MIB);
    client.args(["--servername", "localhost"]).input(data.as_slice()).run().status(0).stdout(&data).silent();
}
