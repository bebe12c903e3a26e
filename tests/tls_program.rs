//! TLS in the program, both commands: verified by default, half-close, truncation, alerts.

mod support;

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use support::certs::{Authority, Issued, arg, authority};
use support::peer::{Peer, Tls, end_tls, peer, read_all, reset, tls_peer};
use support::{Program, astream, noise};

const MIB: usize = 1 << 20;

/// A TLS server for localhost, and its authority.
fn server<T: Send + 'static>(serve: impl FnOnce(Tls) -> T + Send + 'static) -> (Authority, Peer<T>) {
    let authority = authority();
    let issued = authority.localhost();
    let config = authority.server(&issued, false);
    (authority, tls_peer(config, serve))
}

fn connect<T>(authority: &Authority, peer: &Peer<T>, more: &[&str]) -> Program {
    let port = peer.port();
    let args = ["connect", "localhost", &port, "-4", "--tls", "--cacert", arg(&authority.ca)];
    astream(args).args(more)
}

#[test]
fn half_close_works_and_a_late_answer_is_printed() {
    let (authority, server) = server(|mut tls| {
        let got = read_all(&mut tls);
        tls.write_all(&noise(MIB)).unwrap();
        end_tls(&mut tls);
        got
    });
    connect(&authority, &server, &[]).input(noise(MIB)).run().status(0).stdout(&noise(MIB)).silent();
    assert!(server.join() == noise(MIB));
}

#[test]
fn a_peer_that_ends_first_still_gets_all_of_stdin() {
    let (authority, server) = server(|mut tls| {
        tls.write_all(b"bye").unwrap();
        end_tls(&mut tls);
        read_all(&mut tls)
    });
    connect(&authority, &server, &[]).input(noise(2 * MIB)).run().status(0).stdout(b"bye").silent();
    assert!(server.join() == noise(2 * MIB));
}

#[test]
fn a_peer_that_has_gone_altogether_may_answer_our_end_with_a_reset() {
    for _ in 0..5 {
        let (authority, server) = server(|mut tls| {
            tls.write_all(b"bye").unwrap();
            tls.conn.send_close_notify();
            tls.flush().unwrap();
        });
        let mut client = connect(&authority, &server, &[]).open_stdin().start();
        client.until_stdout(b"bye");
        server.join();
        client.close_stdin();
        client.wait().status(0).stdout(b"bye");
    }
}

#[test]
fn the_keys_are_logged_for_wireshark_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["connect.keys", "listen.keys"].map(|name| folder.path().join(name));
    let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).env("SSLKEYLOGFILE", &theirs).start();
    let (port, pin) = listener_pin(&listener);
    let client = astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &pin]);
    client.env("SSLKEYLOGFILE", &ours).input("secret").run().status(0);
    listener.wait().status(0).stdout(b"secret");
    let lines = |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let logged = lines(&ours);
    assert!(logged.iter().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{logged:?}");
    // Both sides know the same.
    assert_eq!(logged, lines(&theirs));
}

#[test]
fn a_key_log_that_cannot_be_written_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("keys");
    for command in ["connect", "listen"] {
        let program = astream([command, "127.0.0.1", "0", "--tls"]).env("SSLKEYLOGFILE", &missing).run();
        program.status(2).says(&[arg(&missing), "cannot write it: no such file", "SSLKEYLOGFILE"]);
    }
    // It is there, and takes nothing.
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--once"]);
    let listener = listener.env("SSLKEYLOGFILE", "/dev/full").start();
    let (port, pin) = listener_pin(&listener);
    let client = astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &pin]);
    client.input("kept").run().status(0).stdout(b"kept").silent();
    listener.stderr_line("/dev/full: cannot write it: no space left on device (SSLKEYLOGFILE)");
    let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).start();
    let (port, pin) = listener_pin(&listener);
    let client =
        astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &pin]).env("SSLKEYLOGFILE", "/dev/full");
    client.run().status(2).says(&["/dev/full: cannot write it", "SSLKEYLOGFILE"]);
}

#[test]
fn no_upload_is_lost_to_session_tickets() {
    // rustls sends two with its defaults; the reading begins after the client has sent all it can.
    let (authority, server) = server(|mut tls| {
        tls.conn.complete_io(&mut tls.sock).unwrap();
        let mut got = Vec::new();
        let mut chunk = [0; 5000];
        loop {
            match tls.read(&mut chunk).unwrap() {
                0 => break,
                n => got.extend_from_slice(&chunk[..n]),
            }
        }
        end_tls(&mut tls);
        got
    });
    connect(&authority, &server, &["--send-only"]).input(noise(5 * MIB)).run().status(0).silent();
    assert!(server.join() == noise(5 * MIB));
}

#[test]
fn sixty_four_mib_both_ways_at_once_between_ourselves_arrive() {
    let authority = authority();
    let issued = authority.localhost();
    let data = noise(64 * MIB);
    let (cert, key) = (arg(&issued.cert), arg(&issued.key));
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "--cert", cert, "--key", key])
        .input(data.clone())
        .start();
    let args = ["connect", "127.0.0.1", &listener.port(), "--tls", "--cacert", arg(&authority.ca)];
    // Whether the peer's end comes just after ours is chance; if so, a hint is printed.
    astream(args).input(data.clone()).run().status(0).stdout(&data);
    listener.wait().status(0).stdout(&data);
}

#[test]
fn a_peer_that_is_gone_after_its_close_notify_has_ended_cleanly() {
    // As nginx does, which does not wait for the other end.
    let (authority, server) = server(|mut tls| {
        tls.read_exact(&mut [0; 8]).unwrap();
        tls.write_all(b"answer").unwrap();
        end_tls(&mut tls);
    });
    connect(&authority, &server, &["--no-shutdown"]).input("question").run().status(0).stdout(b"answer");
    server.join();
}

#[test]
fn an_end_without_close_notify_is_status_7_after_the_data() {
    let truncating = |mut tls: Tls| {
        tls.write_all(b"the data").unwrap();
        let _ = tls.sock.shutdown(std::net::Shutdown::Write);
        let _ = tls.sock.read(&mut [0]);
    };
    let (authority, peer) = server(truncating);
    connect(&authority, &peer, &[]).open_stdin().run().status(7).stdout(b"the data").says(&[
        "close_notify",
        "--no-shutdown",
        "--ignore-unexpected-eof",
    ]);
    let (authority, peer) = server(truncating);
    let said = connect(&authority, &peer, &["--no-shutdown"]).run().status(7).stdout(b"the data");
    said.says(&["close_notify; the data may be cut short (--ignore-unexpected-eof, if"]);
    let (authority, peer) = server(truncating);
    connect(&authority, &peer, &["--ignore-unexpected-eof"]).run().status(0).stdout(b"the data").silent();
}

#[test]
fn an_end_without_close_notify_is_status_7_for_a_listener_too() {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).start();
    let pin = listener_pin(&listener);
    let client = astream(["connect", "127.0.0.1", &pin.0, "--tls", "--pin", &pin.1, "--no-shutdown"])
        .open_stdin()
        .start();
    let mut client = client;
    client.write_stdin(b"partial");
    listener.until_stdout(b"partial");
    client.signal(rustix::process::Signal::KILL);
    listener.wait().status(7).stdout(b"partial");
}

#[test]
fn an_end_without_close_notify_before_all_input_was_taken_is_status_1() {
    for by_streams in [false, true] {
        let (ended, may_go) = channel::<()>();
        let (authority, peer) = server(move |mut tls: Tls| {
            tls.read_exact(&mut [0]).unwrap();
            tls.sock.shutdown(std::net::Shutdown::Write).unwrap();
            may_go.recv().unwrap();
        });
        let client = connect(&authority, &peer, &["--send-only"]).stdin(endless());
        let client = if by_streams { client.env("ASTREAM_NO_SPLICE", "1") } else { client };
        let said = client.run().status(1).stderr;
        assert!(said.ends_with(": the connection was ended before all input was written to it\n"), "{said}");
        ended.send(()).unwrap();
        peer.join();
    }
}

/// An input that never ends.
fn endless() -> std::fs::File {
    std::fs::File::open("/dev/zero").unwrap()
}

#[test]
fn a_reset_is_status_1_whichever_way_meets_it_first() {
    for _ in 0..20 {
        let (authority, peer) = server(|mut tls: Tls| {
            tls.read_exact(&mut [0]).unwrap();
            reset(tls.sock);
        });
        connect(&authority, &peer, &[])
            .input(noise(MIB))
            .run()
            .status(1)
            .says(&["connection lost", "connection reset by peer"]);
    }
}

/// The port and the pin that a listener with a fresh key prints.
fn listener_pin(listener: &support::Running) -> (String, String) {
    let port = listener.port();
    let line = listener.stderr_line("--pin ");
    (port, line.split("--pin ").nth(1).unwrap().to_owned())
}

#[test]
fn a_fresh_key_is_verified_by_the_pin_that_is_printed() {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).input("hello").start();
    let (port, pin) = listener_pin(&listener);
    let wrong = pin.replace(|c: char| c.is_ascii_uppercase(), "A");
    let refused = astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &wrong]).run();
    refused.status(6).says(&["does not match the pin", &pin]);
    listener
        .stderr_line("AccessDenied: it does not accept our certificate; its pin may be that of another key");
    // The refused connection has used nothing up.
    astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &pin])
        .input("x")
        .run()
        .status(0)
        .stdout(b"hello");
    listener.wait().status(0).stdout(b"x");
}

#[test]
fn what_cannot_be_verified_is_status_6_and_says_what_was_wrong() {
    let (_authority, peer) = server(|mut tls| tls.conn.complete_io(&mut tls.sock).map(drop));
    let other = authority();
    connect(&other, &peer, &[]).run().status(6).says(&[
        "TLS handshake",
        "issuer is unknown",
        "--cacert",
        "--pin",
    ]);

    let (authority, peer) = server(|mut tls| tls.conn.complete_io(&mut tls.sock).map(drop));
    let named = connect(&authority, &peer, &["--servername", "other.example"]).run();
    named.status(6).says(&["other.example", "localhost", "--servername"]);
}

#[test]
fn an_ip_address_is_verified_and_a_name_may_be_given_instead() {
    let answer = |mut tls: Tls| {
        tls.write_all(b"ok").unwrap();
        end_tls(&mut tls);
        let _ = tls.read(&mut [0]);
    };
    let (ca, peer) = server(answer);
    let args = ["connect", "127.0.0.1", &peer.port(), "--tls", "--cacert", arg(&ca.ca)];
    astream(args).run().status(0).stdout(b"ok");

    let ca = authority();
    let config = ca.server(&ca.issue("named", &["a.example"]), false);
    let peer = tls_peer(config, answer);
    connect(&ca, &peer, &["--servername", "a.example"]).run().status(0).stdout(b"ok");
}

#[test]
fn a_trusted_certificate_may_be_the_servers_own_also_one_of_an_authority() {
    let folder = tempfile::tempdir().unwrap();
    for is_ca in [rcgen::IsCa::NoCa, rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)] {
        let own = support::certs::self_signed(folder.path(), is_ca);
        let listen = || {
            let args =
                ["listen", "127.0.0.1", "0", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
            astream(args).input("ok").start()
        };
        let connect = |listener: &support::Running, more: &[&str]| {
            astream(["connect", "127.0.0.1", &listener.port(), "--tls"]).args(more).run()
        };
        let listener = listen();
        connect(&listener, &["--cacert", arg(&own.cert)]).status(0).stdout(b"ok").silent();
        listener.wait().status(0);
        let listener = listen();
        let other = connect(&listener, &["--cacert", arg(&own.cert), "--servername", "other.example"]);
        other.status(6).says(&["other.example"]);
        let listener = listen();
        let unknown = connect(&listener, &["--cacert", arg(&authority().ca)]).status(6);
        unknown.says(&["not trusted: it is self-signed, and not one of the trusted ones"]);
    }
}

#[test]
fn a_relay_that_asks_its_clients_for_certificates_says_what_verifies_the_target() {
    let authority = authority();
    let (own, ca) = (authority.localhost(), arg(&authority.ca));
    for (more, is_warned) in [
        (&[][..], true),
        (&["--cert", arg(&own.cert), "--key", arg(&own.key)], false),
        (&["--forward-tls", "--forward-cacert", ca], false),
    ] {
        let args = ["listen", "127.0.0.1", "0", "--tls", "--cacert", ca, "--forward", "127.0.0.1:1"];
        let listener = astream(args).args(more).args(["--once", "--first-client", "1ms"]).start();
        let said = listener.wait().status(5).stderr;
        assert_eq!(said.contains("--forward-tls --forward-cacert FILE"), is_warned, "{said}");
    }
}

#[test]
fn a_unix_socket_needs_a_name_to_verify() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("socket").display());
    let said = astream(["connect", &path, "--tls"]).run().status(6);
    said.says(&["the server's name is not known (--servername NAME"]);
}

#[test]
fn several_files_of_trusted_certificates_add_up_on_both_sides() {
    let (one, other) = (authority(), authority());
    let [first, second] = [arg(&one.ca), arg(&other.ca)];
    for issuer in [&one, &other] {
        let (own, client) = (issuer.localhost(), issuer.issue("client", &["a client"]));
        let own = ["--cert", arg(&own.cert), "--key", arg(&own.key)];
        let both = ["--tls", "--cacert", first, "--cacert", second];
        let listener = astream(["listen", "127.0.0.1", "0"]).args(both).args(own).input("in").start();
        let connect = astream(["connect", "127.0.0.1", &listener.port()]).args(both);
        let client = connect.args(["--cert", arg(&client.cert), "--key", arg(&client.key)]);
        client.run().status(0).stdout(b"in").silent();
        listener.wait().status(0);
    }
}

#[test]
fn a_server_that_leaves_because_of_our_end_is_a_hint_where_its_missing_end_is_accepted() {
    let (authority, peer) = server(|mut tls| {
        assert_eq!(read_all(&mut tls), b"QUIT");
        tls.write_all(b"answer").unwrap();
        reset(tls.sock);
    });
    let said = connect(&authority, &peer, &["--ignore-unexpected-eof"]).input("QUIT").run().status(1);
    said.says(&["connection reset", "(--no-shutdown too, if our end makes the peer leave)"]);
}

#[test]
fn insecure_says_so() {
    let (_authority, peer) = server(|mut tls| {
        tls.write_all(b"ok").unwrap();
        end_tls(&mut tls);
        let _ = tls.read(&mut [0]);
    });
    let args = ["connect", "127.0.0.1", &peer.port(), "--tls", "--insecure"];
    astream(args).run().status(0).stdout(b"ok").says(&["not verified", "--insecure"]);
}

#[test]
fn the_systems_roots_are_those_of_ssl_cert_file() {
    let (authority, peer) = server(|mut tls| {
        tls.write_all(b"ok").unwrap();
        end_tls(&mut tls);
        let _ = tls.read(&mut [0]);
    });
    let args = ["connect", "127.0.0.1", &peer.port(), "--tls"];
    astream(args).env("SSL_CERT_FILE", &authority.ca).run().status(0).stdout(b"ok").silent();
}

#[test]
fn a_server_that_ends_at_our_end_without_an_answer_is_a_hint() {
    const AT_ONCE: (&str, Duration) = ("", Duration::ZERO);
    for (more, input, (answer, pause), is_reported) in [
        (&[][..], "QUIT", AT_ONCE, true),
        (&["--json"], "QUIT", AT_ONCE, true),
        (&["--send-only"], "QUIT", AT_ONCE, false),
        (&["--quiet"], "QUIT", AT_ONCE, false),
        (&[], "", AT_ONCE, false),
        (&[], "QUIT", ("221 bye", Duration::ZERO), false),
        (&[], "QUIT", ("", Duration::from_millis(1200)), false),
    ] {
        let (authority, peer) = server(move |mut tls| {
            let _ = read_all(&mut tls);
            // How long it takes is what is tested.
            std::thread::park_timeout(pause);
            tls.write_all(answer.as_bytes()).unwrap();
            end_tls(&mut tls);
        });
        let said = connect(&authority, &peer, more).input(input).run().status(0);
        let hints =
            said.stderr.lines().filter(|line| line.contains("hint") && line.contains("--no-shutdown"));
        assert_eq!(
            hints.count(),
            usize::from(is_reported),
            "{more:?} {input:?} {answer:?}: {}",
            said.description()
        );
    }
}

#[test]
fn an_answer_that_came_before_our_end_is_no_reason_for_a_hint() {
    let (authority, peer) = server(|mut tls| {
        let mut command = [0; 4];
        tls.read_exact(&mut command).unwrap();
        tls.write_all(b"221 bye").unwrap();
        let _ = read_all(&mut tls);
        end_tls(&mut tls);
        command
    });
    let mut client = connect(&authority, &peer, &[]).open_stdin().start();
    client.write_stdin(b"QUIT");
    client.until_stdout(b"221 bye");
    client.close_stdin();
    client.wait().status(0).silent();
    assert_eq!(&peer.join(), b"QUIT");
}

#[test]
fn a_missing_client_certificate_is_status_6_even_with_send_only() {
    for more in [&[][..], &["--send-only"]] {
        let authority = authority();
        let config = authority.server(&authority.localhost(), true);
        let peer = tls_peer(config, |mut tls| {
            let failed = tls.conn.complete_io(&mut tls.sock).is_err();
            // The alert is on its way; the end comes after what the client sends.
            while tls.sock.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
            failed
        });
        let client = connect(&authority, &peer, more).input("secret").run();
        client.status(6).says(&["CertificateRequired", "--cert"]);
        assert!(peer.join());
    }
}

#[test]
fn a_listener_that_requires_a_certificate_accepts_clients_that_present_one() {
    let authority = authority();
    let (own, client) = (authority.localhost(), authority.issue("client", &["a client"]));
    let ca = arg(&authority.ca);
    let args = [
        "listen",
        "127.0.0.1",
        "0",
        "--tls",
        "--cert",
        arg(&own.cert),
        "--key",
        arg(&own.key),
        "--cacert",
        ca,
    ];
    let listener = astream(args).input("welcome").start();
    let port = listener.port();
    let connect = |more: &[&str]| {
        astream(["connect", "127.0.0.1", &port, "--tls", "--cacert", ca]).args(more).input("x").run()
    };
    connect(&[]).status(6).says(&["CertificateRequired"]);
    listener.stderr_line("TLS handshake with");
    connect(&["--cert", arg(&client.cert), "--key", arg(&client.key)]).status(0).stdout(b"welcome");
    listener.wait().status(0).stdout(b"x");
}

#[test]
fn a_handshake_that_is_not_answered_is_status_5_after_the_timeout() {
    let mute = peer(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    let start = Instant::now();
    let client = astream(["connect", "127.0.0.1", &mute.port(), "--tls", "-w", "2"]).run();
    client.status(5).says(&["TLS handshake", "2 s", "-w"]);
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_client_that_never_shakes_hands_does_not_use_a_listener_up() {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "-w", "300ms"]).input("hello").start();
    let (port, pin) = listener_pin(&listener);
    let mute = std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    let mut garbage = std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    garbage.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    listener.stderr_line("does not speak TLS");
    listener.stderr_line("timed out after 300 ms (-w TIME waits longer)");
    astream(["connect", "127.0.0.1", &port, "--tls", "--pin", &pin]).run().status(0).stdout(b"hello");
    listener.wait().status(0);
    drop(mute);
}

#[test]
fn a_peer_that_does_not_speak_tls_is_recognized() {
    let http = peer(|mut stream| {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = read_all(&mut stream);
    });
    let client = astream(["connect", "127.0.0.1", &http.port(), "--tls"]).run();
    client.status(6).says(&["does not speak TLS; it sent \"HTTP/1.1 400 Bad Request\""]);
}

#[test]
fn certificate_files_that_cannot_be_used_are_named_before_any_connection() {
    let authority = authority();
    let (one, other) = (authority.localhost(), authority.issue("other", &["other"]));
    let folder = authority.folder();
    std::fs::write(folder.join("empty.pem"), "nothing").unwrap();
    std::fs::write(
        folder.join("locked.key"),
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let strange = strange_certificate(folder);
    let missing = folder.join("missing.pem");
    let (empty, locked) = (folder.join("empty.pem"), folder.join("locked.key"));
    let Issued { cert, key } = &one;
    for (cert, key, expected) in [
        (&missing, key, "no such file"),
        (&empty, key, "no certificate"),
        (cert, &missing, "no such file"),
        (cert, &empty, "no private key"),
        (cert, &other.key, "does not belong to the certificate"),
        (cert, &locked, "decrypt it first"),
        (&strange.cert, &strange.key, "cannot be used: "),
    ] {
        for command in ["connect", "listen"] {
            let args = [command, "127.0.0.1", "9", "--tls", "--cert", arg(cert), "--key", arg(key)];
            astream(args).run().status(2).says(&[expected, arg(folder)]);
        }
    }
    astream(["connect", "127.0.0.1", "9", "--tls", "--cacert", arg(&missing)])
        .run()
        .status(2)
        .says(&["no such file"]);
}

#[test]
fn a_certificate_and_its_key_are_read_from_one_file_or_two_or_from_pipes() {
    let authority = authority();
    let Issued { cert, key } = authority.localhost();
    let both = authority.folder().join("both.pem");
    std::fs::write(&both, [std::fs::read(&cert).unwrap(), std::fs::read(&key).unwrap()].concat()).unwrap();
    let program = env!("CARGO_BIN_EXE_astream");
    let listen = |options: &str| {
        let script = format!("exec '{program}' listen 127.0.0.1 0 --tls {options}");
        support::tool("sh").args(["-c", &script]).input("hello").start()
    };
    let (cert, key, both) = (arg(&cert), arg(&key), arg(&both));
    for options in [
        format!("--cert {cert} --key {key}"),
        format!("--cert {both}"),
        format!("--cert {both} --key {both}"),
        format!("--cert /dev/fd/3 3<<.\n$(cat {both})\n."),
        format!("--cert /dev/fd/3 --key /dev/fd/4 3<<. 4<<!\n$(cat {cert})\n.\n$(cat {key})\n!"),
    ] {
        let listener = listen(&options);
        let args = ["connect", "127.0.0.1", &listener.port(), "--tls", "--cacert", arg(&authority.ca)];
        astream(args).run().status(0).stdout(b"hello").silent();
        listener.wait().status(0);
    }
}

/// A certificate with an unknown critical extension, which must be refused (RFC 5280, 4.2).
fn strange_certificate(folder: &std::path::Path) -> Issued {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
    let strange = Issued { cert: folder.join("strange.pem"), key: folder.join("strange.key") };
    std::fs::write(&strange.cert, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&strange.key, key.serialize_pem()).unwrap();
    strange
}
