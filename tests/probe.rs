//! `-z`: which ports are open, which certificates they present, and how long those are valid.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use astream::Certificate;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use support::certs::{Authority, Issued, arg, authority};
use support::peer::{Peer, black_hole, end_tls, peer, read_all, refusing, tls_peer};
use support::{Finished, Program, astream};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What one client says until its end, which is then answered.
fn asked() -> Peer<Vec<u8>> {
    peer(|mut stream: TcpStream| read_all(&mut stream))
}

/// A TLS server that expects a clean end.
fn asked_tls(authority: &Authority, issued: &Issued) -> Peer<Vec<u8>> {
    tls_peer(authority.server(issued, false), |mut tls| {
        let got = read_all(&mut tls);
        end_tls(&mut tls);
        got
    })
}

/// One whose handshake need not succeed.
fn refused_tls(authority: &Authority, issued: &Issued) -> Peer<bool> {
    tls_peer(authority.server(issued, false), |mut tls| tls.conn.complete_io(&mut tls.sock).is_ok())
}

fn probe(address: SocketAddr) -> Program {
    astream(["connect", "-z", "127.0.0.1", &address.port().to_string()])
}

fn probe_tls(authority: &Authority, address: SocketAddr) -> Program {
    probe(address).args(["--tls", "--cacert", arg(&authority.ca)])
}

/// A certificate of localhost that ends after this time.
fn ending_in(authority: &Authority, time: Duration) -> Issued {
    let names = ["localhost", "127.0.0.1"];
    authority.issue_with("ending", &names, |params| params.not_after = (SystemTime::now() + time).into())
}

fn report(said: &Finished) -> &str {
    std::str::from_utf8(&said.stdout).unwrap()
}

/// The events of a report in JSON.
fn events(said: &Finished) -> Vec<Value> {
    report(said).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One line of the report, with each of these.
#[track_caller]
fn reports(said: &Finished, parts: &[&str]) {
    let has_all = parts.iter().all(|part| report(said).contains(part));
    assert!(
        has_all && report(said).lines().count() == 1,
        "not one line with {parts:?}\n{}",
        said.description()
    );
}

#[test]
fn an_open_port_is_reported_and_closed_without_a_byte_while_stdin_is_left_alone() {
    let server = asked();
    let said = probe(server.address).open_stdin().run().status(0).silent();
    assert_eq!(said.untimed(), format!("{}: open\n", server.address));
    assert_eq!(server.join(), b"");
}

#[test]
fn quiet_leaves_the_ports_that_failed() {
    let authority = authority();
    let untrusted = refused_tls(&authority, &authority.localhost());
    let (_socket, closed) = refusing();
    probe(asked().address).args(["--quiet"]).run().status(0).stdout(b"").silent();
    let said = probe(closed).args(["--quiet"]).run().status(4).silent();
    assert_eq!(said.untimed(), format!("{closed}: refused\n"));
    let said = probe(closed).args(["--quiet", "--json"]).run().status(4).silent();
    assert!(said.stdout.starts_with(br#"{"event":"probe""#), "{}", said.description());
    let said = probe(untrusted.address).args(["--quiet", "--tls"]).run().status(6).silent();
    assert!(!said.stdout.is_empty(), "{}", said.description());
    // Beside the certificates the report is on stderr.
    let server = asked();
    probe(closed).args(["--quiet", "--show-certs"]).run().status(4).stdout(b"").says(&["refused"]);
    drop(server);
    // An error of the question is not one of a port.
    astream(["connect", "-z", "127.0.0.1", "9,", "--quiet"]).run().status(2).stdout(b"").says(&["port"]);
}

#[test]
fn a_name_is_reported_with_the_address_that_answered() {
    let server = asked();
    let said = astream(["connect", "-z", "-4", &format!("localhost:{}", server.port())]).run().status(0);
    assert_eq!(said.untimed(), format!("localhost:{} ({}): open\n", server.port(), server.address));
}

#[test]
fn a_unix_socket_is_probed_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    let said = astream(["connect", "-z", &address]).run().status(0);
    assert_eq!(said.untimed(), format!("{address}: open\n"));
    let said = astream(["connect", "-z", "unix:/no/such/socket"]).run().status(4).silent();
    reports(&said, &["unix:/no/such/socket"]);
}

#[test]
fn ports_are_reported_in_the_order_in_which_they_were_asked_for() {
    let ((_socket, closed), first, last) = (refusing(), asked(), asked());
    let ports = format!("{},{}-{},{}", first.port(), closed.port(), closed.port(), last.port());
    let said = astream(["connect", "-z", "127.0.0.1", &ports]).run().status(4).silent();
    let wanted = format!("{}: open\n{closed}: refused\n{}: open\n", first.address, last.address);
    assert_eq!(said.untimed(), wanted);
}

#[test]
fn a_port_is_reported_while_others_are_waited_for() {
    let (open, hole) = (asked(), black_hole("127.0.0.1"));
    let ports = format!("{},{}", open.port(), hole.address.port());
    let mut waiting = astream(["connect", "-z", "127.0.0.1", &ports, "-w", "0"]).start();
    waiting.stdout_line(&format!("{}: open", open.address));
    assert!(waiting.is_running());
}

#[test]
fn the_whole_range_of_ports_is_asked_a_hundred_at_a_time() {
    // Few descriptors make it fewer; an address of our own that no other program listens on.
    let script =
        format!("ulimit -n 60; exec {} connect -z 127.83.17.5 1-65535", env!("CARGO_BIN_EXE_astream"));
    let said = support::tool("bash").args(["-c", &script]).run().status(4);
    let lines = said.untimed();
    assert_eq!(lines.lines().count(), 65535);
    for (line, port) in lines.lines().zip(1..) {
        let wanted = format!("127.83.17.5:{port}: refused");
        // Another program may listen on all addresses.
        assert!(line == wanted || line == format!("127.83.17.5:{port}: open"), "{line}");
    }
}

#[test]
fn the_time_limit_is_each_ports_own_and_all_are_asked_at_once() {
    let holes: Vec<_> = (0..30).map(|_| black_hole("127.0.0.1")).collect();
    let ports: Vec<_> = holes.iter().map(|hole| hole.address.port().to_string()).collect();
    let start = Instant::now();
    let said = astream(["connect", "-z", "127.0.0.1", &ports.join(","), "-w", "1s"]).run().status(5);
    assert_eq!(report(&said).matches(": no answer, 1.").count(), 30, "{}", said.description());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_peer_that_does_not_end_its_side_is_not_waited_for_long() {
    let server = peer(|mut stream: TcpStream| {
        let end = stream.read(&mut [0; 1]).unwrap();
        // To the close: the socket is gone then.
        while stream.write_all(b"x").is_ok() {}
        end
    });
    probe(server.address).run().status(0);
    assert_eq!(server.join(), 0);
}

#[test]
fn a_handshake_is_reported_with_the_end_of_the_certificate_and_ended_cleanly() {
    let authority = authority();
    let issued = ending_in(&authority, 20 * DAY + DAY / 2);
    let server = asked_tls(&authority, &issued);
    let said = probe_tls(&authority, server.address).open_stdin().run().status(0).silent();
    let expected = format!(
        "{}: open, TLSv1.3 with TLS_AES_256_GCM_SHA384, key exchange X25519MLKEM768, certificate until {} (20 days)\n",
        server.address,
        issued.certificate().not_after().unwrap()
    );
    assert_eq!(said.untimed(), expected);
    assert_eq!(server.join(), b"", "read to a close_notify");
}

#[test]
fn the_status_is_the_highest_of_all_ports() {
    let (authority, other) = (authority(), authority());
    let (good, bad) =
        (asked_tls(&authority, &authority.localhost()), refused_tls(&other, &other.localhost()));
    let (_socket, closed) = refusing();
    for (ports, status) in
        [(vec![good.port(), closed.port().to_string()], 4), (vec![bad.port(), closed.port().to_string()], 6)]
    {
        let said = astream([
            "connect",
            "-z",
            "127.0.0.1",
            &ports.join(","),
            "--tls",
            "--cacert",
            arg(&authority.ca),
        ]);
        let said = said.run().status(status);
        assert_eq!(report(&said).lines().count(), 2, "{}", said.description());
    }
}

#[test]
fn a_name_is_looked_up_once_for_all_ports() {
    let (one, other) = (asked(), asked());
    let ports = format!("{},{}", one.port(), other.port());
    let said = astream(["connect", "-z", "-4", "-vv", "localhost", &ports]).run().status(0);
    assert_eq!(said.stderr.matches("localhost resolves to").count(), 1, "{}", said.description());
}

#[test]
fn a_name_that_does_not_resolve_is_reported_once() {
    let why = "no-such-host:1: cannot resolve 'no-such-host': not an IP address, and names are not looked up";
    for more in [&[][..], &["--every", "1ms"], &["-u"]] {
        let said = astream(["connect", "-zn", "no-such-host", "1-100"]).args(more).run().status(3).silent();
        reports(&said, &[why]);
    }
    for ports in ["1", "1-100"] {
        let said = astream(["connect", "-zn", "no-such-host", ports, "--json"]).run().status(3).silent();
        let [event] = &events(&said)[..] else { panic!("one event: {}", said.description()) };
        assert_eq!(*event, {
            let mut wanted = event.clone();
            wanted["target"] = json!("no-such-host:1");
            (wanted["status"], wanted["state"]) = (json!(3), json!("failed"));
            wanted["message"] = json!(why.split_once(": ").unwrap().1);
            wanted
        });
    }
}

#[test]
fn a_server_that_does_not_like_our_certificate_is_not_called_open() {
    let authority = authority();
    let (own, client) = (authority.localhost(), authority.issue("client", &["a client"]));
    let shown = ["--cert", arg(&client.cert), "--key", arg(&client.key)];
    for (more, status) in [(&[][..], 6), (&shown[..], 0)] {
        let server = tls_peer(authority.server(&own, true), |mut tls| {
            if tls.conn.complete_io(&mut tls.sock).is_ok() {
                read_all(&mut tls);
                end_tls(&mut tls);
            }
            while tls.sock.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
        });
        let said = probe_tls(&authority, server.address).args(more).run().status(status);
        let expected = report(&said).contains("CertificateRequired") && report(&said).contains("--cert FILE");
        assert_eq!(expected, status == 6, "{}", said.description());
    }
}

/// A certificate of localhost with its authority's after it.
fn chain(authority: &Authority) -> Issued {
    let issued = authority.localhost();
    let both = [&issued.cert, &authority.ca].map(|file| std::fs::read_to_string(file).unwrap()).concat();
    std::fs::write(&issued.cert, both).unwrap();
    issued
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}

#[test]
fn the_chain_is_printed_in_pem_trusted_or_not() {
    let authority = authority();
    let issued = chain(&authority);
    let wanted = certificates(&std::fs::read(&issued.cert).unwrap());
    let untrusted = refused_tls(&authority, &issued);
    let said = probe(untrusted.address).args(["--tls", "--show-certs"]).run().status(6);
    assert_eq!(certificates(&said.stdout), wanted);
    assert!(said.stderr.contains("not trusted"), "{}", said.description());

    let insecure = asked_tls(&authority, &issued);
    let said = probe(insecure.address).args(["--tls", "--show-certs", "--insecure"]).run().status(0);
    assert_eq!(certificates(&said.stdout), wanted);
    let text = String::from_utf8(said.stdout).unwrap();
    let expected: Vec<_> = text.lines().filter(|line| line.contains(":CN=")).collect();
    let mut names = Vec::new();
    for (index, der) in wanted.iter().enumerate() {
        let one = Certificate::from_der(der.as_ref());
        names.extend([format!(" {index} s:{}", one.subject()), format!("   i:{}", one.issuer())]);
    }
    assert_eq!(expected, names);
}

#[test]
fn the_chains_of_several_ports_are_told_apart() {
    let authority = authority();
    let issued = chain(&authority);
    let servers = [asked_tls(&authority, &issued), asked_tls(&authority, &issued)];
    let ports = servers.each_ref().map(|server| server.address.port().to_string());
    let args = ["connect", "127.0.0.1", &ports.join(","), "--show-certs", "--cacert", arg(&authority.ca)];
    let shown = astream(args).run().status(0).stdout;
    let shown = String::from_utf8(shown).unwrap();
    let headings: Vec<_> = shown.lines().filter(|line| line.starts_with("127.0.0.1")).collect();
    assert_eq!(headings, ports.map(|port| format!("127.0.0.1:{port}")));
}

#[test]
fn the_printed_chain_can_be_trusted_as_it_is() {
    let authority = authority();
    let issued = chain(&authority);
    let server = asked_tls(&authority, &issued);
    let shown = probe_tls(&authority, server.address).args(["--show-certs"]).run().status(0).stdout;
    let file = authority.folder().join("shown.pem");
    std::fs::write(&file, shown).unwrap();
    let server = asked_tls(&authority, &issued);
    probe(server.address).args(["--tls", "--cacert", arg(&file)]).run().status(0);
}

#[test]
fn what_stdout_does_not_take_is_status_2_or_the_signal() {
    let authority = authority();
    let issued = authority.localhost();
    for more in [&[][..], &["--json"], &["--show-certs"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let server = asked_tls(&authority, &issued);
        let said = probe_tls(&authority, server.address).args(more).stdout(full).run().status(2);
        assert!(said.stderr.contains("cannot write to stdout"), "{}", said.description());
        let (reader, writer) = support::peer::pipe();
        drop(reader);
        let server = asked_tls(&authority, &issued);
        probe_tls(&authority, server.address).args(more).stdout(writer).run().status(141);
    }
}

#[test]
fn a_certificate_that_ends_too_soon_is_status_6_and_named() {
    let authority = authority();
    let issued = ending_in(&authority, 10 * DAY);
    let end = issued.certificate().not_after().unwrap().to_string();
    let ask = |within: &str| {
        let server = asked_tls(&authority, &issued);
        probe_tls(&authority, server.address).args(["--expires-within", within]).run()
    };
    ask("9d").status(0).silent();
    let said = ask("11d").status(6).silent();
    reports(&said, &["the certificate of ", &issued.certificate().subject(), &end, "9 days"]);
    // Whatever the trust: what is accepted by its key ends as well.
    let pin = issued.certificate().pin().unwrap().to_string();
    for (trust, said) in [(&["--pin", &pin][..], 0), (&["--insecure"], 1)] {
        let server = asked_tls(&authority, &issued);
        let found = probe(server.address).args(["--expires-within", "264h"]).args(trust).run().status(6);
        assert_eq!(found.stderr.lines().count(), said);
        reports(&found, &[&end]);
    }
}

#[test]
fn a_part_of_the_lifetime_of_the_servers_certificate_is_taken_too() {
    let authority = authority();
    let names = ["localhost", "127.0.0.1"];
    // Ten of forty days are left.
    let issued = authority.issue_with("aged", &names, |params| {
        params.not_before = (SystemTime::now() - 30 * DAY).into();
        params.not_after = (SystemTime::now() + 10 * DAY).into();
    });
    for (within, status) in [("24%", 0), ("26%", 6), ("100%", 6)] {
        let server = asked_tls(&authority, &issued);
        let said = probe_tls(&authority, server.address).args(["--expires-within", within]).run();
        let expected = report(&said.status(status)).contains(&format!("less than {within} of the lifetime"));
        assert_eq!(expected, status == 6);
    }
}

#[test]
fn a_bare_number_and_what_is_none_are_refused() {
    for (within, expected) in
        [("30", "days or seconds? write 30d"), ("101%", "100%"), ("soon", "or a number with %")]
    {
        let said = astream(["connect", "127.0.0.1", "9", "--expires-within", within]).run().status(2);
        said.stdout(b"").says(&["--expires-within", expected]);
    }
}

#[test]
fn an_expired_certificate_is_status_6_with_insecure_too_if_its_end_is_asked_for() {
    let authority = authority();
    let issued = authority.issue_with("old", &["localhost", "127.0.0.1"], |params| {
        params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    });
    let server = refused_tls(&authority, &issued);
    reports(&probe_tls(&authority, server.address).run().status(6).silent(), &["expired"]);
    let server = asked_tls(&authority, &issued);
    probe(server.address).args(["--tls", "--insecure"]).run().status(0);
    let server = asked_tls(&authority, &issued);
    let said = probe(server.address).args(["--insecure", "--expires-within", "0"]).run().status(6);
    reports(&said, &["has ended on 2001-02-03T00:00:00Z"]);
}

/// Trusts `root` and asks a server that shows `chain`, with the key of `issued`.
fn ask_chain(issued: &Issued, chain: &[String], root: &Path, more: &[&str]) -> Finished {
    std::fs::write(&issued.cert, chain.concat()).unwrap();
    let shown = ["--cert", arg(&issued.cert), "--key", arg(&issued.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).args(shown).start();
    let address = server.address().to_string();
    astream(["connect", &address, "--cacert", arg(root)]).args(more).run()
}

#[test]
fn what_counts_is_the_path_that_was_verified() {
    let authority = authority();
    let folder = authority.folder();
    let key = || KeyPair::generate().unwrap();
    let ca = |name: &str, end: Duration| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = (SystemTime::now() + end).into();
        params
    };
    let file = |name: &str, pem: String| {
        std::fs::write(folder.join(name), pem).unwrap();
        folder.join(name)
    };
    let root_key = key();
    let soon = file("soon.pem", ca("new root", 3 * DAY + DAY / 2).self_signed(&root_key).unwrap().pem());
    let root = CertifiedIssuer::self_signed(ca("new root", 900 * DAY), root_key).unwrap();
    let old_root = CertifiedIssuer::self_signed(ca("old root", 900 * DAY), key()).unwrap();
    let mut expired = ca("new root", DAY);
    expired.not_after = rcgen::date_time_ymd(2021, 9, 30);
    let cross = expired.signed_by(root.key(), &old_root).unwrap().pem();
    let between = |end| CertifiedIssuer::signed_by(ca("between", end), key(), &root).unwrap();
    let (lasting, ending) = (between(500 * DAY), between(4 * DAY + DAY / 2));
    let trusted = file("trusted.pem", root.pem());
    let own = |issuer: &CertifiedIssuer<'static, KeyPair>| {
        let (mut params, own_key) = (CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), key());
        params.not_after = (SystemTime::now() + 90 * DAY).into();
        let issued = Issued { cert: folder.join("own.pem"), key: file("own.key", own_key.serialize_pem()) };
        (params.signed_by(&own_key, issuer).unwrap().pem(), issued)
    };
    let within = ["--expires-within", "5d"];

    // Sent and not needed: a cross-signature that has expired.
    let (leaf, issued) = own(&lasting);
    let chain = [leaf, lasting.pem(), cross];
    ask_chain(&issued, &chain, &trusted, &within).status(0);
    // Trusted and not sent: the root.
    let said = ask_chain(&issued, &chain, &soon, &within).status(6);
    reports(&said, &["the trusted certificate of CN=new root ends on", "3 days"]);
    // The server's own certificate alone is known to be needed where nothing was verified.
    for trust in [&["--pin", &issued.certificate().pin().unwrap().to_string()][..], &["--insecure"]] {
        std::fs::write(&issued.cert, chain.concat()).unwrap();
        let shown = ["--cert", arg(&issued.cert), "--key", arg(&issued.key)];
        let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).args(shown).start();
        let address = server.address().to_string();
        astream(["connect", &address]).args(trust).args(within).run().status(0);
    }

    let (leaf, issued) = own(&ending);
    let said = ask_chain(&issued, &[leaf, ending.pem()], &trusted, &within).status(6);
    reports(&said, &["the certificate of its issuer CN=between ends on", "4 days"]);
}

#[test]
fn what_is_asked_of_certificates_implies_the_probe_and_tls() {
    let authority = authority();
    let issued = authority.localhost();
    for more in [&["--show-certs"][..], &["--expires-within", "1d"]] {
        let server = asked_tls(&authority, &issued);
        let connect = ["connect", "127.0.0.1", &server.port(), "--cacert", arg(&authority.ca)];
        let said = astream(connect).args(more).open_stdin().run().status(0);
        let expected = [said.stdout, said.stderr.into_bytes()].concat();
        assert!(String::from_utf8(expected).unwrap().contains(": open, TLSv1.3"));
        assert_eq!(server.join(), b"");
        let wrong = astream(["connect", "127.0.0.1", "9", "-C"]).args(more).run().status(2);
        wrong.says(&[more[0], "--crlf"]);
    }
}

#[test]
fn ports_are_reported_in_json() {
    let authority = authority();
    let issued = ending_in(&authority, DAY / 2);
    let (_socket, closed) = refusing();
    let server = asked_tls(&authority, &issued);
    let ports = format!("{},{}", closed.port(), server.port());
    let ca = arg(&authority.ca);
    let args = ["connect", "-z", "localhost", &ports, "-4", "--json", "--tls", "--cacert", ca];
    let said = astream(args).args(["--expires-within", "1d"]).run().status(6).silent();
    let mut events = events(&said);
    assert!(events[0]["time"].take().is_string(), "{}", said.description());
    for (event, member) in [(0, "seconds"), (1, "seconds"), (1, "connect_seconds")] {
        let seconds = events[event][member].take().as_f64().unwrap();
        assert!((0.0..60.0).contains(&seconds), "{}", said.description());
    }
    assert!(events[1]["tls"]["seconds"].as_f64().unwrap() > 0.0, "{}", said.description());
    let message = format!("cannot connect to localhost:{}: {closed}: connection refused", closed.port());
    let wanted = json!({
        "event": "probe", "time": null, "connection": null, "target": format!("localhost:{}", closed.port()), "status": 4, "state": "refused",
        "seconds": null, "connect_seconds": null, "peer": null,
        "local": null, "proxies": [], "tls": null, "certificates": [], "message": message, "hint": null,
    });
    assert_eq!(events[0], wanted);
    assert_eq!(events.len(), 2, "{}", said.description());
    let open = &events[1];
    assert_eq!(open["state"], "failed");
    assert_eq!((&open["status"], &open["peer"]), (&json!(6), &json!(server.address.to_string())));
    assert_eq!(open["tls"]["version"], "TLSv1.3");
    assert_eq!(open["certificates"][0]["sha256"], issued.certificate().sha256());
    assert_eq!(open["certificates"][0]["days_left"], 0);
    assert!(open["message"].as_str().unwrap().contains("--expires-within"), "{open}");
}

#[test]
fn beside_certificates_the_report_is_on_stderr() {
    let authority = authority();
    let issued = authority.localhost();
    let server = asked_tls(&authority, &issued);
    let said = probe_tls(&authority, server.address).args(["--show-certs"]).run().status(0);
    assert_eq!(certificates(&said.stdout).len(), 1);
    let said = said.says(&[&format!("{}: open, TLSv1.3", server.address)]);
    assert!(said.stdout.starts_with(b" 0 s:"), "{}", said.description());
    let server = asked_tls(&authority, &issued);
    let said = probe_tls(&authority, server.address).args(["--show-certs", "--json"]).run().status(0);
    let event: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_eq!(event["event"], "probe");
    assert!(said.stdout.starts_with(b" 0 s:"), "{}", said.description());
}

#[test]
fn verbose_reports_the_certificates_of_a_probe_too() {
    let authority = authority();
    let issued = authority.localhost();
    let server = asked_tls(&authority, &issued);
    let said = probe_tls(&authority, server.address).args(["-v"]).run().status(0);
    assert!(
        said.stderr.contains(&format!("SHA-256 {}", issued.certificate().sha256())),
        "{}",
        said.description()
    );
}

#[test]
fn a_report_on_a_stdout_that_is_closed_is_status_2() {
    let (listener, program) = (TcpListener::bind("127.0.0.1:0").unwrap(), env!("CARGO_BIN_EXE_astream"));
    let line = format!("exec {program} connect -z {} >&-", listener.local_addr().unwrap());
    support::tool("sh").args(["-c", &line]).run().status(2);
}
