//! A peer's own words in a message.

/// More of them is not shown.
const MAX_CHARS: usize = 300;

/// What was said, in quotes and on one line, with everything escaped that is not to be printed.
pub(crate) fn quoted(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.trim().lines().collect::<Vec<_>>().join(" ");
    let mut shown = String::from("\"");
    for char in line.chars().take(MAX_CHARS) {
        match char {
            '\'' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    shown.push_str(if line.chars().nth(MAX_CHARS).is_some() { "…\"" } else { "\"" });
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_in_quotes_without_anything_that_acts() {
        for (said, shown) in [
            (&b"454 it's not available\r\n"[..], r#""454 it's not available""#),
            (b"554-no\r\n554 not here\r\n", r#""554-no 554 not here""#),
            (b"a\x1b[31mb\0c\rd\"e\\", r#""a\u{1b}[31mb\0c\rd\"e\\""#),
            ("\u{202e}olleh".as_bytes(), r#""\u{202e}olleh""#),
            (b"", r#""""#),
            (b"\xff", "\"\u{fffd}\""),
        ] {
            assert_eq!(quoted(said), shown);
        }
    }

    #[test]
    fn words_are_cut_when_there_are_too_many() {
        assert_eq!(quoted(&[b'x'; 300]), format!("\"{}\"", "x".repeat(300)));
        assert_eq!(quoted(&[b'x'; 301]), format!("\"{}…\"", "x".repeat(300)));
    }
}
