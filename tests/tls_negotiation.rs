//! What the two sides agree on: versions of TLS and application protocols, or a refusal on both sides.

mod support;

use std::io::{Read, Write};

use support::certs::{arg, authority};
use support::peer::{end_tls, peer, tls_peer};
use support::{Finished, Running, astream};

/// A listener with a fresh key and these options, which has something to say.
fn listen(options: &[&str]) -> (Running, String, String) {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "-v"]).args(options).input("hello").start();
    let port = listener.port();
    let line = listener.stderr_line("--pin ");
    (listener, port, line.split("--pin ").nth(1).unwrap().to_owned())
}

fn connect(port: &str, pin: &str, options: &[&str]) -> Finished {
    astream(["connect", "127.0.0.1", port, "--tls", "--pin", pin]).args(options).run()
}

#[test]
fn the_best_version_of_both_is_spoken() {
    for (server, client, spoken) in [
        (&[][..], &[][..], "TLSv1.3"),
        (&["--tls-max", "1.2"], &[], "TLSv1.2"),
        (&[], &["--tls-max", "1.2"], "TLSv1.2"),
        (&["--tls-min", "1.3"], &["--tls-min", "1.3"], "TLSv1.3"),
        (&["--tls-min", "1.2", "--tls-max", "1.2"], &["--tls-min", "1.2"], "TLSv1.2"),
    ] {
        let (listener, port, pin) = listen(server);
        connect(&port, &pin, client).status(0).stdout(b"hello").silent();
        listener.stderr_line(spoken);
        listener.wait().status(0);
    }
}

#[test]
fn without_a_common_version_both_sides_refuse_and_the_listener_goes_on() {
    for (server, client) in
        [(["--tls-max", "1.2"], ["--tls-min", "1.3"]), (["--tls-min", "1.3"], ["--tls-max", "1.2"])]
    {
        let (listener, port, pin) = listen(&server);
        connect(&port, &pin, &client)
            .status(6)
            .stdout(b"")
            .says(&["none of our versions of TLS", "--tls-min"]);
        listener.stderr_line("none of our versions of TLS");
        connect(&port, &pin, &[]).status(0).stdout(b"hello");
        listener.wait().status(0);
    }
}

/// What a server that knows nothing newer than TLS 1.1 says to any client: a `ServerHello` of that
/// version, or an alert.
#[test]
fn a_server_of_an_old_version_is_told_apart() {
    for minor in [1, 2] {
        let hello =
            [&[22, 3, minor, 0, 44, 2, 0, 0, 40, 3, minor][..], &[7; 32], &[0, 0, 0x2f, 0, 0, 0]].concat();
        let alert = vec![21, 3, minor, 0, 2, 2, 70];
        for answer in [hello, alert] {
            let old = peer(move |mut stream| {
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(&answer).unwrap();
                let _ = stream.read(&mut [0; 4096]);
            });
            let client =
                astream(["connect", "127.0.0.1", &old.port(), "--tls", "--insecure", "--quiet"]).run();
            client.status(6).says(&["TLS handshake", "none of our versions of TLS", "before 1.2"]);
        }
    }
}

#[test]
fn a_common_application_protocol_is_agreed_on_the_servers_best_first() {
    let (listener, port, pin) = listen(&["--alpn", "h2,http/1.1"]);
    connect(&port, &pin, &["--alpn", "gopher,http/1.1"]).status(0).stdout(b"hello").silent();
    listener.wait().status(0);
}

#[test]
fn without_a_common_application_protocol_both_sides_refuse() {
    let (listener, port, pin) = listen(&["--alpn", "h2,http/1.1"]);
    let other = connect(&port, &pin, &["--alpn", "gopher"]).status(6).stdout(b"");
    other.says(&["alert NoApplicationProtocol", "--alpn"]);
    listener.stderr_line("only other application protocols");
    // One that names none may be meant for another server.
    connect(&port, &pin, &[]).status(6).stdout(b"").says(&["alert AccessDenied"]);
    listener.stderr_line("named no application protocol");
    connect(&port, &pin, &["--alpn", "http/1.1"]).status(0).stdout(b"hello");
    listener.wait().status(0);
}

#[test]
fn a_server_that_chooses_no_application_protocol_is_refused() {
    for (offered, status) in [(&["--alpn", "h2,gopher"][..], 6), (&[], 0)] {
        let authority = authority();
        let server = tls_peer(authority.server(&authority.localhost(), false), |mut tls| {
            let _ = tls.write_all(b"hello");
            let _ = tls.flush();
            if tls.conn.alpn_protocol().is_none() {
                end_tls(&mut tls);
            }
            let _ = tls.read(&mut [0]);
        });
        let args = ["connect", "localhost", &server.port(), "-4", "--tls", "--cacert", arg(&authority.ca)];
        let client = astream(args).args(offered).run().status(status);
        if status == 6 {
            client.stdout(b"").says(&["none of the protocols h2, gopher", "--alpn"]);
        }
    }
}

#[test]
fn what_can_never_be_agreed_on_is_status_2() {
    for command in ["connect", "listen"] {
        for (options, told) in [
            (&["--tls-min", "1.3", "--tls-max", "1.2"][..], &["1.3", "above", "1.2"][..]),
            (&["--tls-min", "1.1"], &["1.1", "1.2, 1.3"]),
            (&["--alpn", "h2,,x"], &["application protocol", "1 to 255"]),
            (&["--alpn", &"x".repeat(256)], &["application protocol", "1 to 255"]),
        ] {
            let args = [command, "127.0.0.1", "0", "--tls"];
            astream(args).args(options).run().status(2).says(told);
        }
        let args = [command, "127.0.0.1", "0"];
        for options in [["--tls-min", "1.2"], ["--tls-max", "1.3"], ["--alpn", "h2"]] {
            astream(args).args(options).run().status(2).says(&["--tls"]);
        }
    }
}
