//! Clients that misbehave after their handshake.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::hello::{ALERT, DATA, HANDSHAKE, TOO_LONG, client_hello, record};
use crate::sealed::sealed;
use crate::support::noise;
use crate::victim::{Handler, SERVERS, Victim, victim};

/// A client whose handshake is complete on both sides.
fn session(victim: &Victim) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(victim.authority.client(), name).unwrap();
    let mut session = StreamOwned::new(client, victim.dial());
    session.write_all(b"here\n").unwrap();
    session.flush().unwrap();
    match victim.handler {
        Handler::Echo | Handler::Forward | Handler::Command | Handler::Proxied => {
            session.read_exact(&mut [0; 5]).unwrap();
        }
        Handler::Discard => drop(victim.listener.stderr_line("TLSv1.3 with ")),
        Handler::KeepOpen | Handler::Broker | Handler::OneShot => drop(victim.listener.stdout_line("here")),
    }
    session
}

#[test]
fn bad_records_end_that_session_only() {
    for handler in SERVERS {
        let victim = victim(handler, "1m");
        for bytes in [
            record(DATA, &noise(TOO_LONG)),
            [&[DATA, 3, 3, 0xff, 0xff][..], &noise(0xffff)].concat(),
            record(DATA, &[]),
            record(DATA, &noise(100)),
            record(HANDSHAKE, &[0, 0, 0, 0]),
            record(ALERT, &[1, 90]).repeat(10_000),
            noise(100_000),
            b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        ] {
            let mut session = session(&victim);
            let _ = session.sock.write_all(&bytes);
            victim.reports("TLS: ");
            let mut rest = Vec::new();
            assert!(session.read_to_end(&mut rest).is_err() && rest.is_empty(), "no clean end");
        }
        victim.serves();
    }
}

#[test]
fn a_flood_of_renegotiations_ends_that_session_only() {
    let hello = client_hello();
    for handler in SERVERS {
        let victim = victim(handler, "1m");
        let before = victim.memory();
        let mut session = sealed(&victim);
        let flood: Vec<_> = (0..1000).flat_map(|_| session.seal(HANDSHAKE, &hello[5..])).collect();
        session.flood(&flood);
        victim.reports("asked to renegotiate again and again");
        let more = victim.memory().saturating_sub(before);
        assert!(more < 8 << 20, "{more} bytes more");
        victim.serves();
    }
}

#[test]
fn a_renegotiation_that_is_refused_once_does_no_harm() {
    let hello = client_hello();
    let victim = victim(Handler::KeepOpen, "1m");
    let mut session = sealed(&victim);
    let records = [session.seal(HANDSHAKE, &hello[5..]), session.seal(DATA, b"goes on\n")].concat();
    session.socket.write_all(&records).unwrap();
    victim.listener.stdout_line("goes on");
    victim.serves();
}

#[test]
fn a_flood_of_warnings_ends_that_session_only() {
    for handler in SERVERS {
        let victim = victim(handler, "1m");
        let mut session = sealed(&victim);
        // user_canceled
        let flood: Vec<_> = (0..10_000).flat_map(|_| session.seal(ALERT, &[1, 90])).collect();
        session.flood(&flood);
        victim.reports("TooManyWarningAlertsReceived");
        victim.serves();
    }
}

#[test]
fn a_flood_of_key_updates_ends_that_session_only() {
    for handler in SERVERS {
        let victim = victim(handler, "1m");
        let before = victim.memory();
        let mut session = session(&victim);
        for _ in 0..1000 {
            session.conn.refresh_traffic_keys().unwrap();
            while session.conn.wants_write() {
                if session.conn.write_tls(&mut session.sock).is_err() {
                    break;
                }
            }
        }
        victim.reports("TLS: ");
        let more = victim.memory().saturating_sub(before);
        assert!(more < 8 << 20, "{more} bytes more");
        victim.serves();
    }
}

#[test]
fn new_keys_with_every_byte_are_no_harm() {
    for handler in [Handler::Echo, Handler::Forward] {
        let victim = victim(handler, "1m");
        let mut session = session(&victim);
        let before = victim.memory();
        for byte in noise(500) {
            session.conn.refresh_traffic_keys().unwrap();
            session.write_all(&[byte]).unwrap();
            session.flush().unwrap();
            let mut back = [0];
            session.read_exact(&mut back).unwrap();
            assert_eq!(back, [byte]);
        }
        let more = victim.memory().saturating_sub(before);
        assert!(more < 4 << 20, "{more} bytes more");
        victim.serves();
    }
}

#[test]
fn new_keys_of_a_client_that_reads_nothing_cost_no_memory() {
    let victim = victim(Handler::KeepOpen, "1m");
    let mut session = session(&victim);
    let before = victim.memory();
    // Each update requires one of the other side, which has nowhere to go.
    for byte in noise(20_000) {
        session.conn.refresh_traffic_keys().unwrap();
        session.conn.writer().write_all(&[byte]).unwrap();
        while session.conn.wants_write() {
            session.conn.write_tls(&mut session.sock).unwrap();
        }
    }
    victim.listener.until_stdout(&[b"here\n", &noise(20_000)[..]].concat());
    let more = victim.memory().saturating_sub(before);
    assert!(more < 8 << 20, "{more} bytes more");
}
