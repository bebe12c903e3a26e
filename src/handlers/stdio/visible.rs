//! What a peer has sent, for a terminal: what the terminal would act upon is shown as an escape.

use std::io::Write;

/// A text whose controls are shown, in the notation of all our messages: `\u{1b}`, and `\xff` for a byte that is not
/// UTF-8. Tab, line feed and carriage return stay what they are, and so does everything that is only shown. However a text
/// is split, it looks the same.
#[derive(Debug, Default)]
pub(super) struct Visible {
    /// The beginning of a character whose rest has not come: up to three bytes. A terminal must not have it, because the
    /// rest could make a control of it.
    begun: Vec<u8>,
}

impl Visible {
    /// Appends to `shown` what this chunk completes.
    pub(super) fn show(&mut self, chunk: &[u8], shown: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(chunk);
        self.begun = text.split_off(text.len() - begun(&text));
        show(&text, shown);
    }

    /// Appends to `shown` what has begun, and is not completed any more: the text is at its end.
    pub(super) fn end(&mut self, shown: &mut Vec<u8>) {
        show(&std::mem::take(&mut self.begun), shown);
    }
}

/// How many bytes at the end of `text` are the beginning of a character.
fn begun(text: &[u8]) -> usize {
    // A character of four bytes lacks one.
    let tail = &text[text.len().saturating_sub(3)..];
    let last = tail.utf8_chunks().last().map_or(&[][..], |last| last.invalid());
    match std::str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

fn show(text: &[u8], shown: &mut Vec<u8>) {
    shown.reserve(text.len());
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            // A vector takes everything.
            let _ = match letter {
                '\t' | '\n' | '\r' => write!(shown, "{letter}"),
                _ if letter.is_control() || turns_text(letter) => {
                    write!(shown, "{}", letter.escape_unicode())
                }
                _ => shown.write_all(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
}

/// Whether it overrides, embeds or isolates a direction of writing, which makes a text look like another one. The marks
/// U+200E, U+200F and U+061C do no more than a letter of their direction, and belong to texts in Arabic and Hebrew.
fn turns_text(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is shown of a text that comes in these parts.
    fn shown(parts: &[&[u8]]) -> String {
        let (mut visible, mut shown) = (Visible::default(), Vec::new());
        for part in parts {
            visible.show(part, &mut shown);
        }
        visible.end(&mut shown);
        String::from_utf8(shown).expect("it is UTF-8")
    }

    #[test]
    fn what_a_terminal_would_act_upon_is_shown() {
        for (text, wanted) in [
            (&b"a\tb\r\nc\n"[..], "a\tb\r\nc\n"),
            ("Grüße, 東京 𝄞\u{200f}\u{61c}\u{200e}".as_bytes(), "Grüße, 東京 𝄞\u{200f}\u{61c}\u{200e}"),
            (b"\x1b[31mred\x1b]0;title\x07", r"\u{1b}[31mred\u{1b}]0;title\u{7}"),
            (b"\0\x08\x7f", r"\u{0}\u{8}\u{7f}"),
            ("\u{9b}31m\u{80}\u{9f}\u{a0}".as_bytes(), "\\u{9b}31m\\u{80}\\u{9f}\u{a0}"),
            (b"\x9b31m caf\xe9 \xff", r"\x9b31m caf\xe9 \xff"),
            ("\u{202e}a\u{2066}b\u{2069}".as_bytes(), r"\u{202e}a\u{2066}b\u{2069}"),
            // Neither an overlong ESC nor half of a pair is a character.
            (b"\xc0\x9b \xed\xa0\x80", r"\xc0\x9b \xed\xa0\x80"),
            (b"\\u{1b}", r"\u{1b}"),
        ] {
            assert_eq!(shown(&[text]), wanted);
        }
    }

    #[test]
    fn only_the_beginning_of_a_character_is_kept_back() {
        let (mut visible, mut shown) = (Visible::default(), Vec::new());
        for (part, so_far) in [
            (&b"login: "[..], "login: "),
            (b"\xe2\x82", "login: "),
            (b"\xac \xf0\x9d", "login: € "),
            (b"x\xc2", "login: € \\xf0\\x9dx"),
            (b"\x9b", "login: € \\xf0\\x9dx\\u{9b}"),
        ] {
            visible.show(part, &mut shown);
            assert_eq!(String::from_utf8_lossy(&shown), so_far);
        }
    }

    /// Pieces that meet each other in every way: controls, beginnings and ends of characters, whole ones.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|letter| letter.to_string().into_bytes()),
            prop::sample::select(vec!["\u{202e}", "\u{9b}", "\u{1b}", "€", "𝄞"])
                .prop_map(|letter| letter.as_bytes().to_vec()),
            prop::sample::select(vec![&b"\xe2\x80"[..], b"\xf0\x9d", b"\xc2", b"\x9b", b"\xac"])
                .prop_map(<[u8]>::to_vec),
        ];
        proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn however_a_text_is_split_it_looks_the_same(text in text(), a: prop::sample::Index, b: prop::sample::Index) {
            let (a, b) = (a.index(text.len() + 1), b.index(text.len() + 1));
            let (a, b) = (a.min(b), a.max(b));
            let whole = shown(&[&text]);
            prop_assert_eq!(&shown(&[&text[..a], &text[a..b], b"", &text[b..]]), &whole);
            let bytes: Vec<_> = text.chunks(1).collect();
            prop_assert_eq!(&shown(&bytes), &whole);
        }

        #[test]
        fn nothing_that_is_shown_is_a_control(text in text()) {
            let acts = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r');
            let turns = |letter: char| ('\u{202a}'..='\u{202e}').contains(&letter) || ('\u{2066}'..='\u{2069}').contains(&letter);
            prop_assert!(!shown(&[&text]).contains(|letter| acts(letter) || turns(letter)));
        }

        #[test]
        fn a_text_without_controls_is_unchanged(text in r"[^\p{Cc}\u{202a}-\u{202e}\u{2066}-\u{2069}]{0,40}") {
            prop_assert_eq!(shown(&[text.as_bytes()]), text);
        }
    }
}
