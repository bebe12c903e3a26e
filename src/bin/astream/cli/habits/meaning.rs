//! What a word of another program means here, and what is said of it.

/// What a word of another program is here.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// The command `listen`.
    Listen,
    /// The address is the path of a Unix socket.
    Unix,
    /// The port, or with `connect` the local one.
    Port,
    /// The host of the address.
    Host,
    /// The command `listen`, and its address.
    Accept,
    /// The address of a server that speaks TLS, or with `listen` where it relays to.
    Address,
    /// These words, and the value after them.
    Is(&'static [&'static str]),
    /// This option, with a value that is in seconds.
    Seconds(&'static str),
    /// The same words, with a remark.
    But(&'static [&'static str], &'static str),
    /// This word, and the file after it with an `@`.
    File(&'static str),
    /// What a proxy speaks.
    ProxyKind,
    /// Nothing, because of this.
    Nothing(&'static str),
    /// wait-for-it's, and the option of the same meaning if there is one.
    Wait(Option<&'static str>),
    /// A program, with its arguments in the same word.
    Program,
    /// A command for a shell.
    Shell,
}

/// Whether a word is followed by its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// It may be followed by `yes` or a level.
    Switch,
}

/// Whether it turns a switch on: `--client=yes`, `--verify 2`.
pub(super) fn is_on(value: &str) -> bool {
    ["yes", "1", "2", "3", "4"].contains(&value)
}

/// The names of an option, whether a value follows, and what it is here.
pub(super) type Entry = (&'static [&'static str], Takes, Meaning);

/// How long wait-for-it waits unless it is given a time.
pub(super) const WAIT: &str = "15s";
pub(super) const RETRY: &str = "--retry-for TIME tries again: a time, not a number of tries";
pub(super) const SILENT: &str = "it ends when the peer does; -i TIME ends a silent one with status 5";
pub(super) const ALWAYS: &str = "certificates are always verified";
pub(super) const SAFER: &str = "safer is --pin PIN, which accepts one key; the error without either names it";
pub(super) const BUFFERS: &str = "sizes of buffers cannot be chosen";
pub(super) const TELNET: &str = "no telnet negotiation: every byte is data";
pub(super) const PIN: &str =
    "it prints the pin, a hash of the key; a fingerprint is of the whole certificate";
pub(super) const FILES: &str = "a file is stdin or stdout: < FILE, > FILE";
pub(super) const SECRET: &str = "USER:SECRET for a proxy comes from the variable ASTREAM_PROXY_AUTH";
