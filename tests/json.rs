//! `--json`: what the events say. That each is as docs/json-schema.json has it is checked for every test.

mod support;

use std::io::{Read, Write};

use serde_json::{Value, json};
use support::certs::{Issued, arg, authority};
use support::peer::{end_tls, peer, read_all, refusing, reset, tls_peer};
use support::{Finished, astream};

/// A line, which is an object, without the time that every event has.
#[track_caller]
fn untimed(line: &str) -> Value {
    let mut event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let time = event.as_object_mut().unwrap().remove("time");
    assert!(time.is_some_and(|time| time.is_string()), "{line}");
    event
}

/// All lines of stderr, each of them an object.
#[track_caller]
fn events(said: &Finished) -> Vec<Value> {
    let events: Vec<Value> = said.stderr.lines().map(untimed).collect();
    assert!(events.iter().all(|event| event["event"].is_string()), "{}", said.description());
    events
}

/// The events without the log, by name.
fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).filter(|name| *name != "log").collect()
}

/// What is reported of a certificate.
fn certificate(issued: &Issued, names: &[&str]) -> Value {
    let certificate = issued.certificate();
    json!({
        "subject": certificate.subject(), "issuer": certificate.issuer(), "names": names,
        "not_before": "1975-01-01T00:00:00Z", "not_after": "4096-01-01T00:00:00Z",
        "days_left": certificate.days_left(std::time::SystemTime::now()),
        "key": "EC P-256", "serial": certificate.serial(), "sha256": certificate.sha256(),
        "pin": certificate.pin().unwrap().to_string(),
    })
}

#[test]
fn a_connection_is_reported_with_its_addresses_and_totals() {
    for more in [&[][..], &["-v"], &["-vv"]] {
        let server = peer(|mut stream| {
            stream.read_exact(&mut [0; 3]).unwrap();
            stream.write_all(b"12345").unwrap();
            (stream.peer_addr().unwrap(), read_all(&mut stream)).0
        });
        let address = server.address.to_string();
        let said = astream(["connect", &address, "--json"]).args(more).input("abc").run().status(0);
        let events = events(&said.stdout(b"12345"));
        assert_eq!(names(&events), ["connected", "closed"]);
        assert_eq!(events.len() > 2, !more.is_empty(), "the log is printed only if asked for");
        let event = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
        let local = server.join().to_string();
        assert_eq!(
            *event("connected"),
            json!({"event": "connected", "connection": null, "peer": address, "local": local})
        );
        let closed = event("closed");
        assert!(closed["seconds"].as_f64().is_some_and(|time| time > 0.0 && time < 60.0), "{closed}");
        let mut rest = closed.clone();
        rest.as_object_mut().unwrap().remove("seconds");
        let wanted = json!({
            "event": "closed", "connection": null, "peer": address, "target": null, "sent": 3, "received": 5,
            "error": null,
        });
        assert_eq!(rest, wanted);
    }
}

#[test]
fn a_handshake_is_reported_with_the_certificates_of_the_peer_on_both_sides() {
    let authority = authority();
    let (own, client) = (authority.localhost(), authority.issue("client", &["a client"]));
    let ca = arg(&authority.ca);
    let listen = ["listen", "127.0.0.1", "0", "--json", "--tls", "--cacert", ca];
    let listener = astream(listen).args(["--cert", arg(&own.cert), "--key", arg(&own.key)]).start();
    let ready = untimed(&listener.stderr_line("listening"));
    let address = ready["addresses"][0].as_str().unwrap();
    assert_eq!(ready, json!({"event": "listening", "connection": null, "addresses": [address]}));
    let connect = ["connect", address, "--json", "--tls", "--cacert", ca];
    let said =
        astream(connect).args(["--cert", arg(&client.cert), "--key", arg(&client.key)]).run().status(0);
    let (ours, theirs) = (events(&said), events(&listener.wait().status(0)));
    assert_eq!(names(&ours), ["connected", "tls", "closed"]);
    assert_eq!(names(&theirs), ["listening", "accepted", "tls", "closed", "hint"]);
    let (local, peer) = (&ours[0]["local"], &ours[0]["peer"]);
    let wanted = json!({"event": "accepted", "connection": 1, "peer": local, "local": peer, "proxy": null});
    assert_eq!(theirs[1], wanted);
    let (mut ours, mut theirs) = (ours, theirs);
    for tls in [&mut ours[1], &mut theirs[2]] {
        assert!(tls["seconds"].take().as_f64().unwrap() > 0.0);
    }
    for (tls, number, peer, certificates) in [
        (&ours[1], Value::Null, &ours[0]["peer"], certificate(&own, &["localhost", "127.0.0.1", "::1"])),
        (&theirs[2], json!(1), &ours[0]["local"], certificate(&client, &["a client"])),
    ] {
        let wanted = json!({
            "event": "tls", "connection": number, "peer": peer, "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384",
            "key_exchange": "X25519MLKEM768", "alpn": null, "resumed": false, "seconds": null, "unverified": null,
            "certificates": [certificates],
        });
        assert_eq!(*tls, wanted);
    }
}

#[test]
fn the_last_error_is_reported_with_its_status_and_hint() {
    let (_socket, closed) = refusing();
    let said = astream(["connect", &closed.to_string(), "--json"]).run().status(4);
    let message = format!("cannot connect to {closed}: connection refused");
    let wanted = json!([{"event": "error", "connection": null, "status": 4, "message": message, "hint": null, "certificates": []}]);
    assert_eq!(Value::from(events(&said)), wanted);
}

#[test]
fn an_untrusted_peer_is_reported_with_the_certificates_it_presented() {
    let authority = authority();
    let own = authority.localhost();
    let server =
        tls_peer(authority.server(&own, false), |mut tls| tls.conn.complete_io(&mut tls.sock).map(drop));
    let said = astream(["connect", "127.0.0.1", &server.port(), "--json", "--tls"]).run().status(6);
    let events = events(&said);
    assert_eq!(names(&events), ["error"]);
    assert_eq!(events[0]["status"], 6);
    assert_eq!(events[0]["certificates"], json!([certificate(&own, &["localhost", "127.0.0.1", "::1"])]));
    assert!(events[0]["hint"].as_str().unwrap().contains("--pin"), "{}", said.description());
}

#[test]
fn an_untrusted_target_of_a_relay_is_reported_with_the_certificates_it_presented() {
    let authority = authority();
    let own = authority.localhost();
    let server =
        tls_peer(authority.server(&own, false), |mut tls| tls.conn.complete_io(&mut tls.sock).map(drop));
    let target = format!("127.0.0.1:{}", server.port());
    let args = ["listen", "127.0.0.1", "0", "--json", "--once", "--forward", &target, "--forward-tls"];
    let listener = astream(args).start();
    let _client = std::net::TcpStream::connect(listener.address_in_json()).unwrap();
    let events = events(&listener.wait().status(6));
    assert_eq!(names(&events), ["listening", "accepted", "closed", "error"]);
    assert_eq!(events[3]["certificates"][0]["sha256"], own.certificate().sha256());
    assert!(events[3]["hint"].as_str().unwrap().contains("--forward-pin"), "{}", events[3]);
}

#[test]
fn a_server_reports_each_client_and_those_that_failed() {
    let server = astream(["listen", "127.0.0.1", "0", "--json", "--echo", "--tls"]).start();
    let address = server.address_in_json();
    let key: Value = serde_json::from_str(&server.stderr_line("fresh_key")).unwrap();
    let mut garbage = std::net::TcpStream::connect(address).unwrap();
    garbage.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let _ = garbage.read(&mut [0; 100]);
    let warning: Value = serde_json::from_str(&server.stderr_line("warning")).unwrap();
    assert_eq!(warning["peer"], garbage.local_addr().unwrap().to_string());
    let pin = key["pin"].as_str().unwrap();
    let address = address.to_string();
    astream(["connect", &address, "--tls", "--pin", pin]).input("x").run().status(0).stdout(b"x").silent();
    let closed: Value = serde_json::from_str(&server.stderr_line("closed")).unwrap();
    assert_eq!((&closed["sent"], &closed["received"]), (&json!(1), &json!(1)));
    events(&server.stop());
}

#[test]
fn the_end_without_close_notify_is_reported_in_the_closed_event_too() {
    let authority = authority();
    let server = tls_peer(authority.server(&authority.localhost(), false), |mut tls| {
        tls.write_all(b"data").unwrap();
        tls.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = tls.sock.read(&mut [0]);
    });
    let connect = ["connect", "127.0.0.1", &server.port(), "--json", "--tls", "--cacert", arg(&authority.ca)];
    let events = events(&astream(connect).open_stdin().run().status(7));
    assert_eq!(names(&events), ["connected", "tls", "closed", "error"]);
    assert_eq!(events[2]["received"], 4);
    let message = events[3]["message"].as_str().unwrap();
    assert_eq!(message, format!("{}: {}", server.address, events[2]["error"].as_str().unwrap()));
}

#[test]
fn invalid_usage_is_reported_in_json_too() {
    for args in [
        &["connect", "--json", "h", "1", "-w", "soon"][..],
        &["listen", "h", "1", "--jsno", "--json"],
        &["--json"],
    ] {
        let events = events(&astream(args).run().status(2));
        assert_eq!((names(&events), &events[0]["status"]), (vec!["error"], &json!(2)));
    }
    let odd = astream(["connect", "a\u{1b}[31m\"\\b", "1", "--json"]).run();
    assert_eq!(names(&events(&odd)), ["error"]);
}

#[test]
fn what_is_insecure_is_a_warning_and_quiet_leaves_errors_only() {
    for (more, expected) in [(&[][..], &["connected", "tls", "warning", "closed"][..]), (&["--quiet"], &[])] {
        let authority = authority();
        let server = tls_peer(authority.server(&authority.localhost(), false), |mut tls| {
            tls.write_all(b"ok").unwrap();
            end_tls(&mut tls);
            let _ = tls.read(&mut [0]);
        });
        let connect = ["connect", "127.0.0.1", &server.port(), "--json", "--tls", "--insecure"];
        assert_eq!(names(&events(&astream(connect).args(more).run().status(0))), expected);
    }
    let events = events(&astream(["connect", "127.0.0.1", "0", "--json", "--quiet"]).run().status(2));
    assert_eq!(names(&events), ["error"]);
}

/// An HTTP proxy that asks for a secret, and repeats it where it ends with `status`.
fn repeating(status: &'static str) -> support::peer::Peer<Vec<u8>> {
    peer(move |mut stream| {
        head(&mut stream);
        let who = "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(who.as_bytes()).unwrap();
        let asked = head(&mut stream);
        assert!(asked.contains("bWU6aHVudGVyMg=="), "{asked}");
        let repeated = if status == "200 OK" { "" } else { &asked };
        write!(stream, "HTTP/1.1 {status}\r\n\r\n{repeated}").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        read_all(&mut stream)
    })
}

/// What comes up to an empty line.
fn head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn no_event_has_a_secret() {
    const AUTH: (&str, &str) = ("ASTREAM_PROXY_AUTH", "me:hunter2");
    let (_socket, closed) = refusing();
    let in_url = format!("http://me:hunter2@{closed}");
    let run = |args: &[&str], (name, value): (&str, &str), status: i32| {
        let said = astream(args).args(["--json", "-vv"]).env(name, value).run().status(status);
        let all = said.stderr.clone() + std::str::from_utf8(&said.stdout).unwrap();
        assert!(!all.contains("hunter2") && !all.contains("aHVudGVyMg"), "{}", said.description());
        assert!(all.contains("\"event\":"), "{}", said.description());
    };
    for args in [
        &["connect", "-x", &in_url, "127.0.0.1", "1"][..],
        &["connect", "-x", &in_url, "127.0.0.1", "1", "--frob"],
        &["connect", "-x", "gopher://me:hunter2@127.0.0.1", "127.0.0.1", "1"],
        &["connect", "https://me:hunter2@127.0.0.1:1/"],
        &["connect", "me:hunter2@127.0.0.1", "1"],
        &["connect", "127.0.0.1", "1", "https://me:hunter2@127.0.0.1/"],
        &["https://me:hunter2@127.0.0.1/"],
        &["listen", "127.0.0.1", "0", "--forward", "https://me:hunter2@127.0.0.1/"],
        &["connect", "-z", "-x", "socks5://127.0.0.1:1", "-x", "me:hunter2@127.0.0.1:1", "127.0.0.1", "1"],
    ] {
        run(args, AUTH, 2);
    }
    run(&["connect", "-x", "env", "127.0.0.1", "1"], ("ALL_PROXY", &in_url), 4);
    for (status, code, command, in_environment) in [
        ("200 OK", 0, &["connect", "127.0.0.1", "1"][..], false),
        ("200 OK", 0, &["connect", "-z", "127.0.0.1", "1"], true),
        ("403 No", 4, &["connect", "127.0.0.1", "1"], true),
        ("403 No", 4, &["connect", "-z", "127.0.0.1", "1"], false),
    ] {
        let proxy = repeating(status);
        let url = format!("http://{}{}", if in_environment { "me:hunter2@" } else { "" }, proxy.address);
        let (through, variable) =
            if in_environment { ("env", ("ALL_PROXY", &url[..])) } else { (&url[..], AUTH) };
        run(&[command, &["-x", through]].concat(), variable, code);
        proxy.join();
    }
}

#[test]
fn what_was_sent_until_the_peer_went_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    // More than the system holds, so that the one call that moves it is not over.
    std::fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
    for _ in 0..8 {
        let peer = peer(|mut stream| {
            stream.read_exact(&mut [0]).unwrap();
            reset(stream);
        });
        let stdin = std::fs::File::open(&file).unwrap();
        let said = astream(["connect", &peer.address.to_string(), "--json"]).stdin(stdin).run().status(1);
        let events = events(&said);
        let closed = events.iter().find(|event| event["event"] == "closed").unwrap();
        assert!(closed["sent"].as_u64() > Some(0), "{}", said.description());
        peer.join();
    }
}

#[test]
fn a_client_that_failed_is_named_in_the_warning_and_one_that_a_signal_ends_is_interrupted() {
    let server = astream(["listen", "127.0.0.1", "0", "--json", "--echo"]).start();
    let address = server.address_in_json();
    let client = || std::net::TcpStream::connect(address).unwrap();
    let gone = client();
    server.stderr_line("accepted");
    let peer = gone.local_addr().unwrap().to_string();
    reset(gone);
    let warning: Value = serde_json::from_str(&server.stderr_line("warning")).unwrap();
    assert_eq!(warning["peer"], peer);
    let open = client();
    server.stderr_line("accepted");
    let said = server.stop();
    let closed = events(&said).into_iter().rfind(|event| event["event"] == "closed").unwrap();
    assert_eq!(closed["peer"], open.local_addr().unwrap().to_string());
    assert_eq!(closed["error"], "interrupted", "{}", said.description());
}
