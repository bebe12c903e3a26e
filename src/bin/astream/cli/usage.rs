//! What is wrong with a command line, in one line.

use std::ffi::OsString;

use astream::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Report, habits};

/// Why no command is run.
pub enum NotRun {
    /// Help or a version was asked for: this text.
    Help(String),
    /// There is no word in the command line: this text says which there are.
    Empty(&'static str),
    /// The command line is wrong.
    Usage(Usage),
}

/// What is wrong with a command line.
pub struct Usage {
    /// In one line.
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
    /// In which form it is printed.
    pub report: Report,
}

impl Usage {
    pub fn new(message: String, hint: Option<String>) -> Self {
        Self { message, hint, report: Report::of_unparsed() }
    }
}

/// The error in one line. Without a hint it names `--help`.
pub fn one_line(error: &clap::Error, words: &[OsString], has_hint: bool) -> String {
    let message = match error.kind() {
        ErrorKind::MissingRequiredArgument if is_address_missing(error) => {
            "the address is missing: HOST PORT, HOST:PORT or unix:PATH".to_owned()
        }
        ErrorKind::InvalidSubcommand => {
            // Behind a comma socat has options, and some are secrets.
            let word = shown(context(error, ContextKind::InvalidSubcommand));
            let word = word.split_once(',').map_or(word.clone(), |(address, _)| format!("{address},…"));
            format!("'{word}' is not a command: connect or listen")
        }
        ErrorKind::ValueValidation => invalid_value(error),
        _ => misplaced(error).unwrap_or_else(|| {
            // What it is elsewhere is known, and is nothing that has a similar name here.
            let word = context(error, ContextKind::InvalidArg);
            let typed = typed(words, word).unwrap_or(word);
            let text = error.render().to_string().replace(word, &shown(typed));
            without_usage(&text, has_hint || habits::is_known(typed) || is_far_fetched(error))
        }),
    };
    let message = printable(&message);
    if has_hint { message } else { format!("{message}; see --help") }
}

/// The error of an option that this command does not have, and the other one does, or that stands before both.
fn misplaced(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let option = context(error, ContextKind::InvalidArg);
    match &habits::commands_with(option)[..] {
        [] => None,
        [command] => Some(format!("'{option}' is an option of astream {command} only")),
        _ => Some(format!("'{option}' comes after the command, connect or listen")),
    }
}

/// The word of another program that clap has read as several letters: `-name`.
fn typed<'a>(words: &'a [OsString], letter: &str) -> Option<&'a str> {
    let letter = letter.strip_prefix('-').filter(|letter| letter.chars().count() == 1)?;
    let mut words = words.iter().filter_map(|word| word.to_str());
    words.find(|word| word.len() > 2 && word.contains(letter) && habits::is_known(word))
}

/// Whether more than half of the option would have to be another for it to be the one that clap suggests.
fn is_far_fetched(error: &clap::Error) -> bool {
    let (typed, similar) =
        (context(error, ContextKind::InvalidArg), context(error, ContextKind::SuggestedArg));
    let (typed, similar) = (typed.trim_start_matches('-'), similar.trim_start_matches('-'));
    // The first letter is seldom wrong, and `--no-` is the opposite.
    typed.get(..1) != similar.get(..1) || 2 * strsim::osa_distance(typed, similar) > typed.chars().count()
}

fn is_address_missing(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::Strings(args)) if args.iter().any(|arg| arg == "<HOST>"))
}

/// Escapes control characters, which the command line may contain.
fn printable(message: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    message.chars().map(escaped).collect()
}

/// The error of a value that an option does not accept. The value is named once, even if the reason names it
/// as well.
fn invalid_value(error: &clap::Error) -> String {
    let option = context(error, ContextKind::InvalidArg);
    let value = shown(context(error, ContextKind::InvalidValue));
    let reason = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    let named = format!("'{}': ", value.escape_debug());
    let reason = reason.strip_prefix(&named).unwrap_or(&reason);
    format!("invalid value for '{option}': {named}{reason}")
}

/// A word of the command line without a user and a secret.
fn shown(word: &str) -> String {
    match Error::invalid(word, "") {
        Error::Invalid { text, .. } => text,
        _ => String::new(),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}

/// clap's message without its usage, its line breaks, and its advice to treat a misspelt flag as a value;
/// without any advice if there is a better hint.
fn without_usage(text: &str, has_hint: bool) -> String {
    let is_message = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
    let is_advice = |line: &str| line.starts_with("tip: to pass") || (has_hint && line.starts_with("tip:"));
    let is_shown = |line: &&str| !line.is_empty() && !is_advice(line);
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<_> = text.lines().map(str::trim).take_while(is_message).filter(is_shown).collect();
    lines.join(" ").replace(" tip:", "; tip:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::read;

    #[test]
    fn an_error_is_one_line() {
        for words in [
            &["connect"][..],
            &["connect", "-4", "-6", "host", "1"],
            &["connect", "host", "1", "--insecure"],
            &["listen", "host", "1", "--ehco"],
            &["listen", "host", "1", "-w", "soon"],
            &["frobnicate"],
        ] {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            let Err(error) = read(&words) else { panic!("{words:?} is accepted") };
            let line = one_line(&error, &words, false);
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.ends_with("see --help") && !line.contains("Usage"), "{line}");
        }
    }
}
