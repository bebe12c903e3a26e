//! A user and a secret, which no message shows.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Scheme;
use crate::error::Error;

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

    /// A text without the secret, in whichever form: a proxy may repeat what it was sent.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let forms = [self.encoded(), self.secret.clone(), self.secret.escape_debug().to_string()];
        let shown = forms.iter().filter(|form| !form.is_empty());
        shown.fold(text.to_owned(), |text, form| text.replace(form.as_str(), HIDDEN))
    }
}
