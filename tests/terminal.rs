//! In front of a person: what a terminal is given, what is said there and nowhere else, and the keys that end things.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Stdio;
use std::sync::mpsc::channel;

use rustix::process::Signal;
use support::peer::{Peer, peer, read_all};
use support::pty::{Terminal, terminal};
use support::{Program, Running, astream, noise};

/// What a terminal would act upon, and how it is shown.
const HARMFUL: &[u8] =
    b"\x1b[2J\x1b]0;title\x07\x9b1A\xc2\x9b1A\xe2\x80\xae \x7f\0 \xff Gr\xc3\xbc\xc3\x9fe\tEND";
const HARMLESS: &str =
    "\\u{1b}[2J\\u{1b}]0;title\\u{7}\\x9b1A\\u{9b}1A\\u{202e} \\u{7f}\\u{0} \\xff Grüße\tEND";

/// A program with all three streams on this terminal, which has colours.
fn on(terminal: &Terminal, program: Program) -> Program {
    let program = program.env("TERM", "xterm").env("NO_COLOR", "");
    program.stdin(terminal.end()).stdout(terminal.end()).stderr(terminal.end())
}

fn connect<T>(server: &Peer<T>) -> Program {
    astream(["connect", &server.address.to_string()])
}

/// A peer that sends this and ends.
fn sends(text: &'static [u8]) -> Peer<()> {
    peer(move |mut stream| stream.write_all(text).unwrap())
}

/// A peer that greets, and says at its end whether it has met a clean end.
fn greets() -> Peer<bool> {
    peer(|mut stream| {
        stream.write_all(b"hello").unwrap();
        stream.read_to_end(&mut Vec::new()).is_ok()
    })
}

#[test]
fn a_terminal_is_shown_what_it_would_act_upon_and_anything_else_gets_the_bytes() {
    let mut terminal = terminal();
    connect(&sends(HARMFUL)).stdout(terminal.end()).run().status(0).silent();
    assert_eq!(terminal.see("END"), HARMLESS);
    connect(&sends(HARMFUL)).args(["--raw"]).stdout(terminal.end()).run().status(0).silent();
    assert_eq!(terminal.see("END"), String::from_utf8_lossy(HARMFUL));
    for more in [&[][..], &["--raw"], &["-C"]] {
        connect(&sends(HARMFUL)).args(more).run().status(0).stdout(HARMFUL);
    }
}

#[test]
fn what_is_split_is_shown_as_a_whole_and_only_an_unfinished_character_waits() {
    let mut terminal = terminal();
    let (go, gone) = channel::<()>();
    let server = peer(move |mut stream| {
        for part in [&b"login:\x1b"[..], b"[31m \xe2\x82", b"\xac\xc2", b"\x9b \xf0\x9d\x84"] {
            stream.write_all(part).unwrap();
            gone.recv().unwrap();
        }
    });
    let client = connect(&server).stdout(terminal.end()).start();
    for shown in ["login:\\u{1b}", "[31m ", "€", "\\u{9b} "] {
        assert_eq!(terminal.see(shown), shown);
        go.send(()).unwrap();
    }
    client.wait().status(0);
    assert_eq!(terminal.rest(), "\\xf0\\x9d\\x84");
}

/// A listener with its stdout on this terminal.
fn listener(terminal: &Terminal, more: &[&str]) -> Running {
    let listener = astream(["listen", "127.0.0.1", "0"]).args(more).stdout(terminal.end());
    listener.open_stdin().start()
}

#[test]
fn whichever_way_a_peers_bytes_come_a_terminal_is_safe() {
    for more in [&[][..], &["-k"], &["--broker"]] {
        let mut terminal = terminal();
        let listener = listener(&terminal, more);
        let mut client = TcpStream::connect(listener.address()).unwrap();
        client.write_all(HARMFUL).unwrap();
        assert_eq!(terminal.see("END"), HARMLESS, "{more:?}");
    }
    for more in [&["-u"][..], &["-u", "--broker"]] {
        let mut terminal = terminal();
        let listener = listener(&terminal, more);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(HARMFUL, listener.address()).unwrap();
        assert_eq!(terminal.see("END"), HARMLESS, "{more:?}");
    }
    let mut terminal = terminal();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let mut client = astream(["connect", "-u", &address]).open_stdin().stdout(terminal.end()).start();
    client.write_stdin(b"?");
    let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
    server.send_to(HARMFUL, from).unwrap();
    assert_eq!(terminal.see("END"), HARMLESS);
    // A message is a text of its own, whatever it ends with.
    server.send_to(b"\xe2\x82", from).unwrap();
    assert_eq!(terminal.see("82"), "\\xe2\\x82");
}

#[test]
fn characters_of_several_clients_are_not_mixed() {
    let mut terminal = terminal();
    let listener = listener(&terminal, &["-k"]);
    let address = listener.address();
    let [mut one, mut two] = [(); 2].map(|()| TcpStream::connect(address).unwrap());
    one.write_all(b"one \xe2\x82").unwrap();
    terminal.see("one ");
    two.write_all(b"two").unwrap();
    terminal.see("two");
    one.write_all(b"\xac").unwrap();
    assert_eq!(terminal.see("€"), "€");
}

#[test]
fn a_person_sees_when_the_connection_is_there_and_when_the_peer_has_closed_it() {
    let closed = "astream: the peer has closed the connection\r\n";
    let mut terminal = terminal();
    let server = greets();
    let client = on(&terminal, connect(&server)).start();
    let wanted = format!("astream: connected to {}\r\nhello", server.address);
    assert_eq!(terminal.see("hello"), wanted);
    terminal.type_text(b"\x04");
    assert_eq!(terminal.see("\r\n"), closed);
    client.wait().status(0);
    assert!(server.join());

    let listening = on(&terminal, astream(["listen", "127.0.0.1", "0"])).start();
    let line = terminal.see("\r\n");
    let mut client = TcpStream::connect(line.trim_end().rsplit(' ').next().unwrap()).unwrap();
    let wanted = format!("astream: connection from {}\r\n", client.local_addr().unwrap());
    assert_eq!(terminal.see("\r\n"), wanted);
    client.write_all(b"hi\n").unwrap();
    drop(client);
    listening.wait().status(0);
    assert_eq!(terminal.rest(), format!("hi\r\n{closed}"));
}

#[test]
fn nothing_is_said_where_one_of_the_streams_is_not_the_terminal_or_is_to_be_quiet() {
    let quiet = |more: &[&str], change: fn(Program) -> Program| {
        let terminal = terminal();
        let server = sends(b"hello");
        change(on(&terminal, connect(&server).args(more))).run().status(0);
        terminal.rest()
    };
    let null = |program: Program| program.stdin(Stdio::null());
    assert_eq!(quiet(&[], null), "hello");
    assert_eq!(quiet(&[], |program| program.stdout(Stdio::piped())), "");
    assert_eq!(quiet(&[], |program| program.stderr(Stdio::piped())), "hello");
    assert_eq!(quiet(&["--quiet"], |program| program), "hello");
    let verbose = quiet(&["-v"], |program| program);
    assert_eq!(verbose.matches("connected to").count(), 1, "{verbose}");
    let json = quiet(&["--json"], |program| program);
    assert_eq!(json.matches("connected").count(), 1, "{json}");
    assert!(!json.contains('\u{1b}'), "{json}");
}

#[test]
fn the_end_of_file_key_ends_sending_and_the_answer_is_still_shown() {
    let mut terminal = terminal();
    let server = peer(|mut stream| {
        let got = read_all(&mut stream);
        stream.write_all(b"answer").unwrap();
        got
    });
    let client = on(&terminal, connect(&server)).start();
    terminal.see("connected to");
    terminal.type_text(b"line\n\x04");
    terminal.see("answer");
    client.wait().status(0);
    assert_eq!(server.join(), b"line\n");
}

#[test]
fn the_interrupt_key_ends_with_130_and_shows_how_much_has_moved() {
    let mut terminal = terminal();
    let server = greets();
    let client = on(&terminal, connect(&server)).start();
    terminal.see("hello");
    client.signal(Signal::INT);
    assert_eq!(client.wait().code(), 130);
    assert!(!server.join(), "it looks complete");
    let rest = terminal.rest();
    assert!(rest.starts_with("\r\nastream: 127.0.0.1:"), "{rest:?}");
    assert!(rest.contains(": 0 bytes sent, 5 bytes received in ") && rest.lines().count() == 2, "{rest:?}");
}

#[test]
fn with_verbose_and_in_json_a_signal_ends_with_the_totals_too() {
    // What was printed a moment ago may not be counted yet.
    for (more, wanted) in [
        (&["-v"][..], ": 0 bytes sent, "),
        (&["--json"], "\"sent\":0,\"received\":"),
        (&["--json"], "\"error\":\"interrupted\""),
    ] {
        for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let server = greets();
            let client = connect(&server).args(more).open_stdin().start();
            client.until_stdout(b"hello");
            client.signal(signal);
            let finished = client.wait().status(status);
            assert!(finished.stderr.contains(wanted), "{}", finished.description());
            assert!(!server.join(), "it looks complete");
        }
    }
    // Nothing of it in a script.
    let server = greets();
    let client = connect(&server).open_stdin().start();
    client.until_stdout(b"hello");
    client.signal(Signal::INT);
    client.wait().status(130).silent();
}

#[test]
fn the_totals_are_those_of_listeners_and_datagrams_too() {
    let listening = astream(["listen", "127.0.0.1", "0", "-v"]).open_stdin().start();
    let mut client = TcpStream::connect(listening.address()).unwrap();
    client.write_all(b"hello").unwrap();
    listening.until_stdout(b"hello");
    listening.signal(Signal::INT);
    let said = listening.wait().status(130).stderr;
    let wanted = format!("#1 {}: 0 bytes sent, ", client.local_addr().unwrap());
    assert!(said.contains(&wanted) && said.ends_with("failed: interrupted\n"), "{said}");

    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let mut client = astream(["connect", "-u", "-v", &address]).open_stdin().start();
    client.write_stdin(b"hello");
    let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
    server.send_to(b"yes", from).unwrap();
    client.until_stdout(b"yes");
    client.signal(Signal::INT);
    let said = client.wait().status(130).stderr;
    assert!(said.contains(&format!("{address}: 5 bytes sent, 3 bytes received in ")), "{said}");
}

#[test]
fn a_stdout_that_takes_nothing_does_not_hold_up_a_signal() {
    let server = peer(|mut stream| while stream.write_all(&noise(65536)).is_ok() {});
    let (mut reader, writer) = std::io::pipe().unwrap();
    let client = connect(&server).args(["-v"]).open_stdin().stdout(writer).start();
    client.stderr_line("connected to");
    reader.read_exact(&mut vec![0; 1 << 20]).unwrap();
    client.signal(Signal::INT);
    client.wait().status(130);
    server.join();
}

#[test]
fn colours_are_for_terminals_that_have_them_and_are_not_refused() {
    let said = |more: &[&str], change: fn(Program) -> Program| {
        let terminal = terminal();
        let program = astream(["connect", "127.0.0.1", "0"]).args(more);
        change(on(&terminal, program)).run().status(2);
        terminal.rest()
    };
    let coloured = said(&[], |program| program);
    assert!(coloured.starts_with("\u{1b}[1;31mastream:\u{1b}[0m "), "{coloured:?}");
    for (more, change) in [
        (&[][..], (|program| program.env("NO_COLOR", "1")) as fn(Program) -> Program),
        (&[], |program| program.env("TERM", "dumb")),
        (&[], |program| program.env("TERM", "")),
        (&["--json"], |program| program),
    ] {
        let plain = said(more, change);
        assert!(plain.contains("port 0") && !plain.contains('\u{1b}'), "{plain:?}");
    }
    let finished = astream(["connect", "127.0.0.1", "0"]).env("TERM", "xterm").run().status(2);
    assert!(finished.stderr.starts_with("astream: "), "{}", finished.description());
}

#[test]
fn help_has_no_colours_that_could_be_refused() {
    for words in ["--help", "connect -h", "listen --help", "connect --frobnicate"] {
        let terminal = terminal();
        let (null, words) = (File::open("/dev/null").unwrap(), words.split(' '));
        let program = on(&terminal, astream(words)).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
        // A terminal that is not read meanwhile does not take all of it.
        let helping = program.stdin(null).start();
        let shown = terminal.rest();
        helping.wait();
        assert!(shown.contains("help") && !shown.contains('\u{1b}'), "{shown:?}");
    }
}
