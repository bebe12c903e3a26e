//! The terminal in front of the program: whether a person is there, and what may be coloured.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::sync::LazyLock;

/// Kept, because stdout is closed with the connection.
static IS_INTERACTIVE: LazyLock<bool> =
    LazyLock::new(|| io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal());

/// Whether a person types and reads here. In a script, or with its output in a file, one of the three is something else.
pub fn is_interactive() -> bool {
    *IS_INTERACTIVE
}

/// Whether messages go to a terminal.
pub fn shows_messages() -> bool {
    io::stderr().is_terminal()
}

/// How a line begins.
#[derive(Clone, Copy)]
pub enum Tone {
    Plain,
    /// After what is in the line already: ^C.
    NewLine,
    Warning,
    Error,
}

/// The line with such a beginning, where stderr is a terminal, and in colours if it has any that are not refused.
pub fn toned(line: String, tone: Tone) -> String {
    let colour = match tone {
        Tone::NewLine if shows_messages() => return format!("\n{line}"),
        Tone::Plain | Tone::NewLine => return line,
        Tone::Warning => "33",
        Tone::Error => "1;31",
    };
    match line.split_once(' ') {
        Some((prefix, rest)) if has_colours() => format!("\u{1b}[{colour}m{prefix}\u{1b}[0m {rest}"),
        _ => line,
    }
}

/// `NO_COLOR` counts if it is not empty (no-color.org).
fn has_colours() -> bool {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_able = |term: OsString| term != "dumb";
    shows_messages() && variable("NO_COLOR").is_none() && variable("TERM").is_some_and(is_able)
}
