//! What a word means only beside others: options of `openssl s_client`, curl, tcping, pv and wait-for-it.

use super::meaning::{ALWAYS, SAFER, SECRET, WAIT};
use super::table::means_tls;
use super::{Line, is_number, is_path};
use crate::cli::units;

/// The options that ask for a probe.
const PROBES: [&str; 4] = ["-z", "--probe", "--show-certs", "--expires-within"];

impl Line {
    /// The words whose meaning depends on others.
    pub(super) fn weigh(&mut self, is_listen: bool) -> Option<()> {
        if self.is_unix && !self.names_a_path() {
            self.leave_secret();
        }
        self.wait_for_it(is_listen);
        if is_listen {
            self.take_sides();
            return Some(());
        }
        if self.notes.iter().any(|note| note == ALWAYS) {
            self.add(&["--tls"], None);
        }
        // Both are options of `listen`, and something else in curl.
        if let Some(limit) = self.options.iter_mut().find(|option| *option == "-m") {
            "--max-time".clone_into(limit);
        }
        if self.has(&["-k"]) {
            // nc's means nothing here.
            let is_tls = self.is_tls
                || self.has(&["--tls", "--starttls"])
                || self.address.first().is_some_and(|first| means_tls(first));
            is_tls.then_some(())?;
            self.options.retain(|option| option != "-k");
            self.add(&["--insecure"], None);
            self.notes.push(SAFER.to_owned());
            self.notes.push("to serve many, listen -k".to_owned());
        }
        self.name_size();
        if self.has(&["--count", "--every"]) && !self.has(&PROBES) {
            self.add(&["-z"], None);
        }
        if self.has(&PROBES) {
            self.limit_probe();
            // Each port is a line, without -v as well.
            self.options.retain(|option| option != "-v");
            self.name_pause();
            self.wait_for_port();
            self.then = std::mem::take(&mut self.run);
        }
        Some(())
    }

    /// `-i 1`, the pause of tcping. nc has one between ports, which are probed at once here.
    fn name_pause(&mut self) {
        let Some(at) = self.position(&["-i", "--idle-timeout"]) else { return };
        let ports = self.address.get(1).or(self.address.first()).map(String::as_str).unwrap_or_default();
        if ports.contains([',', '-']) {
            self.options.drain(at..self.options.len().min(at + 2));
        } else {
            "--every".clone_into(&mut self.options[at]);
        }
    }

    /// `-s 1M` of pv.
    fn name_size(&mut self) {
        if let Some(at) = self.position(&["-s"])
            && let Some(size) = self.options.get(at + 1)
            && (size.ends_with(char::is_alphabetic) || (is_number(size) && self.has(&["--progress"])))
            && units::size(size).is_ok()
        {
            "--size".clone_into(&mut self.options[at]);
        }
        if self.has(&["--size"]) {
            self.add(&["--progress"], None);
        }
    }

    /// `h:80 -t 30 --strict -- CMD`: the command is not for the peer, but for later.
    fn wait_for_it(&mut self, is_listen: bool) {
        if self.waits && !is_listen && !self.run.is_empty() && !self.has(&PROBES) {
            self.options.insert(0, "-z".to_owned());
            if !self.has(&["-w", "--timeout", "--retry-for"]) {
                self.add(&["--retry-for"], Some(WAIT.to_owned()));
            }
        }
    }

    /// `-z -w 30 -- CMD`: a probe with a command behind it waits for the port.
    fn wait_for_port(&mut self) {
        let is_repeated = self.has(&["--count", "--every"]) || self.default.contains(&"--every");
        let waits =
            !self.run.is_empty() || self.default.contains(&"--retry-for") || (self.waits && !is_repeated);
        if let Some(limit) = self.position(&["-w", "--timeout"])
            && waits
            && !self.has(&["--retry-for"])
        {
            "--retry-for".clone_into(&mut self.options[limit]);
        }
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

    /// `-w 3`, which limits silence as well in nc, and `-i 1`, which is a pause there.
    pub(super) fn limit_silence(&mut self) {
        if self.has(&["-z", "--probe"]) {
            return;
        }
        let (is_limit, is_udp) = (self.has(&["-i", "--idle-timeout"]), self.has(&["-u", "--udp"]));
        let note = match self.has(&["-w", "--timeout"]) {
            false if is_limit && self.is_guessed => "-i limits silence: status 5",
            true if is_udp && !is_limit => "-u ends after 1 s of silence, which -i changes",
            true if !is_limit => "-w limits the set-up only; -i limits silence, status 5",
            _ => return,
        };
        self.notes.push(note.to_owned());
    }

    /// `--max-time`, which limits what comes after a probe.
    fn limit_probe(&mut self) {
        let Some(at) = self.position(&["--max-time"]) else { return };
        let time = self.options.drain(at..self.options.len().min(at + 2)).nth(1);
        if !self.has(&["-w", "--timeout"]) {
            self.add(&["-w"], time);
        }
        self.notes.push("-w limits a probe".to_owned());
    }
}
