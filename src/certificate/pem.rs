//! PEM, the text form of certificates, keys and revocation lists (RFC 7468).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

const BEGIN: &[u8] = b"-----BEGIN";
const END: &[u8] = b"-----END";
const DASHES: &[u8] = b"-----";

/// One block: its label and its contents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) label: String,
    /// Its first line, counted from one.
    pub(crate) line: usize,
    pub(crate) der: Vec<u8>,
    /// Its header says that it is encrypted (RFC 1421, 4.6.1.1).
    pub(crate) is_encrypted: bool,
}

/// Text that begins or ends as a block does, but is not one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    line: usize,
    reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// The blocks of a text, wherever they stand: after a byte order mark, indented, with text around them, or
/// one directly after the other. Every `-----BEGIN` yields a block or an error.
pub(crate) fn blocks(text: &[u8]) -> impl Iterator<Item = Result<Block, Malformed>> {
    Blocks { text, at: 0, line: 1, counted: 0 }
}

/// A block with this label, ending in a line feed.
pub(crate) fn block(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: String = lines.flat_map(|line| [line, "\n".into()]).collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

struct Blocks<'a> {
    text: &'a [u8],
    /// Everything before this offset has been read.
    at: usize,
    /// The line of the byte at `counted`.
    line: usize,
    counted: usize,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        let (begin, end) = (memmem::find(rest, BEGIN), memmem::find(rest, END));
        let start = self.at + begin.into_iter().chain(end).min()?;
        let line = self.line_of(start);
        if begin.is_none_or(|begin| end.is_some_and(|end| end < begin)) {
            self.at = start + END.len();
            return Some(Err(Malformed { line, reason: "an END has no BEGIN before it".to_owned() }));
        }
        self.at = start + BEGIN.len();
        let found = Found::read(&self.text[self.at..]).and_then(|found| {
            self.at += found.length;
            found.block(line)
        });
        Some(found.map_err(|reason| Malformed { line, reason }))
    }
}

impl Blocks<'_> {
    fn line_of(&mut self, at: usize) -> usize {
        let passed = &self.text[self.counted..at];
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.counted = at;
        self.line
    }
}

/// The parts of a block after its `-----BEGIN`.
struct Found<'a> {
    label: &'a str,
    body: &'a [u8],
    length: usize,
}

impl<'a> Found<'a> {
    fn read(text: &'a [u8]) -> Result<Self, String> {
        let (label, rest) = label(text).ok_or("the BEGIN line is incomplete")?;
        let without_end = || format!("{} has no END", label.escape_debug());
        let end = memmem::find(rest, END).ok_or_else(without_end)?;
        let (before, after) = rest.split_at(end);
        let body = before.strip_prefix(DASHES).filter(|_| memmem::find(before, BEGIN).is_none());
        let body = body.ok_or_else(without_end)?;
        let (closing, after) = self::label(&after[END.len()..]).ok_or("the END line is incomplete")?;
        if closing != label {
            return Err(format!("{} ends as {}", label.escape_debug(), closing.escape_debug()));
        }
        // Dashes too few for two lines belong to the second line, so that its block is found.
        let near = &after[..after.len().min(DASHES.len() + BEGIN.len())];
        let next = [BEGIN, END].into_iter().filter_map(|mark| memmem::find(near, mark)).min();
        let after = &after[next.unwrap_or(DASHES.len()).min(DASHES.len())..];
        Ok(Self { label, body, length: text.len() - after.len() })
    }

    fn block(self, line: usize) -> Result<Block, String> {
        let mut is_encrypted = false;
        let mut text = Vec::with_capacity(self.body.len());
        for line in self.body.split(|byte| *byte == b'\n') {
            if memchr::memchr(b':', line).is_some() {
                // A header; no line of base64 has a colon.
                is_encrypted |= memmem::find(line, b"ENCRYPTED").is_some();
            } else {
                line.split(u8::is_ascii_whitespace).for_each(|word| text.extend_from_slice(word));
            }
        }
        let der = STANDARD.decode(text);
        let der = der.map_err(|_| format!("the content of {} is not base64", self.label.escape_debug()))?;
        Ok(Block { label: self.label.to_owned(), line, der, is_encrypted })
    }
}

/// The label between a BEGIN or an END and its five dashes on the same line, and the text from those dashes
/// on.
fn label(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = memmem::find(text, DASHES)?;
    let label = std::str::from_utf8(&text[..end]).ok()?.strip_prefix(' ')?;
    (!label.contains(['\n', '\r'])).then_some((label.trim(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = Result<(String, usize, Vec<u8>), String>;

    fn read(text: &str) -> Vec<Read> {
        let read = |block: Block| (block.label, block.line, block.der);
        blocks(text.as_bytes()).map(|one| one.map(read).map_err(|flaw| flaw.to_string())).collect()
    }

    const ONE: &str = "-----BEGIN ONE-----\nAQ==\n-----END ONE-----";
    const TWO: &str = "-----BEGIN TWO-----\nAgI=\n-----END TWO-----";

    #[test]
    fn blocks_are_found_wherever_they_stand() {
        let one = |line| Ok(("ONE".to_owned(), line, vec![1]));
        let two = |line| Ok(("TWO".to_owned(), line, vec![2, 2]));
        for (text, found) in [
            (format!("{ONE}\n{TWO}\n"), vec![one(1), two(4)]),
            (format!("{ONE}{TWO}"), vec![one(1), two(3)]),
            (format!("{}{}", ONE, &TWO[5..]), vec![one(1), two(3)]),
            (format!("{}-{}", ONE, &TWO[5..]), vec![one(1), two(3)]),
            (format!("{}----{}", ONE, &TWO[5..]), vec![one(1), two(3)]),
            (format!("\u{feff}{ONE}\n\u{feff}{TWO}"), vec![one(1), two(4)]),
            (
                format!("Bag Attributes: x\n\n{ONE} and then\n{TWO} .").replace('\n', "\r\n"),
                vec![one(3), two(6)],
            ),
            (format!("  {}", TWO.replace('\n', "\n\t ")), vec![two(1)]),
            (ONE.replace('\n', ""), vec![one(1)]),
            (ONE.replace("AQ==", "Key: 4,x\nOther: y\n\nA\nQ=\n="), vec![one(1)]),
            ("no block\n".to_owned(), vec![]),
        ] {
            assert_eq!(read(&text), found, "{text}");
        }
    }

    #[test]
    fn a_malformed_block_is_reported_with_its_line_and_the_next_one_is_read() {
        for (text, fault) in [
            ("-----BEGIN ONE\nAQ==\n-----END ONE-----".to_owned(), "line 4: the BEGIN line is incomplete"),
            ("-----BEGIN".to_owned(), "line 4: the BEGIN line is incomplete"),
            ("-----BEGIN ONE-----\nAQ==\n".to_owned(), "line 4: ONE has no END"),
            ("-----BEGIN ONE-----\nAQ==\n-----END ONE\n".to_owned(), "line 4: the END line is incomplete"),
            (ONE.replace("END ONE", "END TWO"), "line 4: ONE ends as TWO"),
            (ONE.replace("AQ==", "A!Q=="), "line 4: the content of ONE is not base64"),
            (ONE.replace("AQ==", "AQ"), "line 4: the content of ONE is not base64"),
            (ONE.replace("-----BEGIN", "----BEGIN"), "line 6: an END has no BEGIN before it"),
        ] {
            let found = read(&format!("{TWO}\n{text}\n{TWO}"));
            assert!(found.contains(&Err(fault.to_owned())), "{text}: {found:?}");
            assert_eq!(
                (found.first(), found.last().unwrap().is_ok()),
                (Some(&Ok(("TWO".to_owned(), 1, vec![2, 2]))), true)
            );
        }
    }

    #[test]
    fn an_encrypted_block_is_recognized() {
        let text = ONE.replace("AQ==", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQ==");
        assert!(blocks(text.as_bytes()).next().unwrap().unwrap().is_encrypted);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(der in prop::collection::vec(any::<u8>(), 0..300), between in "[a-z \r\n]{0,9}") {
            let text = format!("{}{between}{}", block("A B", &der), block("C", &der));
            let found: Vec<_> = blocks(text.as_bytes()).map(|one| one.unwrap().der).collect();
            prop_assert_eq!(found, [der.clone(), der]);
        }

        #[test]
        fn every_begin_is_a_block_or_a_fault(parts in prop::collection::vec(prop::sample::select(&[
            "-----BEGIN", "-----END", "-----", " A", " B", "\n", "AQ==", "x: y", "-", "\u{feff}",
        ][..]), 0..40)) {
            let text = parts.concat();
            let begins = memmem::find_iter(text.as_bytes(), BEGIN).count();
            let found = blocks(text.as_bytes()).count();
            prop_assert!(found >= begins, "{begins} begin, {found} found: {text:?}");
        }
    }
}
