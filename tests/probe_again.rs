//! `-z --every`: probes that are repeated, their summary, and `--pq`.

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustix::process::Signal;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;
use support::certs::{Authority, arg, authority};
use support::peer::{end_tls, read_all, refusing, tls_peer};
use support::{Finished, Program, astream};

/// A server that accepts and ends each connection, until the test ends.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().flatten().for_each(drop));
    address
}

fn probe(address: &str, more: &[&str]) -> Program {
    astream(["connect", "-z", address]).args(more)
}

fn lines(said: &Finished) -> Vec<String> {
    String::from_utf8(said.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn each_round_is_a_line_and_the_last_line_is_the_summary() {
    let address = server();
    let said = probe(&address, &["--every", "1ms", "--count", "3"]).run().status(0).silent();
    let lines = lines(&said);
    assert_eq!(lines.len(), 4, "{}", said.description());
    assert!(lines[..3].iter().all(|line| line.starts_with(&format!("{address}: open, "))), "{lines:?}");
    let summary = format!("{address}: 3 sent, 3 answered, 0% loss; connect min/avg/max/mdev ");
    assert!(lines[3].starts_with(&summary) && lines[3].ends_with(" ms"), "{lines:?}");
    assert!(!lines[3].contains("handshake"), "{lines:?}");
}

#[test]
fn the_status_is_the_highest_that_was_seen_and_what_failed_is_lost() {
    let (_socket, closed) = refusing();
    let said = probe(&closed.to_string(), &["--count", "2", "--every", "1ms"]).run().status(4).silent();
    assert_eq!(lines(&said)[2], format!("{closed}: 2 sent, 0 answered, 100% loss"));
    let address = server();
    let ports = format!("{},{}", address.rsplit_once(':').unwrap().1, closed.port());
    let args = ["connect", "-z", "127.0.0.1", &ports, "--count", "2", "--every", "1ms", "--json"];
    let said = astream(args).run().status(4).silent();
    let events: Vec<Value> = lines(&said).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["probe", "probe", "probe", "probe", "summary", "summary"]);
    let [open, lost] = &events[4..] else { panic!() };
    assert_eq!((&open["target"], &open["sent"], &open["answered"]), (&address.into(), &2.into(), &2.into()));
    assert!(open["connect"]["max"].as_f64() >= open["connect"]["min"].as_f64(), "{open}");
    assert_eq!(open["handshake"], Value::Null);
    assert_eq!((&lost["answered"], &lost["loss"], &lost["connect"]), (&0.into(), &1.0.into(), &Value::Null));
}

#[test]
fn a_signal_ends_it_with_the_summary_and_the_status_of_what_was_seen() {
    let (_socket, closed) = refusing();
    for (address, status) in [(server(), 0), (closed.to_string(), 4)] {
        for signal in [Signal::INT, Signal::TERM] {
            let running = probe(&address, &["--every", "1ms"]).start();
            running.stdout_line(&address);
            running.signal(signal);
            let said = running.wait().status(status).silent();
            assert!(lines(&said).last().unwrap().contains(" sent, "), "{}", said.description());
        }
    }
}

#[test]
fn quiet_prints_nothing_and_a_stdout_that_is_gone_ends_it() {
    let address = server();
    probe(&address, &["--every", "1ms", "--count", "2", "--quiet"]).run().status(0).stdout(b"").silent();
    let (reader, writer) = support::peer::pipe();
    drop(reader);
    probe(&address, &["--every", "1ms"]).stdout(writer).run().status(141);
}

#[test]
fn handshakes_have_times_of_their_own_and_insecure_is_warned_of_once() {
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).start();
    let address = listener.address().to_string();
    let args = ["--tls", "--insecure", "--count", "2", "--every", "1ms"];
    let said = probe(&address, &args).run().status(0).says(&["--insecure"]);
    assert!(lines(&said)[2].contains("; handshake min/avg/max/mdev "), "{}", said.description());
}

/// A server with this key exchange alone.
fn with_group(
    authority: &Authority,
    group: &'static dyn rustls::crypto::SupportedKxGroup,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let issued = authority.localhost();
    let provider = CryptoProvider { kx_groups: vec![group], ..default_provider() };
    let chain = CertificateDer::pem_file_iter(&issued.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&issued.key).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

#[test]
fn a_key_exchange_that_is_not_safe_from_quantum_computers_is_refused_with_pq() {
    let authority = authority();
    let tls = ["--tls", "--pq", "--cacert", arg(&authority.ca)];
    for (versions, group) in [
        (rustls::ALL_VERSIONS, kx_group::X25519),
        (rustls::ALL_VERSIONS, kx_group::SECP384R1),
        (&[&rustls::version::TLS12][..], kx_group::X25519),
    ] {
        let config = with_group(&authority, group, versions);
        let server = tls_peer(config, |mut tls| tls.conn.complete_io(&mut tls.sock).is_ok());
        let address = server.address.to_string();
        let said = astream(["connect", &address]).args(tls).input("secret").run().status(6).stdout(b"");
        said.says(&["no post-quantum key exchange", "--pq"]);
        assert!(!server.join(), "no byte of stdin was sent");
    }
    for group in [kx_group::X25519MLKEM768, kx_group::SECP256R1MLKEM768, kx_group::MLKEM1024] {
        let config = with_group(&authority, group, rustls::ALL_VERSIONS);
        let server = tls_peer(config, |mut tls: StreamOwned<ServerConnection, _>| {
            assert_eq!(read_all(&mut tls), b"");
            end_tls(&mut tls);
        });
        let address = server.address.to_string();
        let said = probe(&address, &tls).run().status(0).silent();
        assert!(said.untimed().contains("MLKEM"), "{}", said.description());
        server.join();
    }
}
