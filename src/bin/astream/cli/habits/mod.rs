//! Habits from other programs, and mistakes: rewrites a refused command line as it was meant.
//!
//! A line is rewritten word by word with the tables below. The result is shown only if this program accepts
//! it.

mod address;
mod curl;
mod proxy;
mod socat;
mod stunnel;
mod table;
mod write;

use std::ffi::OsString;

use address::has_host;
use table::Meaning::{
    Accept, Address, But, File, Host, Is, Listen, Nothing, Port, Program, ProxyKind, Seconds, Shell, Unix,
};
pub use table::commands_with;
use table::{COMMANDS, NO_FILE, PROGRAMS, Takes, is_on, known, own, spelt, takes};
pub use write::shell;

/// What to write instead of these words, or to do instead of what they ask for.
pub fn advice(words: &[OsString]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    if words.is_empty() {
        return None;
    }
    let mut line = Line::read(&words)?.corrected()?;
    // What follows the name of another program need not be an address.
    if line.is_foreign && !line.is_sound() {
        let address = std::mem::take(&mut line.address);
        if !line.is_sound() {
            line.address = address;
        }
    }
    // Some options mean nothing without it.
    if !line.is_sound() && !line.has(&["--forward-tls"]) {
        line.add(&["--tls"], None);
    }
    // The same words in another order are as wrong as before.
    if sorted(line.words(&line.address)) == sorted(words) || !line.is_sound() {
        return None;
    }
    Some(line.text())
}

fn sorted<T: Ord>(mut words: Vec<T>) -> Vec<T> {
    words.sort();
    words
}

/// Whether this is an option of another program.
pub fn is_known(option: &str) -> bool {
    known(&spelt(option)).is_some()
}

/// The parts of a command line.
#[derive(Default)]
struct Line {
    command: Option<&'static str>,
    /// Whether the first word is the name of another program.
    is_foreign: bool,
    /// Options that are added if they are not there, with their values.
    default: &'static [&'static str],
    address: Vec<String>,
    /// What is connected to, where that is an option.
    target: Option<String>,
    options: Vec<String>,
    port: Option<String>,
    is_unix: bool,
    /// Where in the address the word after `-U` is.
    after_unix: usize,
    /// What a proxy speaks, where that is an option of its own.
    proxy_kind: Option<String>,
    notes: Vec<String>,
    /// What is run for each connection.
    run: Vec<String>,
    /// What is run if all went well.
    then: Vec<String>,
}

impl Line {
    /// None if a word is not known here.
    fn read(words: &[&str]) -> Option<Self> {
        let mut line = Self::default();
        let mut words = line.read_command(words).iter().copied();
        while let Some(word) = words.next() {
            if word == "--" {
                line.run.extend(words.by_ref().map(str::to_owned));
                // A whole command in quotes.
                if let [command] = &line.run[..]
                    && command.contains(' ')
                {
                    line.run.splice(..0, ["sh", "-c"].map(str::to_owned));
                }
                break;
            }
            if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                let name = &spelt(name)[..];
                takes(name)
                    .filter(|takes| *takes == Takes::Value || (*takes == Takes::Switch && is_on(value)))?;
                line.option(name, &mut std::iter::once(value))?;
            } else if word.starts_with("--") || known(word).is_some() {
                line.option(&spelt(word), &mut words)?;
            } else if word.len() > 1 && word.starts_with('-') {
                line.letters(&word[1..], &mut words)?;
            } else {
                line.address.push(word.to_owned());
            }
        }
        Some(line)
    }

    /// Takes the command from the words, if it is among them.
    fn read_command<'a, 'b>(&mut self, words: &'a [&'b str]) -> &'a [&'b str] {
        // `nc -z h 80`, and `./wait-for-it.sh h:80`.
        let base = words[0].rsplit('/').next().unwrap_or_default();
        let words = if PROGRAMS.contains(&base) { &words[1..] } else { words };
        let Some(first) = words.first() else { return words };
        let first = if base.starts_with("wait-for") { base } else { first };
        let is_conf =
            |word: &str| !word.contains(':') && word.rsplit_once('.').is_some_and(|(_, end)| end == "conf");
        let is_file = matches!(words, [word] | [_, word] if is_conf(word));
        let (first, rest) = if is_file { (NO_FILE.0, &[][..]) } else { (first, &words[1..]) };
        let Some((_, command, options, default)) = COMMANDS.iter().find(|(names, ..)| names.contains(&first))
        else {
            return words;
        };
        self.notes.extend(is_file.then(|| NO_FILE.1.to_owned()));
        (self.command, self.default, self.is_foreign) = (Some(*command), default, first != *command);
        self.options.extend(options.iter().map(ToString::to_string));
        rest
    }

    /// Short options behind one dash; the last may be followed by its value at once.
    fn letters<'a>(
        &mut self,
        letters: &str,
        words: &mut (impl Iterator<Item = &'a str> + Clone),
    ) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let (option, rest) = (format!("-{letter}"), &letters[at + letter.len_utf8()..]);
            let is_switch = letter == 'q' && !rest.starts_with(|c: char| c.is_ascii_digit());
            if takes(&option)? == Takes::Value && !rest.is_empty() && !is_switch {
                return self.option(&option, &mut std::iter::once(rest));
            }
            self.option(&option, words)?;
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
        let is_count = option == "-n" && is_number(next) && self.has(&["-z", "--probe"]);
        if is_count && (self.address.len() != 1 || self.address[0].contains(':')) {
            self.add(&["--count"], words.next().map(str::to_owned));
            return Some(());
        }
        // Of wait-for-it both are switches.
        let option = match option {
            "-s" if next.starts_with('-') => "--strict",
            "-q" if !is_number(next.trim_start_matches('-')) => "--quiet",
            option => option,
        };
        let value = match takes(option)? {
            Takes::Value => Some(words.next()?.to_owned()),
            Takes::Switch if is_on(next) => words.next().and(None),
            Takes::Switch | Takes::Nothing => None,
        };
        if option == "--forward" {
            return self.forward(&value?, words);
        }
        // A secret that stands there is not repeated.
        if matches!(option, "-x" | "--proxy") && value.as_ref().is_some_and(|url| url.contains('@')) {
            return None;
        }
        let Some(meaning) = known(option).filter(|_| own(option).is_none()) else {
            let value = value.map(|value| self.without_names(option, value));
            self.options.push(option.to_owned());
            self.options.extend(value);
            return Some(());
        };
        match (meaning, value) {
            (Listen, _) => self.command = Some("listen"),
            (Unix, _) => (self.is_unix, self.after_unix) = (true, self.address.len()),
            (Port, value) => self.port = value,
            (Host, value) => self.address.insert(0, value?),
            (Accept, value) => (self.command, self.port) = (Some("listen"), value),
            (Address, value) => {
                self.target = value;
                self.add(&["--tls"], None);
            }
            (Seconds(option), value) => {
                let seconds = value.map(|value| if is_number(&value) { format!("{value}s") } else { value });
                self.add(&[option], seconds);
            }
            (Is(words), value) => self.add(words, value),
            (But(words, note), value) => {
                self.add(words, value);
                self.notes.push(note.to_owned());
            }
            (File(option), value) => self.options.extend([option.to_owned(), format!("@{}", value?)]),
            (ProxyKind, value) => self.proxy_kind = value,
            (Nothing(why), _) => self.notes.push(why.to_owned()),
            // No command is a number, but a count of probes is.
            (Shell, Some(count)) if is_number(&count) => self.add(&["--count"], Some(count)),
            (Program, Some(line)) if line.contains(['"', '\'', '\\']) => {
                self.run = ["sh", "-c", &line].map(str::to_owned).to_vec();
            }
            (Program, value) => self.run = value?.split_whitespace().map(str::to_owned).collect(),
            (Shell, value) => self.run = ["sh", "-c", &value?].map(str::to_owned).to_vec(),
        }
        Some(())
    }

    fn add(&mut self, words: &[&str], value: Option<String>) {
        // An option that is there already is left out, with its own value.
        let mut is_new = true;
        for word in words {
            if word.len() > 1 && word.starts_with('-') {
                is_new = value.is_some() || !self.options.iter().any(|option| option == word);
            }
            if is_new {
                self.options.push((*word).to_owned());
            }
        }
        self.options.extend(value);
    }

    /// The command line as it is written for this program; None if it cannot be rewritten.
    fn corrected(mut self) -> Option<Self> {
        self.take_socat()?;
        let is_listen = *self.command.get_or_insert("connect") == "listen";
        self.reach_target(is_listen);
        self.weigh(is_listen);
        self.add(self.default, None);
        match self.port.take() {
            Some(port) if is_listen || self.lacks_port() => self.address.push(port),
            Some(port) => self.come_from(&port),
            None => {}
        }
        self.name_proxies()?;
        self.take_command(is_listen);
        self.name_socket();
        self.take_url_apart()?;
        if is_listen {
            self.listen_on_all();
        } else {
            // What was read as a command may have been the host.
            if !self.run.is_empty() && !has_host(&self.address) {
                return None;
            }
            self.connect_here();
        }
        self.limit_silence();
        Some(self)
    }

    fn has(&self, names: &[&str]) -> bool {
        self.position(names).is_some()
    }

    /// Where the first of these options is.
    fn position(&self, names: &[&str]) -> Option<usize> {
        self.options.iter().position(|option| names.contains(&&option[..]))
    }
}

fn is_path(word: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| word.starts_with(start))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
