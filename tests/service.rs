//! What a daemon is given and gives: sockets of systemd and inetd, readiness, SIGHUP, and how it listens.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::process::Signal;
use support::certs::{Issued, arg, authority};
use support::peer::read_all;
use support::{DEADLINE, Program, Running, astream, tool};

/// A shell that runs this with the program as `$0`.
fn shell(script: &str) -> Program {
    tool("sh").args(["-c", script, env!("CARGO_BIN_EXE_astream")])
}

/// What an echo server sends back.
fn echoed(mut stream: impl Read + Write, data: &[u8]) {
    stream.write_all(data).unwrap();
    let mut answer = vec![0; data.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, data);
}

fn dial(address: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Puts a certificate and its key in the place of others.
fn replace(current: &Issued, by: &Issued) {
    fs::copy(&by.cert, &current.cert).unwrap();
    fs::copy(&by.key, &current.key).unwrap();
}

/// The names of the certificate that this server presents.
fn presented(server: &str, ca: &Path) -> String {
    let probe = astream(["connect", "-z", "localhost", server, "--tls", "--json", "--cacert", arg(ca)]);
    let probe = probe.args(["--servername", "same.test"]).run().status(0);
    String::from_utf8(probe.stdout).unwrap()
}

#[test]
fn on_sighup_certificates_are_read_anew_and_connections_go_on() {
    let authority = authority();
    let first = authority.issue("first", &["same.test", "first.test"]);
    let second = authority.issue("second", &["same.test", "second.test"]);
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--cert", arg(&first.cert)])
        .args(["--key", arg(&first.key)])
        .start();
    let port = server.port();
    let open = astream(["connect", "localhost", &port, "--tls", "--cacert", arg(&authority.ca)]);
    let mut open = open.args(["--servername", "same.test"]).open_stdin().start();
    open.write_stdin(b"before\n");
    open.until_stdout(b"before\n");
    assert!(presented(&port, &authority.ca).contains("first.test"));

    replace(&first, &second);
    server.signal(Signal::HUP);
    server.stderr_line("read anew");
    assert!(presented(&port, &authority.ca).contains("second.test"));
    open.write_stdin(b"after\n");
    open.until_stdout(b"before\nafter\n");

    fs::write(&first.cert, "no certificate").unwrap();
    server.signal(Signal::HUP);
    let warning = server.stderr_line("SIGHUP");
    assert!(warning.contains(arg(&first.cert)) && warning.contains("stays in use"), "{warning}");
    assert!(presented(&port, &authority.ca).contains("second.test"));
    open.close_stdin();
    open.wait().status(0);
}

#[test]
fn on_sighup_the_networks_of_files_are_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let denied = folder.path().join("denied");
    fs::write(&denied, "192.0.2.0/24\n").unwrap();
    let deny = format!("@{}", denied.display());
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--deny", &deny]).start();
    let address = server.address();
    echoed(dial(address), b"let in");
    fs::write(&denied, "127.0.0.0/8\n").unwrap();
    server.signal(Signal::HUP);
    server.stderr_line("read anew");
    assert!(dial(address).read(&mut [0]).is_err(), "it is reset");
    fs::write(&denied, "no network\n").unwrap();
    server.signal(Signal::HUP);
    let warning = server.stderr_line("SIGHUP");
    assert!(warning.contains(arg(&denied)) && warning.contains("stays in use"), "{warning}");
    assert!(dial(address).read(&mut [0]).is_err(), "it is reset");
}

#[test]
fn on_sighup_what_is_trusted_of_a_target_is_read_anew() {
    let (old, new) = (authority(), authority());
    let issued = new.localhost();
    let target = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--cert", arg(&issued.cert)])
        .args(["--key", arg(&issued.key)])
        .start();
    let trusted = old.folder().join("trusted.pem");
    fs::copy(&old.ca, &trusted).unwrap();
    let relay = astream(["listen", "127.0.0.1", "0", "--forward", &format!("localhost:{}", target.port())])
        .args(["--forward-tls", "--forward-cacert", arg(&trusted)])
        .start();
    let address = relay.address();
    assert!(dial(address).read(&mut [0]).is_err(), "the target is not trusted");
    fs::copy(&new.ca, &trusted).unwrap();
    relay.signal(Signal::HUP);
    relay.stderr_line("read anew");
    echoed(dial(address), b"hello");
}

#[test]
fn a_fresh_key_stays_the_same_after_sighup() {
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).start();
    let line = server.stderr_line("connect with");
    let command: Vec<_> =
        line.split("astream connect ").nth(1).unwrap().split(' ').map(str::to_owned).collect();
    server.signal(Signal::HUP);
    server.stderr_line("read anew");
    astream(["connect"]).args(command).input("hello").run().status(0).stdout(b"hello");
}

#[test]
fn a_kept_key_that_is_gone_is_not_made_anew_by_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--key", arg(&key)]).start();
    server.stderr_line("connect with");
    fs::remove_file(&key).unwrap();
    server.signal(Signal::HUP);
    let warning = server.stderr_line("SIGHUP");
    assert!(warning.contains("the key is not there any more"), "{warning}");
    assert!(!key.exists());
}

#[test]
fn a_one_shot_listener_is_ended_by_sighup() {
    let server = astream(["listen", "127.0.0.1", "0"]).open_stdin().start();
    server.address();
    server.signal(Signal::HUP);
    assert_eq!(server.wait().code(), 128 + 1);
}

#[test]
fn a_descriptor_is_notified_with_each_address_and_closed() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!("exec \"$0\" listen '*' 0 --echo --ready-fd 7 7> {}", ready.display());
    let server = shell(&script).start();
    let port = server.port();
    // The line on stderr comes first.
    while fs::read_to_string(&ready).unwrap().lines().count() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(&ready).unwrap(), format!("0.0.0.0 {port}\n:: {port}\n"));
    let open = || fs::read_link(format!("/proc/{}/fd/7", server.pid().as_raw_nonzero()));
    while open().is_ok_and(|path| path == ready) {
        std::thread::yield_now();
    }
}

#[test]
fn a_descriptor_that_cannot_be_written_is_status_2_before_anything_listens() {
    let said = astream(["listen", "127.0.0.1", "0", "--ready-fd", "777"]).run().status(2);
    said.says(&["--ready-fd 777", "open for writing"]);
}

#[test]
fn the_service_manager_is_notified_of_each_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let next = || {
        let mut message = [0; 200];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let server = astream(["listen", "127.0.0.1", "0", "--echo"]).env("NOTIFY_SOCKET", &path).start();
    assert_eq!(next(), "READY=1\n");
    server.signal(Signal::HUP);
    let reloading = next();
    let time =
        reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading:?}"));
    assert!(time.trim().parse::<u64>().unwrap() > 0);
    assert_eq!(next(), "READY=1\n");
    server.signal(Signal::TERM);
    assert_eq!(next(), "STOPPING=1\n");
    server.wait().status(0);
}

/// The program with a listener as descriptor 3, as systemd hands it over.
fn activated(listener: &TcpListener, address: &str, environment: &str) -> Program {
    let script = format!("{environment} exec \"$0\" listen {address} --echo 3<&0 0</dev/null");
    shell(&script).stdin(OwnedFd::from(listener.try_clone().unwrap()))
}

#[test]
fn a_socket_of_systemd_is_served_by_its_number_and_by_its_name() {
    for address in ["fd:3", "fd:web"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = activated(&listener, address, "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web").start();
        assert_eq!(server.address(), listener.local_addr().unwrap());
        echoed(dial(listener.local_addr().unwrap()), b"hello");
        server.stop();
    }
}

#[test]
fn sockets_that_were_handed_over_and_are_not_served_are_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = activated(&listener, "fd:3", "LISTEN_PID=$$ LISTEN_FDS=2").start();
    server.stderr_line("1 more of the sockets that were handed over: not served here");
    server.stop();
}

#[test]
fn a_socket_that_was_not_handed_over_is_status_2() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, environment, reason) in [
        ("fd:3", "", "LISTEN_FDS is not set"),
        ("fd:3", "LISTEN_PID=1 LISTEN_FDS=1", "LISTEN_PID is not ours"),
        ("fd:4", "LISTEN_PID=$$ LISTEN_FDS=1", "no such socket was handed over; there are 1"),
        ("fd:2", "LISTEN_PID=$$ LISTEN_FDS=1", "no such socket"),
        ("fd:web", "LISTEN_PID=$$ LISTEN_FDS=1", "no such socket"),
        ("fd:web", "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=api", "there are 1, named api"),
    ] {
        activated(&listener, address, environment).run().status(2).says(&[address, reason]);
    }
}

/// Both ends of a connection, the client's first.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = dial(listener.local_addr().unwrap());
    (client, listener.accept().unwrap().0)
}

#[test]
fn the_connection_of_inetd_is_served_and_no_message_gets_into_it() {
    let (mut client, accepted) = connection();
    let server = shell("exec \"$0\" listen - -v --echo 1>&0 2>&0").stdin(OwnedFd::from(accepted)).start();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"hello");
    server.wait().status(0);
}

#[test]
fn a_command_for_the_connection_of_inetd_gives_its_status() {
    let (mut client, accepted) = connection();
    let peer = client.local_addr().unwrap().port();
    let server = astream(["listen", "-", "--", "sh", "-c", "echo $TCPREMOTEPORT; exit 3"]);
    let server = server.stdin(OwnedFd::from(accepted)).start();
    assert_eq!(read_all(&mut client), format!("{peer}\n").as_bytes());
    // Its end is waited for.
    drop(client);
    server.wait().status(3).silent();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let server = astream(["listen", "-", "--echo"]).stdin(OwnedFd::from(theirs)).start();
    echoed(&ours, b"over a Unix socket");
    drop(ours);
    server.wait().status(0);
}

#[test]
fn who_is_not_allowed_is_reset_by_inetd_s_server_too() {
    let (mut client, accepted) = connection();
    let server = astream(["listen", "-", "--echo", "--deny", "127.0.0.0/8"]).stdin(OwnedFd::from(accepted));
    server.run().status(1).says(&["its address is not allowed"]);
    assert!(client.read(&mut [0]).is_err(), "it is reset");
}

#[test]
fn a_stdin_that_is_no_connection_is_status_2() {
    astream(["listen", "-", "--echo"]).run().status(2).says(&["stdin is no connection", "inetd"]);
    astream(["listen", "-"]).run().status(2).says(&["a handler is needed"]);
}

#[test]
fn a_parent_that_ignores_its_children_takes_no_status_away() {
    let script = "trap '' CHLD; exec \"$0\" listen 127.0.0.1 0 --once -- sh -c 'exit 3'";
    let server = shell(script).start();
    assert_eq!(read_all(&mut dial(server.address())), b"");
    server.wait().status(3);
}

#[test]
fn connections_of_a_handler_are_spread_over_threads() {
    let thread = |server: &Running, is_there| server.until_thread("server", is_there);
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--threads", "3"]).start();
    let address = server.address();
    thread(&server, true);
    // Each has the fewest in turn, so that three of them use three threads.
    let clients: Vec<_> = (0..3).map(|_| dial(address)).collect();
    for client in &clients {
        echoed(client, b"hello");
    }
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let threads = fs::read_dir(tasks).unwrap().flatten().map(|task| task.path());
    let names = threads.map(|task| fs::read_to_string(task.join("comm")).unwrap());
    assert_eq!(names.filter(|name| name.trim() == "server").count(), 3);
    server.stop();
    let server = astream(["listen", "127.0.0.1", "0", "--echo", "--threads", "1"]).start();
    echoed(dial(server.address()), b"hello");
    thread(&server, false);
    for options in [&["-k"][..], &["--once", "--echo"], &["-u", "--echo"]] {
        let said = astream(["listen", "127.0.0.1", "0", "--threads", "2"]).args(options).run().status(2);
        said.says(&["--threads"]);
    }
}

#[test]
fn a_port_is_shared_by_those_that_ask_for_it() {
    let first = astream(["listen", "127.0.0.1", "0", "--echo", "--reuse-port", "--backlog", "5"]).start();
    let port = first.port();
    let second = astream(["listen", "127.0.0.1", &port, "--echo", "--reuse-port"]).start();
    echoed(dial(second.address()), b"hello");
    astream(["listen", "127.0.0.1", &port, "--echo"]).run().status(4);
}

#[test]
fn the_path_of_a_unix_socket_has_the_permissions_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    for (options, mode) in [(&[][..], 0o600), (&["--mode", "0660"], 0o660)] {
        let path = folder.path().join(mode.to_string());
        let server = astream(["listen", &format!("unix:{}", path.display()), "--echo"]).args(options).start();
        server.stderr_line("listening");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        drop::<Running>(server);
    }
    for wrong in ["8", "1000", "rw", "-1", "+7"] {
        astream(["listen", "unix:/x", &format!("--mode={wrong}")]).run().status(2).says(&["octal"]);
    }
}

#[test]
fn a_socket_of_datagrams_cannot_be_handed_over_and_its_name_is_not_looked_up() {
    for place in ["fd:3", "-"] {
        let said = astream(["listen", "-u", place]).run().status(2);
        said.says(&[&format!("'{place}': only a socket of connections can be handed over")]);
    }
}
