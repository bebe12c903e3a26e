//! Who may come to a listener, and how many at once.

mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};
use support::certs::{arg, authority};
use support::{DEADLINE, Program, Running, astream};

fn listen(more: &[&str]) -> Program {
    astream(["listen", "127.0.0.1", "0", "-v"]).args(more)
}

/// A connection from 127.0.0.N.
fn dial_from(n: u8, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, n], 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Says something to an echo, and gets it back.
fn exchange(mut stream: impl Read + Write) -> std::io::Result<()> {
    stream.write_all(b"echo")?;
    let mut back = [0; 4];
    stream.read_exact(&mut back)?;
    assert_eq!(&back, b"echo");
    Ok(())
}

#[track_caller]
fn is_served(mut stream: impl Read + Write) {
    for _ in 0..5 {
        exchange(&mut stream).unwrap();
    }
}

#[track_caller]
fn is_reset(mut stream: TcpStream) {
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

fn descriptors(of: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", of.pid().as_raw_nonzero())).unwrap().count()
}

#[test]
fn the_surplus_waits_until_there_is_room() {
    let listener = listen(&["--echo", "-m", "2"]).start();
    let address = listener.address();
    let mut served: Vec<_> = (0..2).map(|_| dial_from(1, address)).collect();
    served.iter().for_each(is_served);
    for _ in 0..3 {
        let mut third = dial_from(1, address);
        third.write_all(b"echo").unwrap();
        listener.stderr_line("2 of 2 connections are open: others wait until one has ended");
        served.iter().for_each(is_served);
        third.set_nonblocking(true).unwrap();
        assert!(third.read(&mut [0]).is_err(), "it is served while there is no room");
        third.set_nonblocking(false).unwrap();
        drop(served.remove(0));
        third.read_exact(&mut [0; 4]).unwrap();
        is_served(&third);
        served.push(third);
    }
    listener.stop();
}

#[test]
fn each_way_to_end_leaves_room_for_the_next() {
    let echo = listen(&["--echo"]).start();
    let target = echo.address().to_string();
    for more in
        [&["--echo"][..], &["--forward", &target], &["--", "cat"], &["-k"], &["--discard"], &["--broker"]]
    {
        // Options come before a command.
        let listener = listen(&["-m", "1"]).args(more).open_stdin().start();
        let address = listener.address();
        for _ in 0..5 {
            let client = dial_from(1, address);
            listener.stderr_line(&format!("{}: open", client.local_addr().unwrap()));
            support::peer::reset(client);
        }
    }
}

#[test]
fn a_handshake_counts_and_so_does_a_client_of_a_unix_socket() {
    let authority = authority();
    let own = authority.localhost();
    let args = ["--echo", "-m", "1", "--tls", "--cert", arg(&own.cert), "--key", arg(&own.key)];
    let listener = listen(&args).start();
    let address = listener.address();
    let silent = dial_from(1, address);
    let connect = ["connect", &address.to_string(), "--tls", "--cacert", arg(&authority.ca)];
    let client = astream(connect).input("x").start();
    listener.stderr_line("1 of 1 connections are open");
    drop(silent);
    client.wait().status(0).stdout(b"x");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = format!("unix:{}", path.display());
    let listener = astream(["listen", &address, "--echo", "-m", "1", "-v"]).start();
    listener.stderr_line("listening on");
    let first = UnixStream::connect(&path).unwrap();
    is_served(&first);
    let second = UnixStream::connect(&path).unwrap();
    listener.stderr_line("1 of 1 connections are open");
    drop(first);
    is_served(&second);
}

#[test]
fn of_one_address_the_surplus_is_reset() {
    let listener = listen(&["--echo", "--max-conns-per-ip", "2"]).start();
    let address = listener.address();
    let (one, two) = (dial_from(1, address), dial_from(1, address));
    is_served(&one);
    is_served(&two);
    let third = dial_from(1, address);
    let name = third.local_addr().unwrap();
    is_reset(third);
    listener.stderr_line(&format!("{name}: refused: 127.0.0.1 has 2 of 2 connections"));
    is_served(&dial_from(2, address));
    let name = one.local_addr().unwrap();
    drop(one);
    listener.stderr_line(&format!("{name}: 20 bytes sent"));
    // Its place is free a moment later.
    let start = Instant::now();
    while exchange(&dial_from(1, address)).is_err() {
        assert!(start.elapsed() < DEADLINE, "a place that was left is not free again");
        thread::yield_now();
    }
    is_served(&two);
}

#[test]
fn who_is_not_allowed_is_reset_and_uses_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("networks");
    std::fs::write(&file, "# friends\n\n127.0.0.1 # one of them\n  127.0.0.4/31\n").unwrap();
    let file = format!("@{}", file.display());
    for (rules, allowed) in [
        (&["--deny", "127.0.0.2"][..], &[1, 3, 4, 5][..]),
        (&["--allow", "127.0.0.2"], &[2]),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.0/31,127.0.0.5"], &[2, 3, 4]),
        (&["--allow", "127.0.0.2", "--allow", "::1,127.0.0.3"], &[2, 3]),
        (&["--allow", &file], &[1, 4, 5]),
        (&["--deny", &file, "--deny", "127.0.0.3"], &[2]),
    ] {
        let listener = listen(&["--echo"]).args(rules).start();
        let address = listener.address();
        for n in 1..=5 {
            let stream = dial_from(n, address);
            let name = stream.local_addr().unwrap();
            if allowed.contains(&n) {
                is_served(stream);
            } else {
                is_reset(stream);
                listener.stderr_line(&format!("{name}: refused: its address is not allowed"));
            }
        }
    }
    std::fs::write(&file[1..], "127.0.0.1\nlocalhost\n").unwrap();
    let refused = listen(&["--allow", &file]).run().status(2);
    refused.says(&["--allow", "networks:2: 'localhost': a network is ADDRESS"]);
}

#[test]
fn a_one_shot_listener_goes_on_after_who_is_not_allowed() {
    let listener = listen(&["--deny", "127.0.0.2"]).start();
    let address = listener.address();
    for _ in 0..3 {
        is_reset(dial_from(2, address));
    }
    let mut client = dial_from(1, address);
    client.write_all(b"served").unwrap();
    drop(client);
    listener.wait().status(0).stdout(b"served");
}

#[test]
fn who_is_not_allowed_is_reset_before_the_handshake_and_keeps_no_descriptor() {
    let listener = listen(&["--tls", "--echo", "--deny", "127.0.0.2"]).start();
    let address = listener.address();
    let before = descriptors(&listener);
    for _ in 0..100 {
        is_reset(dial_from(2, address));
    }
    assert_eq!(descriptors(&listener), before);
}

#[tokio::test]
async fn an_ipv4_client_of_a_socket_for_both_families_counts_as_ipv4() {
    use astream::{Listener, Networks, ServerOptions};

    let (inner, all): (Networks, Networks) = ("127.0.0.1".parse().unwrap(), "::/0".parse().unwrap());
    for (options, is_allowed) in [
        (ServerOptions::new().allow(inner.clone()), true),
        (ServerOptions::new().allow(all.clone()), false),
        (ServerOptions::new().deny(inner), false),
        (ServerOptions::new().deny(all), true),
        (ServerOptions::new().max_connections_per_address(0), false),
    ] {
        let socket = TcpListener::bind("[::]:0").unwrap();
        let address = (IpAddr::from(Ipv4Addr::LOCALHOST), socket.local_addr().unwrap().port());
        let mut listener = Listener::from_std(socket, &options).unwrap();
        let client = thread::spawn(move || {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            client.read(&mut [0])
        });
        let reading = tokio::task::spawn_blocking(|| client.join().unwrap());
        tokio::select! {
            accepted = listener.accept() => {
                assert!(is_allowed, "{options:?}");
                drop(accepted);
            }
            read = reading => assert!(read.unwrap().is_err() && !is_allowed, "{options:?}"),
        }
    }
}
