//! A user and a secret, which no message shows.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Scheme;
use crate::error::Error;
use crate::transport::quoted;

/// The longest user, and the longest secret, that SOCKS5 can hold (RFC 1929, 2).
const LONGEST: usize = 255;

/// What stands in messages in place of a secret.
const HIDDEN: &str = "(redacted)";

#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) secret: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Login {
    pub(super) fn new(user: String, secret: String) -> Self {
        Self { user, secret }
    }

    /// Whether a proxy of this kind can be sent them.
    pub(super) fn check(&self, scheme: Scheme) -> Result<(), Error> {
        let wrong = |reason| Err(Error::invalid("the proxy's USER:SECRET", reason));
        let is_unfit = |text: &str| text.chars().any(char::is_control);
        match scheme {
            Scheme::Socks5 if self.user.is_empty() => wrong("the user is empty"),
            Scheme::Socks5 if self.user.len() > LONGEST || self.secret.len() > LONGEST => {
                wrong("SOCKS5 takes a user and a secret of up to 255 bytes each")
            }
            Scheme::Http | Scheme::Https if self.user.contains(':') => wrong("a user of HTTP holds no ':'"),
            _ if is_unfit(&self.user) || is_unfit(&self.secret) => wrong("it holds a control character"),
            _ => Ok(()),
        }
    }

    /// The value of a header for Basic (RFC 7617, 2).
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", self.encoded())
    }

    fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.secret))
    }

    /// A text without the proxy's words, which are in quotes, where they hold the secret in whichever form: a proxy may
    /// repeat what it was sent. They go as a whole, because a gap in a known phrase would show what it was.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let encoded = self.encoded();
        let in_quotes = quoted(self.secret.as_bytes());
        let forms = [encoded.trim_end_matches('='), &self.secret, &in_quotes[1..in_quotes.len() - 1]];
        let forms = forms.into_iter().filter(|form| !form.is_empty());
        // Words that were cut may end within it.
        let is_begun = |words: &str, form: &str| {
            let begins = form.char_indices().skip(1).map(|(at, _)| &form[..at]);
            let ends = |end: usize| begins.clone().any(|begin| words[..end].ends_with(begin));
            words.match_indices("…\"").any(|(end, _)| ends(end))
        };
        let holds_one = |words: &str| forms.clone().any(|form| words.contains(form) || is_begun(words, form));
        match text.find('"').zip(text.rfind('"')) {
            Some((start, end)) if holds_one(&text[start..=end]) => {
                format!("{}(redacted: it holds the secret){}", &text[..start], &text[end + 1..])
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_words_are_left_out_as_a_whole_where_they_hold_the_secret_and_ours_never() {
        let hidden = |secret: &str, text: &str| {
            Login::new("me".to_owned(), secret.to_owned()).hidden_in(&format!("it answered {text}"))
        };
        for (secret, text) in [
            ("a", r#""403 access denied""#),
            ("e", r#""403 no", and said "the end""#),
            ("hunter2", r#""403 no", and said "me:hunter2""#),
            ("hunter2", r#""Basic bWU6aHVudGVyMg==""#),
            ("a\"b", r#""a\"b""#),
            ("it's \"b\"", r#""it's \"b\"""#),
            ("hunter2", r#""Basic bWU6aHVudGVyMg""#),
            ("hunter2", "\"403 hunt…\""),
            ("hunter2", "\"403 h…\", and said \"no\""),
            ("hunter2", "\"Basic bWU6aHVu…\""),
        ] {
            assert_eq!(hidden(secret, text), "it answered (redacted: it holds the secret)", "{secret}");
        }
        for (secret, text) in
            [("it", r#""403 no""#), ("", r#""403 no""#), ("it", "nothing"), ("it", "\"403 no…\"")]
        {
            assert_eq!(hidden(secret, text), format!("it answered {text}"), "{secret}");
        }
    }
}
