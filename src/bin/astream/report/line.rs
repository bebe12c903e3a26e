//! A line for a person: its beginning, and that it stays one line.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use astream::Timestamp;

/// `astream: `, the time if it is wanted, and the text.
pub fn line(text: &str, has_time: bool) -> String {
    let mut line = String::from("astream: ");
    if has_time {
        line.push_str(&now());
        line.push(' ');
    }
    line + &printable(text)
}

/// A text on one line, with what a terminal would act upon escaped.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_acted_upon(letter) {
            printable.extend(letter.escape_debug());
        } else {
            printable.push(letter);
        }
    }
    printable
}

/// Control characters, the separators of lines and paragraphs, and what changes the direction of writing.
fn is_acted_upon(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The time in the form of RFC 3339, in UTC and with milliseconds.
pub fn now() -> String {
    let now = SystemTime::now();
    let millis = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
    let mut time = Timestamp::from(now).to_string();
    time.pop();
    let _ = write!(time, ".{millis:03}Z");
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_begin_another_line_or_move_the_cursor() {
        for (text, printed) in [
            ("1.2.3.4:5: open", "astream: 1.2.3.4:5: open"),
            ("a\nastream: b", r"astream: a\nastream: b"),
            ("a\r\u{1b}[2K\u{9b}1A", r"astream: a\r\u{1b}[2K\u{9b}1A"),
            ("a\u{2028}b\u{202e}c", r"astream: a\u{2028}b\u{202e}c"),
            ("'it\\n' is \"東京\"", "astream: 'it\\n' is \"東京\""),
        ] {
            assert_eq!(line(text, false), printed);
        }
    }
}
