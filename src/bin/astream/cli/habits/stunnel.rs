//! `--accept 443 --connect 8080` of stunnel: a listener with a target, and which of them an option is about.

use super::meaning::ALWAYS;
use super::table::{commands_with, own};
use super::value::has_port;
use super::{Line, is_number, is_path};

const OF_TARGET: &str = "the certificate of the target is always verified";

impl Line {
    /// `-connect h:443`: the peer, or where a listener relays to.
    pub(super) fn reach_target(&mut self, is_listen: bool) -> Option<()> {
        // `listen 127.0.0.1:80 h:81`, and `forward 80 h:81`.
        let is_own = |word: &str| has_port(word) || is_number(word);
        if is_listen && matches!(&self.address[..], [first, second] if is_own(first) && has_port(second)) {
            let target = self.address.pop();
            self.add(&["--forward"], target);
        }
        let Some(target) = self.target.take() else { return Some(()) };
        let target = if is_path(&target) { format!("unix:{target}") } else { target };
        if !is_listen {
            self.address.push(target);
            return Some(());
        }
        // `--client=yes`: TLS is spoken to the target, and not to the clients.
        if self.has(&["--forward-tls"]) {
            self.options.retain(|option| option != "--tls");
        } else if self.has(&["--servername"]) {
            // What stunnel's server does with a name is not done here.
            return None;
        }
        let target = if is_number(&target) { format!("localhost:{target}") } else { target };
        self.add(&["--forward"], Some(target));
        Some(())
    }

    /// `--starttls`, and where TLS is not spoken to clients `--cacert` too, are about the target.
    pub(super) fn take_sides(&mut self) {
        if let Some(note) = self.notes.iter().position(|note| *note == ALWAYS) {
            let is_of_target =
                self.has(&["--forward-tls"]) || (!self.has(&["--tls"]) && self.has(&["--forward"]));
            if is_of_target {
                self.add(&["--forward-tls"], None);
                OF_TARGET.clone_into(&mut self.notes[note]);
            } else {
                self.notes.remove(note);
                self.add(&["--tls"], None);
                if !self.has(&["--cacert"]) {
                    self.add(&["--cacert"], Some("FILE".to_owned()));
                }
            }
        }
        let (is_tls, is_client) = (self.has(&["--tls"]), self.has(&["--forward-tls"]));
        if !self.has(&["--forward"]) {
            return;
        }
        let mut is_renamed = self.has(&["--forward-cacert"]);
        if self.has(&["--cacert"]) && !is_tls && !is_client {
            self.notes.push("with --tls, --cacert FILE demands certificates of the clients".to_owned());
        }
        for option in &mut self.options {
            let (commands, of_target) = (commands_with(option), option.replacen("--", "--forward-", 1));
            let may_be_of_clients = is_tls || (!is_client && option != "--cacert");
            let is_of_clients = commands == ["listen"] || (commands.len() == 2 && may_be_of_clients);
            if !is_of_clients && own(&of_target).is_some() {
                *option = of_target;
                is_renamed = true;
            }
        }
        if is_renamed && !self.has(&["--forward-tls", "--forward-starttls"]) {
            self.add(&["--forward-tls"], None);
        }
    }
}
