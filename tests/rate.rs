//! `--limit-rate`: each direction of a connection moves so many bytes a second, and no more.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::certs::{arg, authority};
use support::peer::{end_tls, peer, read_all, tls_peer};
use support::{DEADLINE, Program, astream, noise};

const RATE: usize = 1 << 20;

/// It takes at least 0.2 s: what moves in a tenth of a second may go at once.
const LENGTH: usize = RATE * 3 / 10;
const LEAST: Duration = Duration::from_millis(199);

/// A machine with much to do, and not a rate that is much too low.
const MOST: Duration = Duration::from_secs(10);

fn takes_its_time(start: Instant, what: &str) {
    let taken = start.elapsed();
    assert!(taken >= LEAST, "{what} is faster than the rate allows: {taken:?}");
    assert!(taken < MOST, "{what} is much slower than the rate: {taken:?}");
}

#[test]
fn sending_and_receiving_keep_the_rate() {
    for more in [&[][..], &["-C"]] {
        // The clocks of these tests begin before anything moves: a thread may be late to look at its own.
        let start = Instant::now();
        let server = peer(move |mut stream| {
            let got = read_all(&mut stream);
            takes_its_time(start, "sending");
            got
        });
        // Without line feeds -C changes nothing.
        let data = vec![b'x'; LENGTH];
        let args = ["connect", &server.address.to_string(), "--limit-rate", "1M"];
        astream(args).args(more).input(data.clone()).run().status(0);
        assert!(server.join() == data);
    }
    let server = peer(|mut stream| stream.write_all(&noise(LENGTH)).unwrap());
    let start = Instant::now();
    let args = ["connect", &server.address.to_string(), "--limit-rate", "1024K", "--recv-only"];
    astream(args).run().status(0).stdout(&noise(LENGTH));
    takes_its_time(start, "receiving");
}

#[test]
fn under_tls_it_is_the_same() {
    let authority = authority();
    let own = authority.localhost();
    let start = Instant::now();
    let server = tls_peer(authority.server(&own, false), move |mut tls| {
        let mut got = vec![0; LENGTH];
        tls.read_exact(&mut got).unwrap();
        takes_its_time(start, "sending");
        assert!(got == noise(LENGTH));
        let start = Instant::now();
        tls.write_all(&got).unwrap();
        end_tls(&mut tls);
        let _ = tls.read(&mut [0]);
        start
    });
    let address = server.address.to_string();
    let args = ["connect", &address, "--tls", "--cacert", arg(&authority.ca), "--limit-rate", "1M"];
    astream(args).input(noise(LENGTH)).run().status(0).stdout(&noise(LENGTH));
    takes_its_time(server.join(), "receiving");
}

/// Sends this and gets as much back.
fn exchange(mut stream: TcpStream, data: &[u8]) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut back = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(data).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        (&stream).read_to_end(&mut back).unwrap();
    });
    let _ = stream.flush();
    back
}

fn listen(more: &[&str]) -> Program {
    astream(["listen", "127.0.0.1", "0", "--limit-rate", "1M"]).args(more)
}

#[test]
fn every_handler_keeps_it() {
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let target = echo.address().to_string();
    for more in [&["--echo"][..], &["--forward", &target], &["--discard"], &["--", "cat"]] {
        let listener = listen(more).start();
        let address = listener.address();
        let start = Instant::now();
        let stream = TcpStream::connect(address).unwrap();
        let back = exchange(stream, &noise(LENGTH));
        takes_its_time(start, more[0]);
        assert!(back == noise(if more == ["--discard"] { 0 } else { LENGTH }), "{more:?}");
    }
    for more in [&[][..], &["-k"]] {
        let listener = listen(more).input(noise(LENGTH)).start();
        let address = listener.address();
        let start = Instant::now();
        let stream = TcpStream::connect(address).unwrap();
        assert!(exchange(stream, b"") == noise(LENGTH), "{more:?}");
        takes_its_time(start, "stdin");
    }
}

#[test]
fn to_wait_for_the_rate_is_not_to_be_idle() {
    // Each byte waits for half a second.
    let server = peer(|mut stream| read_all(&mut stream));
    let args = ["connect", &server.address.to_string(), "--limit-rate", "2", "-i", "250ms"];
    astream(args).input("abc").run().status(0);
    assert_eq!(server.join(), b"abc");
    let server = peer(|mut stream| stream.write_all(b"abc").unwrap());
    let args = ["connect", &server.address.to_string(), "--limit-rate", "2", "-i", "250ms"];
    astream(args).run().status(0).stdout(b"abc");
    // A peer that sends nothing is idle all the same.
    let server = peer(|mut stream| stream.read(&mut [0]).is_err());
    let args = ["connect", &server.address.to_string(), "--limit-rate", "2", "-i", "250ms"];
    astream(args).open_stdin().start().wait().status(5);
    assert!(server.join());
}

#[test]
fn a_rate_of_0_is_none() {
    let server = peer(|mut stream| read_all(&mut stream));
    let args = ["connect", &server.address.to_string(), "--limit-rate", "0"];
    astream(args).input(noise(20 * RATE)).run().status(0);
    assert!(server.join() == noise(20 * RATE));
}

#[tokio::test(start_paused = true)]
async fn each_way_of_a_connection_of_the_library_keeps_it_over_ten_seconds() {
    use astream::{ConnectOptions, open_connection_over};

    let (one, other) = tokio::io::duplex(1 << 20);
    let limited = ConnectOptions::new().limit_rate(1000).close_timeout(None);
    let (mut reader, writer) = open_connection_over(one, &limited).await.unwrap();
    let (mut peer_reader, peer_writer) = open_connection_over(other, &ConnectOptions::new()).await.unwrap();
    let start = tokio::time::Instant::now();
    let sent = async {
        writer.write(&noise(10_000));
        assert_eq!(writer.write_buffer_size(), 9900, "a tenth of a second at once");
        writer.drain().await.unwrap();
        start.elapsed()
    };
    let received = async {
        peer_writer.write(&noise(10_000));
        assert!(reader.readexactly(10_000).await.unwrap() == noise(10_000));
        start.elapsed()
    };
    let arrived = async { peer_reader.readexactly(10_000).await.unwrap() };
    let (sent, received, arrived) = tokio::join!(sent, received, arrived);
    assert!(arrived == noise(10_000));
    for taken in [sent, received] {
        assert!((9.5..10.5).contains(&taken.as_secs_f64()), "{taken:?}");
    }
    // What is queued is sent at the rate while closing, too.
    writer.write(&noise(5000));
    let start = tokio::time::Instant::now();
    let (closed, rest) = tokio::join!(writer.wait_closed(), async {
        let rest = peer_reader.read_to_end().await.unwrap();
        peer_writer.close();
        rest
    });
    closed.unwrap();
    assert!(rest == noise(5000));
    assert!((4.5..5.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}
