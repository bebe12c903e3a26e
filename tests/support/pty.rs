//! A terminal for the program to talk to.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Both ends of a terminal: what a person sees and types, and what the program is given.
pub struct Terminal {
    person: File,
    program: File,
}

pub fn terminal() -> Terminal {
    // A program that inherited the person's end would keep the terminal from ever vanishing.
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    Terminal { person: File::from(person), program }
}

impl Terminal {
    /// The program's end, for its stdin or stdout.
    pub fn end(&self) -> File {
        self.program.try_clone().unwrap()
    }

    pub fn type_text(&mut self, text: &[u8]) {
        self.person.write_all(text).unwrap();
    }

    /// Reads what is displayed until it contains `text`.
    pub fn see(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        let mut chunk = [0; 1024];
        while !String::from_utf8_lossy(&seen).contains(text) {
            let n = self.person.read(&mut chunk).unwrap();
            seen.extend_from_slice(&chunk[..n]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }
}
