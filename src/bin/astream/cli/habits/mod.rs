//! Habits from other programs, and mistakes: rewrites a refused command line as it was meant.
//!
//! A line is rewritten word by word with the tables below. The result is shown only if this program accepts
//! it.

mod address;
mod curl;
mod meaning;
mod openssl;
mod proxy;
mod read;
mod socat;
mod stunnel;
mod table;
mod value;
mod write;

use std::ffi::OsString;

use address::has_host;
pub use table::commands_with;
use table::{COMMANDS, is_single, known, spelt};
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

/// Whether a host follows `-h`: a script would take it for success if help were printed.
pub fn is_host_of_help(words: &[OsString]) -> bool {
    let mut words = words.iter().map(|word| word.to_str().unwrap_or_default());
    let Some(host) = words.find_map(|word| word.strip_prefix("-h")) else { return false };
    let host = if host.is_empty() { words.next().unwrap_or("-") } else { host };
    !host.starts_with('-') && !COMMANDS.iter().any(|(names, ..)| names.contains(&host))
}

fn sorted<T: Ord>(mut words: Vec<T>) -> Vec<T> {
    words.sort();
    words
}

/// Whether this is an option of another program.
pub fn is_known(option: &str) -> bool {
    known(&spelt(option)).is_some()
}

/// Whether what is taken for a host begins an address of socat: `TCP:80`.
pub fn is_of_socat(host: &str) -> bool {
    host == host.to_ascii_uppercase() && socat::is_socat(&[&format!("{host}:1")])
}

/// The parts of a command line.
#[derive(Default)]
struct Line {
    command: Option<&'static str>,
    /// Whether the first word is the name of another program.
    is_foreign: bool,
    /// Whether no word says that it is `connect`.
    is_guessed: bool,
    /// Whether it listens as nc does: one command is run for one client, unless `-k` is there.
    is_nc: bool,
    /// Whether the words are those of `openssl s_client`, whose long options have one dash.
    is_openssl: bool,
    /// Whether a word means nothing without TLS.
    is_tls: bool,
    /// Whether addresses of socat are among the words.
    is_socat: bool,
    /// Words that mean nothing here.
    unknown: Vec<String>,
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
    /// Whether the words are wait-for-it's, where a command waits for a port.
    waits: bool,
    /// What is run for each connection.
    run: Vec<String>,
    /// What is run if all went well.
    then: Vec<String>,
}

impl Line {
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
        self.is_guessed = self.command.is_none();
        let is_listen = *self.command.get_or_insert("connect") == "listen";
        self.reach_target(is_listen)?;
        self.weigh(is_listen)?;
        self.add(self.default, None);
        match self.port.take() {
            Some(port) if is_listen || self.lacks_port() => self.address.push(port),
            Some(port) => self.come_from(&port),
            None => {}
        }
        self.name_proxies()?;
        self.take_command();
        self.name_socket();
        self.take_url_apart()?;
        if is_listen {
            if self.is_nc && !self.run.is_empty() && !self.has(&["-k", "--keep-open", "-u", "--udp"]) {
                self.add(&["--once"], None);
            }
            self.listen_on_all();
        } else {
            // What was read as a command may have been the host.
            if !self.run.is_empty() && !has_host(&self.address) {
                return None;
            }
            self.connect_here();
        }
        self.speak_tls()?;
        self.limit_silence();
        (!self.contradicts()).then_some(self)
    }

    /// Adds `--tls` if a word means nothing without it. None if the side is not known.
    fn speak_tls(&mut self) -> Option<()> {
        let speaks = [
            "--tls",
            "--starttls",
            "--forward-tls",
            "--forward-starttls",
            "--show-certs",
            "--expires-within",
        ];
        if self.is_tls && !self.has(&speaks) {
            (!self.has(&["--forward"])).then(|| self.add(&["--tls"], None))?;
        }
        Some(())
    }

    /// Whether two different values are given for an option that accepts one.
    fn contradicts(&self) -> bool {
        let pairs = || self.options.windows(2).filter(|pair| pair[0].starts_with('-'));
        pairs().any(|one| pairs().any(|other| one[0] == other[0] && one[1] != other[1] && is_single(&one[0])))
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
