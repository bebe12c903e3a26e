//! Reads an address of socat.

use super::super::value::for_shell;

/// What an address of socat stands for.
pub(in super::super) enum Part<'a> {
    Stdio,
    /// A file, which is stdin or stdout.
    File(&'a str),
    /// What is sent back.
    Echo,
    /// A command, with its arguments, and the options behind it.
    Run(Vec<String>, Vec<&'a str>),
    Socket(Socket<'a>),
}

pub(in super::super) struct Socket<'a> {
    pub(super) listens: bool,
    pub(super) is_datagram: bool,
    pub(super) kind: Kind,
    /// The family of the addresses, as an option.
    pub(super) family: Option<&'static str>,
    pub(super) target: &'a str,
    pub(super) options: Vec<&'a str>,
}

pub(in super::super) enum Kind {
    /// An address, and whether TLS is spoken there.
    Ip(bool),
    /// What begins its name.
    Unix(&'static str),
    /// Through a proxy: the scheme of its URL, and the port if none is given.
    Proxy(&'static str, &'static str),
}

/// None if it is no address of socat that means something here.
pub(in super::super) fn part(word: &str) -> Option<Part<'_>> {
    let (name, rest) = word.split_once(':').unwrap_or((word, ""));
    // Ours is written in the same way, in small letters, and URLs are as well.
    if name == "unix" || rest.starts_with("//") {
        return None;
    }
    match &name.to_ascii_uppercase()[..] {
        "-" | "STDIO" | "STDIN" | "STDOUT" => Some(Part::Stdio),
        // A terminal or a device needs more than to be opened.
        "FILE" | "OPEN" | "GOPEN" | "CREATE" if !rest.starts_with("/dev/") => {
            Some(Part::File(rest.split(',').next()?))
        }
        "PIPE" if rest.is_empty() => Some(Part::Echo),
        "EXEC" => {
            let (command, options) = split(rest)?;
            Some(Part::Run(shlex::split(command)?, options))
        }
        "SYSTEM" | "SHELL" => {
            let (command, options) = split(rest)?;
            Some(Part::Run(for_shell(command), options))
        }
        name => socket(name, rest).map(Part::Socket),
    }
}

const QUOTES: [char; 2] = ['"', '\''];

/// A command, and the options behind it. A comma within quotes is not looked for, but the whole may stand in them.
fn split(text: &str) -> Option<(&str, Vec<&str>)> {
    let whole = QUOTES.iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    if let Some(command) = whole {
        return Some((command, Vec::new()));
    }
    let mut parts = text.split(',');
    let command = parts.next()?;
    let is_clear = !text.contains(',') || !text.contains(QUOTES);
    is_clear.then(|| (command, parts.collect()))
}

fn socket<'a>(name: &str, rest: &'a str) -> Option<Socket<'a>> {
    let (base, role) = match name.rsplit_once('-') {
        Some(parts @ (_, "LISTEN" | "L" | "CONNECT" | "CLIENT" | "SENDTO" | "RECVFROM" | "RECV")) => parts,
        _ => (name, ""),
    };
    let family = match base.as_bytes().last()? {
        b'4' => Some("-4"),
        b'6' => Some("-6"),
        _ => None,
    };
    let base = base.trim_end_matches(['4', '6']);
    let kind = match base {
        "TCP" | "UDP" => Kind::Ip(false),
        "OPENSSL" | "SSL" => Kind::Ip(true),
        "UNIX" => Kind::Unix(""),
        "ABSTRACT" => Kind::Unix("@"),
        "PROXY" => Kind::Proxy("http", "8080"),
        "SOCKS" => Kind::Proxy("socks4", "1080"),
        "SOCKS4A" => Kind::Proxy("socks4a", "1080"),
        "SOCKS5" => Kind::Proxy("socks5", "1080"),
        _ => return None,
    };
    let mut parts = rest.split(',');
    let target = parts.next().filter(|target| !target.is_empty())?;
    Some(Socket {
        listens: matches!(role, "LISTEN" | "L" | "RECVFROM" | "RECV"),
        is_datagram: base == "UDP" || matches!(role, "SENDTO" | "RECVFROM" | "RECV"),
        family: family.filter(|_| !matches!(kind, Kind::Proxy(..))),
        kind,
        target,
        options: parts.collect(),
    })
}
