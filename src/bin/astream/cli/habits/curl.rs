//! Options of `openssl s_client` and of curl, and what a word means only beside others.

use super::Line;
use super::address::{is_number, is_path};
use super::table::Meaning::{self, But, Is, Nothing, Seconds};
use super::table::{Entry, SAFER, Takes};

const SECRET: &str = "USER:SECRET for a proxy comes from the variable ASTREAM_PROXY_AUTH";
const TOO_OLD: Meaning = Nothing("versions before 1.2 are unsafe, and not spoken");
const BY_ADDRESS: Meaning = Nothing("connect to the address, and give the name: --servername NAME");
const CIPHERS: Meaning = Nothing("ciphers cannot be chosen");

pub(super) const OPTIONS: &[Entry] = &[
    (&["-tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.2", "--tls-max", "1.2"])),
    (&["-tls1_3"], Takes::Nothing, Is(&["--tls-min", "1.3", "--tls-max", "1.3"])),
    (&["-no_tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-no_tls1_3"], Takes::Nothing, Is(&["--tls-max", "1.2"])),
    (&["--tlsv1.2"], Takes::Nothing, Is(&["--tls-min", "1.2"])),
    (&["--tlsv1.3"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-tls1", "-tls1_1", "--tlsv1", "--tlsv1.0", "--tlsv1.1"], Takes::Nothing, TOO_OLD),
    (&["-checkend"], Takes::Value, Seconds("--expires-within")),
    (&["--connect-timeout"], Takes::Value, Is(&["-w"])),
    (&["--resolve", "--connect-to"], Takes::Value, BY_ADDRESS),
    (&["--proxy-user"], Takes::Value, Nothing(SECRET)),
    (
        &["-msg", "-debug"],
        Takes::Nothing,
        But(&["--dump", "-"], "it shows the data, not the messages of TLS"),
    ),
    (&["-CApath"], Takes::Value, Nothing("the folder is named by the variable SSL_CERT_DIR")),
    (&["-keylogfile"], Takes::Value, Nothing("the file is named by the variable SSLKEYLOGFILE")),
    (&["-cipher", "-ciphersuites", "--ciphers", "--tls13-ciphers"], Takes::Value, CIPHERS),
];

impl Line {
    /// The words whose meaning depends on others.
    pub(super) fn weigh(&mut self, is_listen: bool) {
        if self.is_unix && !self.names_a_path() {
            self.leave_secret();
        }
        if is_listen {
            return;
        }
        // Both are options of `listen`, and something else in curl.
        if let Some(limit) = self.options.iter_mut().find(|option| *option == "-m") {
            "--max-time".clone_into(limit);
        }
        if self.has(&["-k"]) {
            self.options.retain(|option| option != "-k");
            self.add(&["--insecure"], None);
            self.notes.push(SAFER.to_owned());
        }
        if self.has(&["-z", "--probe", "--show-certs", "--expires-within"]) {
            self.limit_probe();
            self.then = std::mem::take(&mut self.run);
        }
    }

    fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|option| names.contains(&&option[..]))
    }

    /// Whether `-U` is nc's, and not curl's, which is followed by the user and the secret for a proxy.
    fn names_a_path(&self) -> bool {
        let is_plain = match &self.address[..] {
            [] => true,
            [only] => !only.contains(':'),
            _ => false,
        };
        let named = self.address.first().is_some_and(|first| is_path(first) || first.starts_with("unix:"));
        named || (is_plain && !self.has(&["-x", "--proxy", "--tls"]))
    }

    /// `-U USER:SECRET`: a secret is not repeated.
    fn leave_secret(&mut self) {
        self.is_unix = false;
        self.notes.push(SECRET.to_owned());
        let Some(word) = self.address.get(self.after_unix) else { return };
        let is_target =
            word.rsplit_once(':').is_some_and(|(_, port)| is_number(port)) && self.address.len() == 1;
        if (word.contains(':') && !is_target) || self.address.len() == 3 {
            self.address.remove(self.after_unix);
        }
    }

    /// `--max-time`, which limits what comes after a probe.
    fn limit_probe(&mut self) {
        let Some(at) = self.options.iter().position(|option| option == "--max-time") else { return };
        let time = self.options.drain(at..self.options.len().min(at + 2)).nth(1);
        if !self.has(&["-w", "--timeout"]) {
            self.add(&["-w"], time);
        }
        self.notes.push("-w limits a probe".to_owned());
    }
}
