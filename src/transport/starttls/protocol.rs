//! The protocols with STARTTLS.

use std::fmt;
use std::str::FromStr;

use super::{Turn, ldap, lines, mysql, postgres, xmpp};
use crate::error::Error;

/// A protocol in which a server can be asked to start TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartTls {
    /// Mail, sent (RFC 3207).
    Smtp,
    /// Mail, delivered (RFC 2033).
    Lmtp,
    /// Mail, read (RFC 9051).
    Imap,
    /// Mail, fetched (RFC 2595).
    Pop3,
    /// Files: the control connection (RFC 4217).
    Ftp,
    /// News (RFC 4642).
    Nntp,
    /// Chat, as a client (RFC 6120). The domain is the name that is verified.
    Xmpp,
    /// `PostgreSQL`.
    Postgres,
    /// `MySQL` and `MariaDB`. The server's greeting comes before TLS and is lost to the user.
    Mysql,
    /// Directories (RFC 4511).
    Ldap,
    /// Mail filters: `ManageSieve` (RFC 5804).
    Sieve,
}

impl StartTls {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Smtp,
        Self::Lmtp,
        Self::Imap,
        Self::Pop3,
        Self::Ftp,
        Self::Nntp,
        Self::Xmpp,
        Self::Postgres,
        Self::Mysql,
        Self::Ldap,
        Self::Sieve,
    ];

    /// Its name in lower case, for example `smtp`.
    pub fn name(self) -> &'static str {
        self.known().0
    }

    pub(super) fn turns(self) -> &'static [Turn] {
        self.known().1
    }

    /// Its name and its turns.
    fn known(self) -> (&'static str, &'static [Turn]) {
        match self {
            Self::Smtp => ("smtp", &lines::SMTP),
            Self::Lmtp => ("lmtp", &lines::LMTP),
            Self::Imap => ("imap", &lines::IMAP),
            Self::Pop3 => ("pop3", &lines::POP3),
            Self::Ftp => ("ftp", &lines::FTP),
            Self::Nntp => ("nntp", &lines::NNTP),
            Self::Xmpp => ("xmpp", &xmpp::TURNS),
            Self::Postgres => ("postgres", &postgres::TURNS),
            Self::Mysql => ("mysql", &mysql::TURNS),
            Self::Ldap => ("ldap", &ldap::TURNS),
            Self::Sieve => ("sieve", &lines::SIEVE),
        }
    }
}

impl fmt::Display for StartTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StartTls {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().copied().find(|protocol| protocol.name() == text);
        let known = || Self::ALL.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| Error::invalid(text, format_args!("not a protocol with STARTTLS: {}", known())))
    }
}
