//! The kernel's short cuts and the streams are two engines for one job: whatever the options and stdin are,
//! both give the same status, the same bytes and the same end.

mod support;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use support::peer::{Peer, peer, pipe};
use support::pty::{Terminal, terminal};
use support::{Program, astream, tool};

const TYPED: &[u8] = b"typed";
const ANSWER: &[u8] = b"answer";

/// What stdin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Closed,
    Null,
    EmptyPipe,
    PipeWithData,
    OpenPipe,
    File,
    Folder,
    Terminal,
}

use Kind::{Closed, EmptyPipe, Folder, Null, OpenPipe, PipeWithData};
const KINDS: [Kind; 8] =
    [Closed, Null, EmptyPipe, PipeWithData, OpenPipe, Kind::File, Folder, Kind::Terminal];

/// What the peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Takes what is typed, answers, ends, and reads on to our end.
    EndsFirst,
    /// Reads to our end, answers and ends.
    EndsAfter,
    /// Reads to our end and stays.
    Stays,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    kind: Kind,
    manner: Manner,
    sends: bool,
    receives: bool,
    shutdown: bool,
    exit_on_close: bool,
    idle: bool,
}

/// How a conversation went.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    status: i32,
    stdout: Vec<u8>,
    peer_got: Vec<u8>,
    peer_saw_a_clean_end: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for kind in KINDS {
            for (manner, idle) in [
                (Manner::EndsFirst, false),
                (Manner::EndsFirst, true),
                (Manner::EndsAfter, true),
                (Manner::Stays, true),
            ] {
                for (sends, receives) in [(true, true), (true, false), (false, true)] {
                    for flags in 0..4 {
                        let (shutdown, exit_on_close) = (flags & 1 == 0, flags & 2 == 0);
                        let case = Self { kind, manner, sends, receives, shutdown, exit_on_close, idle };
                        cases.extend((!case.waits_for_ever()).then_some(case));
                    }
                }
            }
        }
        cases
    }

    fn stdin_is_silent(self) -> bool {
        matches!(self.kind, OpenPipe | Kind::Terminal)
    }

    /// The idle timeout does not run while only our own stdin is waited for.
    fn waits_for_ever(self) -> bool {
        self.manner != Manner::EndsFirst && !self.receives && self.stdin_is_silent()
    }

    fn typed(self) -> &'static [u8] {
        if self.sends && matches!(self.kind, PipeWithData | Kind::File) { TYPED } else { b"" }
    }

    fn wanted(self) -> Course {
        let fails = self.sends && self.kind == Folder;
        let ends_at_once = self.sends && self.shutdown && !fails && !self.stdin_is_silent();
        let is_answered = match self.manner {
            Manner::EndsFirst => true,
            Manner::EndsAfter => ends_at_once,
            Manner::Stays => false,
        };
        Course {
            status: if fails {
                2
            } else if is_answered {
                0
            } else {
                5
            },
            stdout: if is_answered && self.receives { ANSWER.to_vec() } else { Vec::new() },
            peer_got: self.typed().to_vec(),
            peer_saw_a_clean_end: ends_at_once || (is_answered && !fails),
        }
    }

    fn peer(self, client_ends: Receiver<()>) -> (Peer<(Vec<u8>, bool)>, Receiver<()>) {
        let (ended, has_ended) = channel();
        let (manner, typed) = (self.manner, self.typed().len());
        let peer = peer(move |mut stream| {
            let mut got = Vec::new();
            if manner == Manner::EndsFirst {
                got.resize(typed, 0);
                stream.read_exact(&mut got).unwrap();
                answer(&stream);
                ended.send(()).unwrap();
            }
            let is_clean = match stream.read_to_end(&mut got) {
                Ok(_) => true,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
                Err(error) => panic!("{error}"),
            };
            match manner {
                Manner::EndsAfter if is_clean => answer(&stream),
                Manner::Stays => client_ends.recv().unwrap(),
                _ => {}
            }
            (got, is_clean)
        });
        (peer, has_ended)
    }

    fn program(self, port: &str, by_streams: bool) -> Program {
        let mut args = vec!["connect", "127.0.0.1", port];
        let flags = [
            (!self.receives, &["--send-only"][..]),
            (!self.sends, &["--recv-only"]),
            (!self.shutdown, &["--no-shutdown"]),
            (self.exit_on_close, &["--exit-on-close"]),
            (self.idle, &["-i", "300ms"]),
        ];
        args.extend(flags.iter().filter(|(is_given, _)| *is_given).flat_map(|(_, words)| *words));
        let program = if self.kind == Closed {
            let line = [&[env!("CARGO_BIN_EXE_astream")], &args[..]].concat().join(" ");
            tool("sh").args(["-c", &format!("exec {line} <&-")])
        } else {
            astream(args)
        };
        if by_streams { program.env("ASTREAM_NO_SPLICE", "1") } else { program }
    }

    fn run(self, by_streams: bool) -> Course {
        let (client_ended, client_ends) = channel();
        let (peer, has_ended) = self.peer(client_ends);
        let stdin = Stdin::of(self.kind);
        let client = self.program(&peer.port(), by_streams).stdin(stdin.for_program).start();
        if self.kind == OpenPipe && self.manner == Manner::EndsFirst && !self.exit_on_close {
            has_ended.recv_timeout(support::DEADLINE).unwrap();
            drop(stdin.writer);
        } else {
            // Open until the end.
            let _ = stdin.writer.map(std::mem::forget);
        }
        let ended = client.wait();
        let _ = client_ended.send(());
        let (peer_got, peer_saw_a_clean_end) = peer.join();
        Course { status: ended.code(), stdout: ended.stdout, peer_got, peer_saw_a_clean_end }
    }
}

fn answer(mut stream: &TcpStream) {
    stream.write_all(ANSWER).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

/// A stdin for the program, and the end that keeps it open.
struct Stdin {
    for_program: Stdio,
    writer: Option<OwnedFd>,
    _terminal: Option<Terminal>,
}

impl Stdin {
    fn of(kind: Kind) -> Self {
        let (mut writer, mut at) = (None, None);
        let for_program = match kind {
            Closed | Null => Stdio::null(),
            EmptyPipe | PipeWithData | OpenPipe => {
                let (reader, input) = pipe();
                let mut input = File::from(input);
                if kind == PipeWithData {
                    input.write_all(TYPED).unwrap();
                }
                writer = (kind == OpenPipe).then(|| input.into());
                reader.into()
            }
            Kind::File => {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(TYPED).unwrap();
                file.rewind().unwrap();
                file.into()
            }
            Folder => File::open("/").unwrap().into(),
            Kind::Terminal => at.insert(terminal()).end().into(),
        };
        Self { for_program, writer, _terminal: at }
    }
}

#[test]
fn both_engines_agree_on_every_combination_of_options_and_stdin() {
    let cases = Case::all();
    thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(16)) {
            scope.spawn(move || {
                for case in part {
                    for by_streams in [false, true] {
                        let course = case.run(by_streams);
                        assert_eq!(course, case.wanted(), "by streams: {by_streams}, {case:?}");
                    }
                }
            });
        }
    });
}
