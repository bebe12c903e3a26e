//! Clients that never complete their handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::hello::{ALERT, HANDSHAKE, TOO_LONG, client_hello, record};
use crate::support::noise;
use crate::victim::{Handler, handlers, victim};

/// Sends the bytes, whether or not all of them are taken, and reads to whatever end there is.
fn send(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn what_is_not_tls_is_reported_with_its_first_words() {
    for handler in handlers() {
        let victim = victim(handler, "1m");
        for (said, expected) in [
            (&b"GET /secret HTTP/1.1\r\nHost: here\r\n\r\n"[..], r#"it sent "GET /secret HTTP/1.1""#),
            (b"SSH-2.0-\x1b[31mOpenSSH\r\n", r#"it sent "SSH-2.0-\u{1b}[31mOpenSSH""#),
            (&[0; 16 * 1024], r#"it sent "\0\0\0\0\0"#),
            (&vec![b'x'; 100_000], &format!("it sent \"{}\"", "x".repeat(80))),
            // Whole in one segment, and too short for the head of a record.
            (b"hi\n", r#"it sent "hi""#),
        ] {
            let stream = victim.dial();
            if said.len() < 5 {
                (&stream).write_all(said).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                victim.reports(&format!("the peer does not speak TLS; {expected}"));
            } else {
                send(stream, said);
                victim.reports(&format!("the peer does not speak TLS; {expected}"));
            }
        }
        victim.serves();
    }
}

#[test]
fn bad_records_are_reported_and_closed() {
    let hello = client_hello();
    let garbage = [&[HANDSHAKE][..], &noise(100_000)].concat();
    let too_long = [&[HANDSHAKE, 3, 1, 0xff, 0xff][..], &vec![1; 0xffff]].concat();
    let a_little_too_long = record(HANDSHAKE, &vec![1; TOO_LONG]);
    // A message of 16 MiB, in records that are good by themselves.
    let endless = record(HANDSHAKE, &[1, 0xff, 0xff, 0xff]);
    let endless = [endless, record(HANDSHAKE, &[0; 16 * 1024]).repeat(100)].concat();
    for handler in handlers() {
        let victim = victim(handler, "1m");
        let before = victim.memory();
        for bytes in [
            &garbage,
            &too_long,
            &a_little_too_long,
            &endless,
            &record(HANDSHAKE, &[]).repeat(10_000),
            &record(ALERT, &[1, 90]).repeat(10_000),
            &record(ALERT, &[2, 40]),
            &[hello.clone(), hello.clone()].concat(),
            &[hello.clone(), noise(100_000)].concat(),
        ] {
            send(victim.dial(), bytes);
            victim.reports("TLS handshake with 127.0.0.1:");
        }
        let more = victim.memory().saturating_sub(before);
        assert!(more < 16 << 20, "{more} bytes more");
        victim.serves();
    }
}

#[test]
fn half_a_client_hello_and_an_end_are_reported() {
    let hello = client_hello();
    for handler in handlers() {
        let victim = victim(handler, "1m");
        for length in [0, 3, hello.len() / 2] {
            let mut stream = victim.dial();
            stream.write_all(&hello[..length]).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            victim.reports(if length == 0 { "does it speak TLS?" } else { "before it was complete" });
        }
        victim.serves();
    }
}

#[test]
fn half_a_client_hello_and_silence_are_cut_off_in_time() {
    let hello = client_hello();
    for handler in handlers() {
        let victim = victim(handler, "200ms");
        let mut stream = victim.dial();
        stream.write_all(&hello[..hello.len() / 2]).unwrap();
        victim.reports("timed out after 200 ms");
        assert_eq!(stream.read(&mut [0; 100]).unwrap_or(0), 0);
        victim.serves();
    }
}

#[test]
fn a_client_hello_that_drips_is_cut_off_in_time() {
    let hello = client_hello();
    let victim = victim(Handler::Echo, "200ms");
    let mut stream = victim.dial();
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    for byte in &hello {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        match stream.read(&mut [0; 100]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => break,
        }
    }
    victim.reports("timed out after 200 ms");
    victim.serves();
}

#[test]
fn five_hundred_half_open_handshakes_delay_no_other_client_and_cost_little() {
    let hello = client_hello();
    for handler in handlers() {
        let victim = victim(handler, "10m");
        // The first one pays for what all share.
        send(victim.dial(), b"GET / HTTP/1.0\r\n\r\n");
        victim.reports("does not speak TLS");
        let before = victim.memory();
        let open: Vec<_> = (0..500)
            .map(|index| {
                let mut stream = victim.dial();
                stream.write_all(&hello[..hello.len() * (index % 4) / 4]).unwrap();
                stream
            })
            .collect();
        // A client that is served after them has waited for all of them to be accepted.
        let last = victim.dial();
        send(last, b"GET /last HTTP/1.0\r\n\r\n");
        victim.reports("GET /last");
        let each = victim.memory().saturating_sub(before) / open.len();
        assert!(each < 40 << 10, "{each} bytes each");
        victim.serves();
        drop(open);
    }
}
