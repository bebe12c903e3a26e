//! Habits from other programs, and mistakes: rewrites a refused command line as it was meant.
//!
//! A line is rewritten word by word with the tables below. The result is shown only if this program accepts
//! it.

mod curl;
mod table;

use std::ffi::OsString;

use super::is_sound;
use table::Meaning::{Address, But, Is, Listen, Nothing, Port, Program, Seconds, Shell, Unix};
pub use table::command_with;
use table::{SCHEMES, Takes, known, own, spelt, takes};

/// What to write instead of these words, or to do instead of what they ask for.
pub fn advice(words: &[OsString]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    if words.is_empty() {
        return None;
    }
    let mut line = Line::read(&words)?.corrected()?;
    // Some options mean nothing without it.
    if !line.is_sound() {
        line.add(&["--tls"], None);
    }
    if line.words(&line.address) == words || !line.is_sound() {
        return None;
    }
    Some(line.text())
}

/// Whether this is an option of another program.
pub fn is_known(option: &str) -> bool {
    known(&spelt(option)).is_some()
}

/// The parts of a command line.
#[derive(Default)]
struct Line {
    command: Option<&'static str>,
    address: Vec<String>,
    options: Vec<String>,
    port: Option<String>,
    is_unix: bool,
    /// Where in the address the word after `-U` is.
    after_unix: usize,
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
                break;
            }
            if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                let name = &spelt(name)[..];
                takes(name).filter(|takes| *takes == Takes::Value)?;
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
        let (command, is_tls) = match words {
            ["connect", ..] => ("connect", false),
            ["listen", ..] => ("listen", false),
            ["s_client", ..] => ("connect", true),
            ["s_server", ..] => ("listen", true),
            _ => return words,
        };
        self.command = Some(command);
        if is_tls {
            self.options.push("--tls".to_owned());
        }
        &words[1..]
    }

    /// Short options behind one dash; the last may be followed by its value at once.
    fn letters<'a>(&mut self, letters: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        for (at, letter) in letters.char_indices() {
            let (option, rest) = (format!("-{letter}"), &letters[at + letter.len_utf8()..]);
            if takes(&option)? == Takes::Value && !rest.is_empty() {
                return self.option(&option, &mut std::iter::once(rest));
            }
            self.option(&option, words)?;
        }
        Some(())
    }

    fn option<'a>(&mut self, option: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<()> {
        let value = if takes(option)? == Takes::Value { Some(words.next()?.to_owned()) } else { None };
        // A secret that stands there is not repeated.
        if matches!(option, "-x" | "--proxy") && value.as_ref().is_some_and(|url| url.contains('@')) {
            return None;
        }
        let Some(meaning) = known(option).filter(|_| own(option).is_none()) else {
            self.options.push(option.to_owned());
            self.options.extend(value);
            return Some(());
        };
        match (meaning, value) {
            (Listen, _) => self.command = Some("listen"),
            (Unix, _) => (self.is_unix, self.after_unix) = (true, self.address.len()),
            (Port, value) => self.port = value,
            (Address, value) => {
                self.address.extend(value);
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
            (Nothing(why), _) => self.notes.push(why.to_owned()),
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
        let is_listen = *self.command.get_or_insert("connect") == "listen";
        self.weigh(is_listen);
        match self.port.take() {
            Some(port) if is_listen => self.address.push(port),
            Some(port) => self.come_from(&port),
            None => {}
        }
        self.name_socket();
        self.take_url_apart()?;
        if is_listen {
            self.listen_on_all();
        } else {
            self.connect_here();
        }
        Some(self)
    }

    /// All words with this address.
    fn words(&self, address: &[String]) -> Vec<String> {
        let command = self.command.unwrap_or_default().to_owned();
        let words =
            std::iter::once(command).chain(address.iter().cloned()).chain(self.options.iter().cloned());
        let run = self.run.iter().cloned();
        if self.run.is_empty() {
            words.collect()
        } else {
            words.chain(["--".to_owned()]).chain(run).collect()
        }
    }

    /// Whether this program accepts it. An address that is missing makes nothing else wrong.
    fn is_sound(&self) -> bool {
        let any = ["localhost", "1"].map(str::to_owned);
        is_sound(&self.words(if self.address.is_empty() { &any } else { &self.address }))
    }

    fn text(&self) -> String {
        let missing = ["HOST", "PORT"].map(str::to_owned);
        let words = self.words(if self.address.is_empty() { &missing } else { &self.address });
        let words: Vec<_> = words.iter().map(|word| shell(word)).collect();
        let mut write = format!("write: astream {}", words.join(" "));
        if !self.then.is_empty() {
            write.push_str(" &&");
        }
        for word in &self.then {
            write = format!("{write} {}", shell(word));
        }
        std::iter::once(&write).chain(&self.notes).cloned().collect::<Vec<_>>().join("; ")
    }

    /// `-p 5000`, and `-s 127.0.0.1 -p 5000`.
    fn come_from(&mut self, port: &str) {
        let at = self.options.iter().position(|option| option == "-s" || option == "--source");
        match at.and_then(|at| self.options.get_mut(at + 1)) {
            Some(address) if address.contains(':') => *address = format!("[{address}]:{port}"),
            Some(address) => *address = format!("{address}:{port}"),
            None => self.options.extend(["-s".to_owned(), format!(":{port}")]),
        }
    }

    /// `/tmp/x.sock`, and `unix:/tmp/a 80`.
    fn name_socket(&mut self) {
        let Some(first) = self.address.first_mut() else { return };
        if is_path(first) || (self.is_unix && !first.starts_with("unix:")) {
            *first = format!("unix:{first}");
        }
        if first.starts_with("unix:") {
            self.address.truncate(1);
        }
    }

    /// `https://host/path`.
    fn take_url_apart(&mut self) -> Option<()> {
        let Some((scheme, rest)) = self.address.first().and_then(|first| first.split_once("://")) else {
            return Some(());
        };
        let host = rest.split(['/', '?', '#']).next()?;
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned();
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "unix" {
            self.address = vec![format!("unix:{rest}")];
            return Some(());
        }
        let (_, port, is_tls) = SCHEMES.iter().find(|(name, ..)| *name == scheme)?;
        let has_port = host.rsplit(']').next()?.contains(':');
        self.address = if has_port { split(&host) } else { vec![host, (*port)?.to_owned()] };
        if *is_tls && !self.options.iter().any(|option| option == "--tls") {
            self.options.push("--tls".to_owned());
        }
        Some(())
    }

    /// `listen 8080`.
    fn listen_on_all(&mut self) {
        if let [port] = &mut self.address[..]
            && is_number(port)
        {
            self.notes.push(format!("127.0.0.1:{port} is for this machine alone"));
            *port = format!(":{port}");
        }
    }

    /// `connect 8080`, `connect :8080`, and `connect host 80-90`.
    fn connect_here(&mut self) {
        if let [port] = &self.address[..]
            && is_number(port.strip_prefix(':').unwrap_or(port))
        {
            let port = port.strip_prefix(':').unwrap_or(port).to_owned();
            self.address = vec!["localhost".to_owned(), port];
        }
        let list = self.address.get(1).or(self.address.first());
        let list = list.map_or("", |list| list.rsplit(':').next().unwrap_or_default());
        let is_list = list.contains([',', '-']) && list.split([',', '-']).all(is_number);
        if is_list && !self.options.iter().any(|option| option == "-z" || option == "--probe") {
            self.options.insert(0, "-z".to_owned());
            self.notes.push("-z asks several ports whether they are open".to_owned());
        }
    }
}

/// `HOST:PORT` in two words, which need no brackets.
fn split(address: &str) -> Vec<String> {
    match address.rsplit_once(':') {
        Some((host, port)) => vec![host.trim_matches(['[', ']']).to_owned(), port.to_owned()],
        None => vec![address.to_owned()],
    }
}

fn is_path(text: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| text.starts_with(start))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A word as a shell reads it.
pub fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/@%+=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
