//! Text of a peer, quoted in a message.

/// The most characters that are quoted.
const MAX_CHARS: usize = 300;

/// The text in quotes and on one line, with everything escaped that cannot be printed.
pub(crate) fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.trim().lines().collect::<Vec<_>>().join(" ");
    let mut quoted = String::from("\"");
    for char in line.chars().take(MAX_CHARS) {
        match char {
            '\'' => quoted.push(char),
            _ => quoted.extend(char.escape_debug()),
        }
    }
    quoted.push_str(if line.chars().nth(MAX_CHARS).is_some() { "…\"" } else { "\"" });
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_one_line_without_control_characters() {
        for (text, expected) in [
            (&b"454 it's not available\r\n"[..], r#""454 it's not available""#),
            (b"554-no\r\n554 not here\r\n", r#""554-no 554 not here""#),
            (b"a\x1b[31mb\0c\rd\"e\\", r#""a\u{1b}[31mb\0c\rd\"e\\""#),
            ("\u{202e}olleh".as_bytes(), r#""\u{202e}olleh""#),
            (b"", r#""""#),
            (b"\xff", "\"\u{fffd}\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(quoted(&[b'x'; 300]), format!("\"{}\"", "x".repeat(300)));
        assert_eq!(quoted(&[b'x'; 301]), format!("\"{}…\"", "x".repeat(300)));
    }
}
