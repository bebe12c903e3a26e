//! Options of `openssl s_client` and of curl, and what a word means only beside others.

use super::table::{SAFER, SECRET};
use super::{Line, is_number, is_path};

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
