//! A terminal for the program to talk to.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::DEADLINE;

/// Both ends of a terminal: what a person sees and types, and what the program is given.
pub struct Terminal {
    person: File,
    program: Option<File>,
    /// What is displayed and was not looked for yet.
    displayed: Vec<u8>,
}

pub fn terminal() -> Terminal {
    // A program that inherited the person's end would keep the terminal from ever vanishing.
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    Terminal { person: File::from(person), program: Some(program), displayed: Vec::new() }
}

impl Terminal {
    /// The program's end, for its stdin, stdout or stderr.
    pub fn end(&self) -> File {
        self.program.as_ref().unwrap().try_clone().unwrap()
    }

    pub fn type_text(&mut self, text: &[u8]) {
        self.person.write_all(text).unwrap();
    }

    /// Reads what is displayed, up to the end of `text`.
    pub fn see(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.displayed.windows(text.len()).position(|part| part == text.as_bytes()) {
                let seen: Vec<_> = self.displayed.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&seen).into_owned();
            }
            assert!(
                self.read(),
                "{text:?} is not displayed, but {:?}",
                self.displayed.escape_ascii().to_string()
            );
        }
    }

    /// Everything else that is displayed. The programs that had the terminal have ended.
    pub fn rest(mut self) -> String {
        self.program = None;
        while self.read() {}
        String::from_utf8_lossy(&self.displayed).into_owned()
    }

    /// Waits until more is displayed; false if nothing is.
    fn read(&mut self) -> bool {
        let limit = Timespec { tv_sec: DEADLINE.as_secs() as i64, tv_nsec: 0 };
        if poll(&mut [PollFd::new(&self.person, PollFlags::IN)], Some(&limit)).unwrap() == 0 {
            return false;
        }
        let mut chunk = [0; 4096];
        // It fails when no program has the terminal any more.
        let n = self.person.read(&mut chunk).unwrap_or(0);
        self.displayed.extend_from_slice(&chunk[..n]);
        n > 0
    }
}
