//! `-- CMD`: a command for each connection, which has the socket itself or pipes.

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;

use rustix::process::Signal;
use support::certs::{Issued, arg, authority};
use support::peer::{peer, read_all, reset};
use support::{BY_STREAMS, DEADLINE, Program, Running, astream, noise, tool};

/// A listener that runs a command for each connection.
struct Server {
    running: Running,
    address: SocketAddr,
}

impl Server {
    fn start(program: Program) -> Self {
        let running = program.start();
        let address = running.address();
        Self { running, address }
    }

    /// That of a shell command, with these options.
    fn of(options: &[&str], script: &str) -> Self {
        Self::start(astream(["listen", "127.0.0.1", "0"]).args(options).args(["--", "sh", "-c", script]))
    }

    fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// A client that has received this.
    fn client_after(&self, greeting: &str) -> TcpStream {
        let mut stream = self.client();
        let mut received = vec![0; greeting.len()];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, greeting.as_bytes());
        stream
    }

    /// What a client receives that sends nothing.
    fn answer(&self) -> String {
        String::from_utf8(read_all(&mut self.client())).unwrap()
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }
}

#[test]
fn what_it_reads_and_writes_is_the_connection() {
    let server = Server::of(&[], "tr a-z A-Z");
    let mut stream = server.client();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream), b"HELLO");
}

#[test]
fn much_goes_through_it_both_ways() {
    let bytes = noise(8_000_000);
    let server = Server::of(&["--once"], "cat");
    astream(["connect", "127.0.0.1", &server.port()]).input(bytes.clone()).run().status(0).stdout(&bytes);
    server.running.wait().status(0);
}

#[test]
fn a_plain_socket_is_its_own_and_blocks_and_otherwise_there_are_pipes() {
    let script = "readlink /proc/self/fd/0 /proc/$$/fd/1; grep flags /proc/$$/fdinfo/0";
    for (options, is_plain) in [(&[][..], !BY_STREAMS), (&["-i", "60"], false)] {
        let found = Server::of(options, script).answer();
        assert_eq!(found.matches(if is_plain { "socket:" } else { "pipe:" }).count(), 2, "{found}");
        let flags = found.split("flags:").nth(1).unwrap().trim();
        assert_eq!(u32::from_str_radix(flags, 8).unwrap() & 0o4000, 0, "it does not block: {found}");
    }
}

#[test]
fn a_command_that_does_not_read_loses_none_of_what_it_writes() {
    let answer = noise(300_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer");
    fs::write(&file, &answer).unwrap();
    for begin in ["", "exec 0<&-; "] {
        let server = Server::of(&[], &format!("{begin}cat {}", file.display()));
        let client = astream(["connect", "127.0.0.1", &server.port()]).input(noise(3_000_000));
        client.run().stdout(&answer);
    }
}

#[test]
fn its_end_is_that_of_the_connection_although_another_process_has_its_stdout() {
    let server = Server::of(&[], "sleep 1000 2>&- & echo $!");
    let pid = server.answer();
    tool("kill").args([pid.trim()]).run().status(0);
}

#[test]
fn a_client_that_goes_away_ends_the_command_and_its_group() {
    // The group has two processes, and each reports the signal. The inner one is the last to be ready.
    let script = "trap 'echo outer >&2; exit' TERM; \
                  (trap 'echo inner >&2; exit' TERM; echo ready; while :; do sleep 0.05; done) & \
                  while :; do sleep 0.05; done";
    let server = Server::of(&[], script);
    reset(server.client_after("ready\n"));
    let mut missing = vec!["inner", "outer"];
    while !missing.is_empty() {
        let line = server.running.stderr_line("");
        missing.retain(|missing| *missing != line);
    }
}

#[test]
fn a_command_that_ignores_the_request_is_killed() {
    let server = Server::of(&["-v"], "trap '' TERM; echo pid $$ >&2; echo ready; while :; do sleep 1; done");
    let stream = server.client_after("ready\n");
    let pid = server.running.stderr_line("pid ").replace("pid ", "");
    reset(stream);
    // It is reported when the process has ended, after the 5 s that it may take: the limit that is tested.
    server.running.stderr_line("reset");
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_server_that_is_stopped_ends_its_commands() {
    let script = "trap 'echo asked >&2; exit' TERM; echo ready; while :; do sleep 0.05; done";
    let server = Server::of(&["--grace", "0"], script);
    let _client = server.client_after("ready\n");
    server.running.signal(Signal::TERM);
    server.running.stderr_line("asked");
    server.running.wait().status(0);
}

#[test]
fn a_server_that_is_stopped_waits_until_a_command_that_ignores_that_is_killed() {
    let script = "trap '' TERM; echo pid $$ >&2; echo ready; while :; do sleep 1; done";
    let stopped = |options: &[&str]| {
        let server = Server::of(options, script);
        let _client = server.client_after("ready\n");
        let pid = server.running.stderr_line("pid ").replace("pid ", "");
        server.running.stop();
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    };
    // Each takes the 5 s that a command has.
    thread::scope(|scope| {
        scope.spawn(|| stopped(&["--grace", "0"]));
        scope.spawn(|| stopped(&["--grace", "0", "--dump", "/dev/null"]));
        scope.spawn(|| {
            let server = Server::start(astream(["listen", "-u", "127.0.0.1", "0", "--", "sh", "-c", script]));
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(b"one", server.address).unwrap();
            let pid = server.running.stderr_line("pid ").replace("pid ", "");
            server.running.stop();
            assert!(!Path::new(&format!("/proc/{pid}")).exists());
        });
    });
}

#[test]
fn a_client_that_is_interrupted_ends_its_command() {
    let (sender, receiver) = channel::<()>();
    let server = peer(move |stream| {
        let _ = receiver.recv();
        drop(stream);
    });
    let script = "trap 'echo asked >&2; exit' TERM; echo ready >&2; while :; do sleep 0.05; done";
    let client = astream(["connect", "127.0.0.1", &server.port(), "--", "sh", "-c", script]).start();
    client.stderr_line("ready");
    client.signal(Signal::INT);
    client.stderr_line("asked");
    assert_eq!(client.wait().code(), 128 + 2);
    drop(sender);
}

#[test]
fn where_one_connection_is_served_its_status_is_ours() {
    for (script, status) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        let server = Server::of(&["--once"], script);
        let read = server.client().read_to_end(&mut Vec::new());
        assert_eq!(read.is_err(), status > 128, "{script}: a command that was killed has not ended cleanly");
        let finished = server.running.wait().status(status);
        if status > 128 {
            let reason = format!("astream: sh was killed by signal {}", status - 128);
            assert!(finished.stderr.contains(&reason), "{}", finished.description());
        }
        let server = peer(|mut stream| stream.read_to_end(&mut Vec::new()).is_ok());
        let client = astream(["connect", "127.0.0.1", &server.port(), "--", "sh", "-c", script]);
        client.run().status(status);
        assert_eq!(server.join(), status < 128);
    }
}

#[test]
fn status_0_with_a_lost_connection_is_1() {
    let script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let server = Server::of(&["--once"], script);
    reset(server.client_after("ready\n"));
    let finished = server.running.wait().status(1);
    assert!(finished.stderr.contains("reset"), "{}", finished.description());
}

#[test]
fn a_command_that_is_not_there_is_status_2_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "text").unwrap();
    for program in ["no-such-program", "/no/such/program", arg(&plain), arg(folder.path())] {
        for command in ["listen", "connect"] {
            astream([command, "127.0.0.1", "1", "--", program])
                .run()
                .status(2)
                .says(&[program, "no such command"]);
        }
    }
}

/// What `env` has printed.
fn environment(mut stream: impl Read) -> BTreeMap<String, String> {
    let text = String::from_utf8(read_all(&mut stream)).unwrap();
    text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

#[test]
fn its_environment_describes_the_connection() {
    let program = astream(["listen", "127.0.0.1", "0", "--", "env"])
        .env("TCPREMOTEHOST", "forged")
        .env("SSL_CLIENT_S_DN", "forged")
        .env("NOTIFY_SOCKET", "/x")
        .env("LISTEN_FDNAMES", "x");
    let stream = Server::start(program);
    let (stream, server) = (stream.client(), stream);
    let found = environment(&stream);
    assert_eq!(found["PROTO"], "TCP");
    assert_eq!(found["TCPREMOTEIP"], "127.0.0.1");
    assert_eq!(found["TCPREMOTEPORT"], stream.local_addr().unwrap().port().to_string());
    assert_eq!(found["TCPLOCALIP"], "127.0.0.1");
    assert_eq!(found["TCPLOCALPORT"], server.port());
    for name in ["TCPREMOTEHOST", "SSL_CLIENT_S_DN", "SSL_PROTOCOL", "NOTIFY_SOCKET", "LISTEN_FDNAMES"] {
        assert!(!found.contains_key(name), "{name}");
    }
    // An IPv4 client of a listener for both families.
    let server = Server::start(astream(["listen", ":0", "--", "env"]));
    let found = environment(TcpStream::connect(format!("127.0.0.1:{}", server.port())).unwrap());
    assert_eq!((&found["TCPREMOTEIP"][..], &found["TCPLOCALIP"][..]), ("127.0.0.1", "127.0.0.1"));
}

#[test]
fn a_unix_client_is_described_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = astream(["listen", &format!("unix:{}", path.display()), "--", "env"]).start();
    server.stderr_line("listening");
    let found = environment(UnixStream::connect(&path).unwrap());
    assert_eq!((&found["PROTO"][..], &found["UNIXLOCALPATH"][..]), ("UNIX", arg(&path)));
    assert_eq!(found["UNIXREMOTEPID"], std::process::id().to_string());
}

#[test]
fn under_tls_it_is_described_and_its_end_is_clean() {
    let authority = authority();
    let (server, client) = (authority.localhost(), authority.issue("me", &["me.test"]));
    let tls = ["--tls", "--alpn", "h2", "--cacert", arg(&authority.ca)];
    let identity =
        |issued: &Issued| ["--cert", arg(&issued.cert), "--key", arg(&issued.key)].map(str::to_owned);
    let program = astream(["listen", "127.0.0.1", "0"]).args(tls).args(identity(&server)).args(["--", "env"]);
    let server = Server::start(program);
    let client = astream(["connect", "localhost", &server.port()]).args(tls).args(identity(&client)).run();
    let found = environment(&client.status(0).stdout[..]);
    assert_eq!(found["PROTO"], "TCP");
    assert_eq!(found["SSL_PROTOCOL"], "TLSv1.3");
    assert!(found["SSL_CIPHER"].starts_with("TLS_"));
    assert_eq!((&found["SSL_TLS_SNI"][..], &found["SSL_ALPN"][..]), ("localhost", "h2"));
    assert!(found["SSL_CLIENT_S_DN"].starts_with("CN=") && found["SSL_CLIENT_PIN"].starts_with("sha256//"));
}

#[test]
fn it_gets_no_descriptor_and_no_signal_of_ours() {
    // What the test itself was given is passed on by all.
    let given = tool("sh").args(["-c", "exec ls /proc/self/fd"]).run().stdout;
    let server = Server::of(&[], "echo ready; read line; exec ls /proc/self/fd");
    // The descriptors of another client are not its business.
    let _other = server.client_after("ready\n");
    let mut stream = server.client_after("ready\n");
    stream.write_all(b"\n").unwrap();
    assert_eq!(read_all(&mut stream), given);
    let script = "exec grep -E 'SigBlk|SigIgn' /proc/self/status";
    let given = tool("sh").args(["-c", script]).run().stdout;
    assert_eq!(Server::of(&[], script).answer().as_bytes(), given);
}

#[test]
fn many_short_commands_leave_nothing_behind() {
    let server = Server::of(&[], "echo hello");
    let process = format!("/proc/{}", server.running.pid().as_raw_nonzero());
    let descriptors = || fs::read_dir(format!("{process}/fd")).unwrap().count();
    assert_eq!(server.answer(), "hello\n");
    let before = descriptors();
    let address = server.address;
    let ask = move || {
        for _ in 0..40 {
            assert_eq!(read_all(&mut TcpStream::connect(address).unwrap()), b"hello\n");
        }
    };
    thread::scope(|scope| (0..50).for_each(|_| drop(scope.spawn(ask))));
    // The last ones are being closed: it is waited for, and that is what is tested.
    let children = format!("{process}/task/{}/children", server.running.pid().as_raw_nonzero());
    while descriptors() > before || !fs::read_to_string(&children).unwrap().is_empty() {
        thread::yield_now();
    }
}

#[test]
fn options_about_stdin_and_other_handlers_are_refused() {
    for options in
        [&["--echo"][..], &["--forward", "127.0.0.1:1"], &["-C"], &["--send-only"], &["--exit-on-close"]]
    {
        let said = astream(["listen", "127.0.0.1", "0"]).args(options).args(["--", "true"]).run().status(2);
        said.says(&["cannot be used with"]);
    }
    astream(["connect", "127.0.0.1", "1", "-z", "--", "true"]).run().status(2).says(&["cannot be used with"]);
}

#[test]
fn a_session_of_datagrams_has_a_command_too() {
    let script = "read line; echo $PROTO $UDPREMOTEPORT $line; read line; exit 3";
    let server = Server::start(astream(["listen", "-u", "127.0.0.1", "0", "-v", "--", "sh", "-c", script]));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.connect(server.address).unwrap();
    socket.send(b"hello\n").unwrap();
    let mut answer = [0; 100];
    let length = socket.recv(&mut answer).unwrap();
    let wanted = format!("UDP {} hello\n", socket.local_addr().unwrap().port());
    assert_eq!(&answer[..length], wanted.as_bytes());
    socket.send(b"\n").unwrap();
    server.running.stderr_line("sh has ended with status 3");
}

#[test]
fn silence_is_the_end_of_input_for_the_command_of_a_session_which_still_answers() {
    let listen = ["listen", "-u", "127.0.0.1", "0", "-i", "300ms", "-v", "--", "sort"];
    let server = Server::start(astream(listen));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.connect(server.address).unwrap();
    socket.send(b"b\na\n").unwrap();
    let mut answer = [0; 100];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"a\nb\n");
    server.running.stderr_line("sort has ended with status 0");
}

#[test]
fn what_comes_after_the_end_of_a_session_is_for_the_command_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let got = folder.path().join("got");
    // It goes on after the end of its input, until it is asked to end.
    let script = format!("cat >> {}; echo over >&2; while :; do sleep 0.05; done", got.display());
    let listen = ["listen", "-u", "127.0.0.1", "0", "-i", "300ms", "--", "sh", "-c", &script];
    let server = Server::start(astream(listen));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    for line in ["one\n", "two\n"] {
        socket.send(line.as_bytes()).unwrap();
        server.running.stderr_line("over");
    }
    assert_eq!(fs::read_to_string(&got).unwrap(), "one\ntwo\n");
    server.running.stop();
}

#[test]
fn a_client_of_datagrams_has_a_command_and_its_status() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let script = "echo hello; read line; test \"$line\" = answer && exit 3";
    let client = astream(["connect", "-u", "127.0.0.1", &port, "--", "sh", "-c", script]).start();
    let mut message = [0; 100];
    let (length, peer) = socket.recv_from(&mut message).unwrap();
    assert_eq!(&message[..length], b"hello\n");
    socket.send_to(b"answer\n", peer).unwrap();
    client.wait().status(3).silent();
}

#[test]
fn a_session_that_ends_takes_its_command_with_it() {
    let script = "trap 'echo asked >&2; exit' TERM; echo ready >&2; while :; do sleep 0.05; done";
    let server =
        Server::start(astream(["listen", "-u", "127.0.0.1", "0", "-m", "1", "--", "sh", "-c", script]));
    let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    for socket in &sockets {
        socket.connect(server.address).unwrap();
    }
    sockets[0].send(b"one").unwrap();
    server.running.stderr_line("ready");
    sockets[1].send(b"two takes its place").unwrap();
    server.running.stderr_line("asked");
    // The other command would be left where the server is killed.
    server.running.stop();
}
