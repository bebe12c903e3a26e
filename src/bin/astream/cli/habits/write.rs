//! The rewritten command line as text.

use super::Line;
use crate::cli::is_sound;

impl Line {
    /// All words with this address.
    pub(super) fn words(&self, address: &[String]) -> Vec<String> {
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
    pub(super) fn is_sound(&self) -> bool {
        let any = ["localhost", "1"].map(str::to_owned);
        let address = if self.address.is_empty() { &any[..] } else { &self.address };
        self.has_sound_proxies() && is_sound(&self.words(address))
    }

    pub(super) fn text(&self) -> String {
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
        let unknown =
            (!self.unknown.is_empty()).then(|| format!("not known here: {}", self.unknown.join(", ")));
        let mut parts = vec![write];
        for note in self.notes.iter().cloned().chain(unknown) {
            if !parts.contains(&note) {
                parts.push(note);
            }
        }
        parts.join("; ")
    }
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
