//! One direction through the programs of a path: what is written at one end is read at the other.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::support::{DEADLINE, Program, Running, noise};

/// The unit of large data.
pub const BLOCK: usize = 1 << 20;

static DATA: LazyLock<Vec<u8>> = LazyLock::new(|| noise(BLOCK));

/// From a pipe to a pipe.
pub struct Way {
    typed: Option<PipeWriter>,
    shown: PipeReader,
}

/// Starts a program between two pipes, and gives their other ends.
pub fn between_pipes(program: Program) -> (Running, PipeWriter, PipeReader) {
    let (stdin, typed) = std::io::pipe().unwrap();
    let (shown, stdout) = std::io::pipe().unwrap();
    (program.stdin(stdin).stdout(stdout).start(), typed, shown)
}

impl Way {
    pub fn new(typed: PipeWriter, shown: PipeReader) -> Self {
        Self { typed: Some(typed), shown }
    }

    /// A byte goes all the way.
    #[track_caller]
    pub fn ping(&mut self) {
        self.typed.as_mut().unwrap().write_all(b"!").unwrap();
        let mut shown = [0];
        self.read(&mut shown);
        assert_eq!(&shown, b"!");
    }

    /// Ends the input.
    pub fn close(&mut self) {
        self.typed = None;
    }

    /// Writes this many blocks into this end.
    pub fn pour(&mut self, blocks: u64) -> Flow {
        let mut typed = self.typed.take().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let writer = thread::spawn(move || {
            for _ in 0..blocks {
                for part in DATA.chunks(BLOCK / 16) {
                    // The reader may go away, which is for the test to judge.
                    if typed.write_all(part).is_err() {
                        return typed;
                    }
                    counter.fetch_add(part.len() as u64, Ordering::Relaxed);
                }
            }
            typed
        });
        Flow { sent, writer }
    }

    /// Keeps data flowing until the test ends.
    pub fn flood(mut self) -> Flood {
        let flow = self.pour(u64::MAX);
        let reader = Arc::new(Reader::default());
        let (own, mut shown) = (Arc::clone(&reader), self.shown);
        thread::spawn(move || {
            let mut chunk = vec![0; BLOCK / 16];
            loop {
                own.rest();
                match shown.read(&mut chunk) {
                    Ok(0) | Err(_) => return,
                    Ok(n) => own.shown.fetch_add(n as u64, Ordering::Relaxed),
                };
            }
        });
        Flood { flow, reader }
    }

    /// Reads this many blocks at the other end.
    #[track_caller]
    pub fn drain(&mut self, blocks: u64) {
        let mut shown = vec![0; BLOCK];
        for block in 0..blocks {
            self.read(&mut shown);
            assert!(shown == *DATA, "other bytes in block {block}");
        }
    }

    /// Reads the end at the other end.
    #[track_caller]
    pub fn ends(&mut self) {
        self.wait();
        let n = self.shown.read(&mut [0; 16]).unwrap();
        assert_eq!(n, 0, "more than what was typed");
    }

    #[track_caller]
    fn read(&mut self, mut wanted: &mut [u8]) {
        while !wanted.is_empty() {
            self.wait();
            let n = self.shown.read(wanted).unwrap();
            assert_ne!(n, 0, "an early end");
            wanted = &mut wanted[n..];
        }
    }

    #[track_caller]
    fn wait(&self) {
        let deadline = Timespec::try_from(DEADLINE).unwrap();
        let ready = poll(&mut [PollFd::new(&self.shown, PollFlags::IN)], Some(&deadline)).unwrap();
        assert_ne!(ready, 0, "nothing comes out");
    }
}

/// How fast what comes out is read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    #[default]
    Fast,
    Stuck,
}

/// Data without an end.
pub struct Flood {
    flow: Flow,
    reader: Arc<Reader>,
}

#[derive(Default)]
struct Reader {
    pace: Mutex<Pace>,
    changed: Condvar,
    shown: AtomicU64,
}

impl Reader {
    /// Waits as long as the pace says.
    fn rest(&self) {
        let pace = self.pace.lock().unwrap();
        drop(self.changed.wait_while(pace, |pace| *pace == Pace::Stuck).unwrap());
    }
}

impl Flood {
    pub fn set(&self, pace: Pace) {
        *self.reader.pace.lock().unwrap() = pace;
        self.reader.changed.notify_all();
    }

    /// How many bytes have come out.
    pub fn shown(&self) -> u64 {
        self.reader.shown.load(Ordering::Relaxed)
    }

    /// Waits until this many more bytes have come out, while bytes go the other way.
    #[track_caller]
    pub fn goes_on(&self, more: u64, other: &mut Way) {
        let (start, wanted) = (Instant::now(), self.shown() + more);
        while self.shown() < wanted {
            assert!(start.elapsed() < DEADLINE, "nothing more comes out");
            other.ping();
        }
    }

    /// Waits until the program takes no more.
    #[track_caller]
    pub fn is_stuck(&self, other: &mut Way) {
        self.flow.is_stuck(other);
    }
}

/// What flows into a way.
pub struct Flow {
    sent: Arc<AtomicU64>,
    writer: JoinHandle<PipeWriter>,
}

impl Flow {
    /// How many bytes the program has taken.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until the program takes no more, which is known because bytes go through `other` all the while.
    #[track_caller]
    pub fn is_stuck(&self, other: &mut Way) {
        let (mut sent, mut turns) = (self.sent(), 0);
        while turns < 200 {
            other.ping();
            turns = if self.sent() == sent { turns + 1 } else { 0 };
            sent = self.sent();
        }
    }

    /// Waits until everything is written, and returns the open end.
    pub fn done(self, way: &mut Way) {
        way.typed = Some(self.writer.join().unwrap());
    }
}
