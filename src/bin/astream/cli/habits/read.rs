//! Reads a refused command line word by word.

use std::iter::{empty, once};

use super::meaning::Meaning::{
    self, Accept, Address, But, File, Host, Is, Listen, Nothing, Port, Program, ProxyKind, Seconds, Shell,
    Unix, Wait,
};
use super::meaning::{BUFFERS, FILES, PIN, SILENT, TELNET, Takes, is_on};
use super::openssl::HARMLESS;
use super::socat::is_socat;
use super::table::{NO_FILE, PROGRAMS, command, is_of_tls, known, own, spelt, takes};
use super::value::{for_shell, has_port, is_port};
use super::{Line, is_number};
use crate::cli::units;

impl Line {
    /// None if a word is not known here.
    pub(super) fn read(words: &[&str]) -> Option<Self> {
        let mut line = Self { is_socat: is_socat(words), ..Self::default() };
        let mut words = line.read_command(words).iter().copied().peekable();
        let mut is_behind = false;
        while let Some(word) = words.next() {
            if word == "--" {
                is_behind = true;
                line.run.extend(words.by_ref().map(str::to_owned));
                // A whole command in quotes.
                if let [command] = &line.run[..]
                    && command.contains(' ')
                {
                    line.run = for_shell(command);
                }
                break;
            }
            if let Some((name, value)) = line.assigned(word) {
                takes(&name)
                    .filter(|takes| *takes == Takes::Value || (*takes == Takes::Switch && is_on(value)))?;
                line.option(&name, &mut once(value))?;
            } else if line.is_of_pv(word) {
                line.add(&["--progress"], None);
            } else if line.is_pv() && matches!(word, "-l" | "-i") {
                return None;
            } else if line.is_socat && word.len() > 2 && word.starts_with("-l") {
                // Where the log goes, and who it is from.
                if matches!(word, "-lf" | "-lp") {
                    words.next();
                }
            } else if word.starts_with("--") || known(word).is_some() || own(word).is_some() {
                line.option(&spelt(word), &mut words)?;
            } else if line.is_openssl && word.starts_with('-') {
                line.unknown.push(HARMLESS.contains(&word).then(|| word.to_owned())?);
            } else if word.len() > 1 && word.starts_with('-') {
                line.letters(&word[1..], &mut words)?;
            } else if line.is_file(word) {
                line.notes.push(FILES.to_owned());
            } else if is_assignment(word) {
                return None;
            } else if line.is_run(word) && words.peek().is_some_and(|next| is_number(next)) {
                line.forward(word, &mut words)?;
            } else if line.is_run(word) {
                line.run = once(word).chain(words.by_ref()).map(str::to_owned).collect();
            } else {
                line.address.push(word.to_owned());
            }
        }
        // Without a command of ours the words are wait-for-it's.
        line.waits |= line.command.is_none() && !line.run.is_empty() && line.has(&["--timeout"]);
        // Whether such a command is for the peer or for later is not known.
        let is_open = is_behind && line.command.is_none() && !line.waits;
        (!is_open).then_some(line)
    }

    /// Takes the command from the words, if it is among them.
    fn read_command<'a, 'b>(&mut self, words: &'a [&'b str]) -> &'a [&'b str] {
        // `nc -z h 80`, and `./wait-for-it.sh h:80`.
        let base = words[0].rsplit('/').next().unwrap_or_default();
        // A path alone is that of a socket.
        let is_program = PROGRAMS.contains(&base) && (words.len() > 1 || base == words[0]);
        let words = if is_program { &words[1..] } else { words };
        let Some(first) = words.first() else { return words };
        let first = if base.starts_with("wait-for") { base } else { first };
        let is_conf =
            |word: &str| !word.contains(':') && word.rsplit_once('.').is_some_and(|(_, end)| end == "conf");
        let is_file = matches!(words, [word] | [_, word] if is_conf(word));
        let (first, rest) = if is_file { (NO_FILE.0, &[][..]) } else { (first, &words[1..]) };
        let Some((_, command, options, default)) = command(first) else { return words };
        self.is_openssl = first.starts_with("s_");
        self.notes.extend(is_file.then(|| NO_FILE.1.to_owned()));
        (self.command, self.default, self.is_foreign) = (Some(*command), default, first != *command);
        self.options.extend(options.iter().map(ToString::to_string));
        rest
    }

    /// The option and its value in one word: `--tls-min=1.3`, and where the address would be, `connect=h:80` of
    /// stunnel.
    fn assigned<'a>(&self, word: &'a str) -> Option<(String, &'a str)> {
        let (name, value) = word.split_once('=')?;
        if name.starts_with("--") {
            return Some((spelt(name), value));
        }
        let option = spelt(&format!("--{name}"));
        let is_option = !name.starts_with('-') && self.address.is_empty() && takes(&option).is_some();
        is_option.then_some((option, value))
    }

    /// Whether these letters ask for parts of what `--progress` shows. One alone means something else in nc.
    fn is_of_pv(&self, word: &str) -> bool {
        let letters = word.strip_prefix('-').filter(|letters| self.is_pv() || letters.len() > 2);
        let letters = letters.unwrap_or_default();
        !letters.is_empty() && letters.bytes().all(|letter| b"pterba".contains(&letter))
    }

    fn is_pv(&self) -> bool {
        self.is_foreign && self.has(&["--progress"])
    }

    /// Short options behind one dash; the last may be followed by its value at once, if that is not letters.
    fn letters<'a>(
        &mut self,
        letters: &str,
        words: &mut (impl Iterator<Item = &'a str> + Clone),
    ) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let (option, rest) = (format!("-{letter}"), &letters[at + letter.len_utf8()..]);
            let is_switch = letter == 'q' && !rest.starts_with(|c: char| c.is_ascii_digit());
            let is_switch = is_switch || (self.is_socat && letter == 'x');
            if !rest.is_empty() && !is_switch && takes(&option)? == Takes::Value {
                // The long words of openssl have one dash as well.
                return if rest.starts_with(is_letter) {
                    None
                } else {
                    self.option(&option, &mut once(rest))
                };
            }
            if rest.is_empty() {
                self.option(&option, words)?;
            } else {
                self.option(&option, &mut empty())?;
            }
        }
        Some(())
    }

    fn option<'a>(
        &mut self,
        option: &str,
        words: &mut (impl Iterator<Item = &'a str> + Clone),
    ) -> Option<()> {
        let next = words.clone().next().unwrap_or_default();
        // The count of ping, if it is not the port behind the host.
        let probes = |word: &str| matches!(word, "-z" | "--probe");
        let is_count =
            option == "-n" && is_number(next) && (self.has(&["-z", "--probe"]) || words.clone().any(probes));
        if is_count && (self.address.len() != 1 || self.address[0].contains(':')) {
            self.add(&["--count"], words.next().map(str::to_owned));
            return Some(());
        }
        let option = match option {
            "-x" if self.is_socat => return self.mean(Is(&["--dump", "-"]), None),
            "-b" if self.is_socat => return self.mean(Nothing(BUFFERS), words.next().map(str::to_owned)),
            "-d" if self.is_socat => return Some(()),
            "-T" if self.is_socat => "-i",
            "-t" if self.is_socat => return self.mean(Nothing(SILENT), words.next().map(str::to_owned)),
            "--protocol" if self.command == Some("connect") => "-starttls",
            // stunnel's, from before it had a file.
            "-d" if is_port(next) && words.clone().any(|word| word == "-r") => "-accept",
            "-r" if has_port(next) => "-connect",
            // tcping's, and nc's.
            "-t" if !is_time(next) && self.has(&["-z"]) => return self.mean(Is(&["--every", "1s"]), None),
            "-t" if !is_time(next) => return self.mean(Nothing(TELNET), None),
            "--pin" if is_fingerprint(next) => {
                words.next();
                return self.mean(But(&["-z", "--show-certs"], PIN), None);
            }
            // Of wait-for-it both are switches.
            "-s" if next.starts_with('-') => "--strict",
            "-q" if !is_number(next.trim_start_matches('-')) => {
                self.waits = true;
                "--quiet"
            }
            option => option,
        };
        self.is_tls |= is_of_tls(option);
        let value = match takes(option)? {
            Takes::Value => Some(words.next()?.to_owned()),
            Takes::Switch if is_on(next) => words.next().and(None),
            Takes::Switch | Takes::Nothing => None,
        };
        if ["--forward", "--to", "--target"].contains(&option) {
            return self.forward(&value?, words);
        }
        // A secret that stands there is not repeated.
        if matches!(option, "-x" | "--proxy") && value.as_ref().is_some_and(|url| url.contains('@')) {
            return None;
        }
        let Some(meaning) = known(option).filter(|_| own(option).is_none()) else {
            let value = value.map(|value| self.own_value(option, value));
            self.options.push(option.to_owned());
            self.options.extend(value);
            return Some(());
        };
        self.mean(meaning, value)
    }

    /// Adds what an option of another program means here.
    pub(super) fn mean(&mut self, meaning: Meaning, value: Option<String>) -> Option<()> {
        match (meaning, value) {
            (Listen, _) => (self.command, self.is_nc) = (Some("listen"), true),
            (Unix, _) => (self.is_unix, self.after_unix) = (true, self.address.len()),
            (Port, value) => self.port = value,
            (Host, value) => self.address.insert(0, value?),
            (Accept, value) => {
                (self.command, self.port) = (Some("listen"), value);
                self.add(&["--tls"], None);
            }
            (Address, value) => {
                self.target = value;
                self.add(&["--tls"], None);
            }
            (Seconds(option), value) => {
                let seconds = value.map(|value| if is_number(&value) { format!("{value}s") } else { value });
                self.add(&[option], seconds);
            }
            (Is(words), value) => {
                let value = value.map(|value| self.own_value(words[0], value));
                self.add(words, value);
            }
            (But(words, note), value) => {
                self.add(words, value);
                self.notes.push(note.to_owned());
            }
            (File(option), value) => self.options.extend([option.to_owned(), format!("@{}", value?)]),
            (ProxyKind, value) => self.proxy_kind = value,
            (Nothing(why), _) => self.notes.push(why.to_owned()),
            (Wait(option), value) => {
                self.waits = true;
                if let Some(option) = option {
                    if self.command.is_none() {
                        self.add(&["-z"], None);
                    }
                    self.add(&[option], value);
                }
            }
            // No command is a number, but a count of probes is.
            (Shell, Some(count)) if is_number(&count) => self.add(&["--count"], Some(count)),
            (Program, value) => self.run = shlex::split(&value?)?,
            (Shell, value) => self.run = for_shell(&value?),
        }
        Some(())
    }
}

/// `foo=bar` is no address.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(is_letter))
}

fn is_time(word: &str) -> bool {
    units::time(word).is_ok()
}

/// SHA-256 in hexadecimal, in any of the usual forms.
fn is_fingerprint(value: &str) -> bool {
    let digits = value.rsplit('=').next().unwrap_or_default().to_ascii_lowercase();
    let digits = digits.trim_start_matches("sha256:").replace(':', "");
    digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}
