//! Reads an address of socat.

/// What an address of socat stands for.
pub(in super::super) enum Part<'a> {
    Stdio,
    /// stdin or stdout, which are a file.
    File,
    /// What is sent back.
    Echo,
    /// A command, with its arguments.
    Run(Vec<String>),
    Socket(Socket<'a>),
}

pub(in super::super) struct Socket<'a> {
    pub(super) listens: bool,
    pub(super) kind: Kind,
    /// The family of the addresses, as an option.
    pub(super) family: Option<&'static str>,
    pub(super) target: &'a str,
    pub(super) options: Vec<&'a str>,
}

#[derive(PartialEq)]
pub(in super::super) enum Kind {
    Tcp,
    Tls,
    Udp,
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
        "FILE" | "OPEN" | "GOPEN" | "CREATE" if !rest.contains(',') => Some(Part::File),
        "PIPE" if rest.is_empty() => Some(Part::Echo),
        "EXEC" => exec(rest),
        "SYSTEM" | "SHELL" => Some(Part::Run(["sh", "-c", rest].map(str::to_owned).to_vec())),
        name => socket(name, rest).map(Part::Socket),
    }
}

/// A command, which may stand in quotes. What others within it hold together and what a comma begins are not read here.
fn exec(command: &str) -> Option<Part<'_>> {
    let quoted = ['"', '\''].iter().find_map(|quote| command.strip_prefix(*quote)?.strip_suffix(*quote));
    let command = quoted.unwrap_or(command);
    let is_plain = !command.contains(['"', '\'', ',']);
    is_plain.then(|| Part::Run(command.split_whitespace().map(str::to_owned).collect()))
}

fn socket<'a>(name: &str, rest: &'a str) -> Option<Socket<'a>> {
    let (base, listens) = match name.rsplit_once('-') {
        Some((base, "LISTEN" | "L" | "RECVFROM" | "RECV")) => (base, true),
        Some((base, "CONNECT" | "CLIENT" | "SENDTO")) => (base, false),
        _ => (name, false),
    };
    let family = match base.as_bytes().last()? {
        b'4' => Some("-4"),
        b'6' => Some("-6"),
        _ => None,
    };
    let kind = match base.trim_end_matches(['4', '6']) {
        "TCP" => Kind::Tcp,
        "UDP" => Kind::Udp,
        "OPENSSL" | "SSL" => Kind::Tls,
        "UNIX" => Kind::Unix(""),
        "ABSTRACT" => Kind::Unix("@"),
        "PROXY" => Kind::Proxy("http", "8080"),
        "SOCKS4A" => Kind::Proxy("socks4a", "1080"),
        "SOCKS5" => Kind::Proxy("socks5", "1080"),
        _ => return None,
    };
    let mut parts = rest.split(',');
    let target = parts.next().filter(|target| !target.is_empty())?;
    Some(Socket { listens, kind, family, target, options: parts.collect() })
}
