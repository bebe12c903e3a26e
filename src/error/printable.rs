//! Text from outside, escaped for one line of a message.

use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path in which everything is escaped that cannot be printed, in Rust's notation: `\n`, `\u{1b}`, and
/// `\xff` for a byte that is not UTF-8.
pub(crate) struct Printable<'a>(pub(crate) &'a Path);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_os_str().as_bytes().utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\'' | '"' | '\\' => f.write_char(char)?,
                    _ => write!(f, "{}", char.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// The text without a user and a secret that stand before a host, or in an option of socat's.
pub(crate) fn without_login(text: &str) -> String {
    if let Some((before, _)) = text.split_once("proxyauth=") {
        return format!("{before}proxyauth=…");
    }
    if let Some((before, _)) = text.split_once('?').filter(|(before, _)| before.contains("://")) {
        return format!("{}?…", without_login(before));
    }
    let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…@{host}"),
        None if before.contains(':') && !before.starts_with("unix:") => format!("…@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_is_printed_on_one_line_without_control_characters() {
        for (path, printed) in [
            (&b"/tmp/a 'b' \\ \xc3\xa9"[..], "/tmp/a 'b' \\ é"),
            (b"a\nb\x1b[31m", "a\\nb\\u{1b}[31m"),
            (b"\xff\xfea", "\\xff\\xfea"),
            ("\u{202e}".as_bytes(), "\\u{202e}"),
        ] {
            assert_eq!(Printable(Path::new(OsStr::from_bytes(path))).to_string(), printed);
        }
    }

    #[test]
    fn a_user_and_a_secret_are_left_out() {
        for (text, printed) in [
            ("https://me:secret@host:1/", "https://…@host:1/"),
            ("http://token@host", "http://…@host"),
            ("me:sec@ret@host", "…@host"),
            ("me@host", "me@host"),
            ("unix:@name", "unix:@name"),
            ("unix:/a:b@c", "unix:/a:b@c"),
            ("https://host/", "https://host/"),
            ("PROXY:p:h:80,proxyauth=me:secret", "PROXY:p:h:80,proxyauth=…"),
        ] {
            assert_eq!(without_login(text), printed);
        }
    }
}
