//! What is printed on stderr: nothing unless asked for, then addresses, TLS facts and totals.

mod support;

use std::io::Write;

use support::certs::{arg, authority};
use support::peer::{peer, read_all, refusing, reset};
use support::{astream, tool};

#[test]
fn verbose_reports_what_was_tried_and_connected_and_the_totals() {
    let server = peer(|mut stream| {
        stream.write_all(b"12345").unwrap();
        read_all(&mut stream)
    });
    let address = server.address.to_string();
    let said = astream(["connect", &address, "-v"]).input("abc").run().status(0).stdout(b"12345");
    for line in [
        &format!("connecting to {address}"),
        &format!("connected to {address} from 127.0.0.1:"),
        "3 bytes sent, 5 bytes received",
    ] {
        assert!(said.stderr.contains(line), "{line}: {}", said.description());
    }
    assert!(said.stderr.lines().all(|line| line.starts_with("astream: ")), "{}", said.description());
    assert!(!said.stderr.contains('\u{1b}'), "{}", said.description());
}

#[test]
fn verbose_reports_the_version_and_cipher_of_tls_on_both_sides() {
    let authority = authority();
    let own = authority.localhost();
    let args = ["listen", "127.0.0.1", "0", "-v", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
    let listener = astream(args).input("x").start();
    let args = ["connect", "127.0.0.1", &listener.port(), "-v", "--tls", "--cacert", arg(&authority.ca)];
    let client = astream(args).input("y").run().status(0);
    for said in [client.stderr, listener.wait().status(0).stderr] {
        assert!(said.contains("TLSv1.3 with TLS_AES_256_GCM_SHA384, key exchange X25519MLKEM768"), "{said}");
        assert!(said.contains("1 bytes sent, 1 bytes received"), "{said}");
    }
}

#[test]
fn verbose_reports_what_each_certificate_of_the_chain_contains() {
    let authority = authority();
    let (own, client) = (authority.localhost(), authority.issue("client", &["a client"]));
    let ca = arg(&authority.ca);
    let listen =
        ["listen", "127.0.0.1", "0", "-v", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
    let listener = astream(listen).args(["--cacert", ca]).start();
    let connect = ["connect", "127.0.0.1", &listener.port(), "-v", "--tls", "--cacert", ca];
    let said =
        astream(connect).args(["--cert", arg(&client.cert), "--key", arg(&client.key)]).run().status(0);
    for (stderr, issued, names) in [
        (said.stderr, &own, "for localhost, 127.0.0.1, ::1;"),
        (listener.wait().status(0).stderr, &client, "for a client;"),
    ] {
        let line = stderr.lines().find(|line| line.contains(": certificate 1 of 1: ")).expect(&stderr);
        let certificate = issued.certificate();
        for expected in [
            &format!("; issuer {};", certificate.issuer()),
            names,
            "; valid from 1975-01-01T00:00:00Z until 4096-01-01T00:00:00Z (",
            " days left); key EC P-256;",
            &format!("; serial {};", certificate.serial()),
            &format!("; SHA-256 {};", certificate.sha256()),
            &format!("; pin {}", certificate.pin().unwrap()),
        ] {
            assert!(line.contains(expected), "{expected}: {line}");
        }
    }
}

#[test]
fn a_failed_attempt_is_reported_once_and_without_the_systems_number() {
    let (_socket, address) = refusing();
    for more in [&[][..], &["-v"], &["-vv"]] {
        let said = astream(["connect", &address.to_string()]).args(more).run().status(4);
        assert_eq!(said.stderr.to_lowercase().matches("refused").count(), 1, "{}", said.description());
        assert!(!said.stderr.contains("os error"), "{}", said.description());
    }
}

#[test]
fn addresses_that_failed_alike_share_one_reason() {
    let (_socket, address) = refusing();
    let said = astream(["connect", "localhost", &address.port().to_string(), "-v"]).run().status(4);
    assert_eq!(said.stderr.matches("connection refused").count(), 1, "{}", said.description());
    assert!(said.stderr.contains(&address.to_string()), "{}", said.description());
}

#[test]
fn a_client_that_is_idle_is_named_once() {
    for more in [&["--echo"][..], &["-k"]] {
        let listener = astream(["listen", "127.0.0.1", "0", "-i", "200ms"]).args(more).start();
        let client = std::net::TcpStream::connect(listener.address()).unwrap();
        let line = listener.stderr_line("idle");
        let name = client.local_addr().unwrap();
        assert_eq!(
            line,
            format!("astream: {name}: idle: nothing sent or received for 200 ms (-i TIME waits longer)")
        );
    }
}

#[test]
fn a_unix_socket_of_another_type_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let said = astream(["connect", &format!("unix:{}", path.display())]).run().status(4);
    said.says(&["the socket there is of another type (for datagrams with -u"]);
}

#[test]
fn very_verbose_reports_what_a_name_resolves_to() {
    let server = peer(|mut stream| read_all(&mut stream));
    let said = astream(["connect", "-4", "localhost", &server.port(), "-vv"]).run().status(0);
    assert!(said.stderr.contains("localhost resolves to 127.0.0.1:"), "{}", said.description());
}

#[test]
fn quiet_reports_errors_only() {
    let listener = astream(["listen", "127.0.0.1", "0", "--quiet"]).start();
    let said = {
        listener.signal(rustix::process::Signal::KILL);
        listener.wait()
    };
    assert_eq!(said.stderr, "");
    astream(["connect", "127.0.0.1", "0", "--quiet"]).run().status(2).says(&["port 0"]);
}

#[test]
fn very_verbose_reports_what_moves_the_bytes() {
    for (no_splice, expected) in [(false, true), (true, false)] {
        let server = peer(|mut stream| {
            stream.write_all(b"12345").unwrap();
            read_all(&mut stream)
        });
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"from a file").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut program = astream(["connect", &server.address.to_string(), "-vv"]).stdin(file);
        if no_splice {
            program = program.env("ASTREAM_NO_SPLICE", "1");
        }
        let said = program.run().status(0).stdout(b"12345");
        for line in ["sent by sendfile", "received by splice"] {
            assert_eq!(said.stderr.contains(line), expected, "{}", said.description());
        }
    }
}

#[test]
fn very_verbose_reports_that_each_direction_of_tls_has_its_thread() {
    for (no_splice, expected) in [(false, true), (true, false)] {
        let listener = astream(["listen", "127.0.0.1", "0", "--tls"]).input("answer").start();
        let address = listener.address().to_string();
        let pin = listener.stderr_line("--pin ").split("--pin ").nth(1).unwrap().to_owned();
        let mut client = astream(["connect", &address, "--tls", "--pin", &pin, "-vv"]).input("question");
        if no_splice {
            client = client.env("ASTREAM_NO_SPLICE", "1");
        }
        let said = client.run().status(0).stdout(b"answer");
        listener.wait().status(0).stdout(b"question");
        for line in ["sent by read and write, under TLS", "received by read and write, under TLS"] {
            assert_eq!(said.stderr.contains(line), expected, "{}", said.description());
        }
    }
}

#[test]
fn a_stderr_that_nobody_reads_does_not_stop_a_server() {
    let (reader, writer) = std::io::pipe().unwrap();
    let script = format!("exec {} listen 127.0.0.1 0 --echo -v 2>/dev/stdin", env!("CARGO_BIN_EXE_astream"));
    let mut server = std::process::Command::new("bash");
    let inherited = std::os::fd::OwnedFd::from(writer);
    server.args(["-c", &script]).stdin(inherited);
    let mut server = server.spawn().unwrap();
    let mut line = String::new();
    let mut expected = std::io::BufReader::with_capacity(64, &reader);
    std::io::BufRead::read_line(&mut expected, &mut line).unwrap();
    let address: std::net::SocketAddr = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    // Each prints two lines: more than a pipe holds.
    for _ in 0..2000 {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut client), b"x");
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_stderr_that_cannot_be_written_does_not_stop_a_transfer() {
    for flags in ["-v", "-vv", "--json", ""] {
        let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
        let line =
            format!("exec {} connect {} {flags} 2>/dev/full", env!("CARGO_BIN_EXE_astream"), echo.address());
        tool("sh").args(["-c", &line]).input("data").run().status(0).stdout(b"data");
    }
}

#[test]
fn the_error_of_an_open_connection_names_its_peer() {
    let peer = peer(reset);
    let address = peer.address.to_string();
    let said = astream(["connect", &address]).open_stdin().run().status(1);
    said.says(&[&format!("astream: {address}: connection lost while ")]);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let said = astream(["connect", "-u", &address, "-i", "10ms"]).open_stdin().run().status(5);
    said.says(&[&format!("astream: {address}: idle: nothing sent or received for 10 ms")]);
}
