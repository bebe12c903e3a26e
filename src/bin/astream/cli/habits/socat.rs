//! Addresses of socat: `TCP:localhost:80`, and `TCP-LISTEN:8080,fork EXEC:/bin/cat`.

use super::Line;
use super::table::SAFER;

/// What an address of socat stands for.
enum Part<'a> {
    Stdio,
    /// A command, with its arguments.
    Run(Vec<String>),
    Socket(Socket<'a>),
}

struct Socket<'a> {
    listens: bool,
    kind: Kind,
    /// The family of the addresses, as an option.
    family: Option<&'static str>,
    target: &'a str,
    options: Vec<&'a str>,
}

#[derive(PartialEq)]
enum Kind {
    Tcp,
    Tls,
    Udp,
    Unix,
}

impl Line {
    /// Takes the addresses of socat, if there are any. None if they mean nothing here.
    pub(super) fn take_socat(&mut self) -> Option<()> {
        if !self.address.iter().any(|word| word.contains(':') && part(word).is_some()) {
            return Some(());
        }
        // Letters that nc has as well mean something else there.
        if self.is_unix || self.options.iter().any(|option| ["--recv-only", "-u"].contains(&&option[..])) {
            return None;
        }
        let words = std::mem::take(&mut self.address);
        let parts: Vec<_> = words.iter().map(|word| part(word)).collect::<Option<_>>()?;
        let mut sockets = Vec::new();
        for part in parts {
            match part {
                Part::Stdio => {}
                Part::Run(command) => self.run = command,
                Part::Socket(socket) if socket.listens => sockets.insert(0, socket),
                Part::Socket(socket) => sockets.push(socket),
            }
        }
        let (first, target) = match &sockets[..] {
            [only] => (only, None),
            [first, target] if first.listens && !target.listens => (first, Some(target)),
            _ => return None,
        };
        self.command = Some(if first.listens { "listen" } else { "connect" });
        self.address = match (&first.kind, first.target.rsplit_once(':')) {
            (Kind::Unix, _) => vec![format!("unix:{}", first.target)],
            (_, Some((host, port))) => vec![host.to_owned(), port.to_owned()],
            (_, None) => vec![first.target.to_owned()],
        };
        self.options.extend(first.family.map(str::to_owned));
        match first.kind {
            Kind::Tls => self.add(&["--tls"], None),
            Kind::Udp => self.add(&["-u"], None),
            Kind::Tcp | Kind::Unix => {}
        }
        let serves_many = target.is_some() || !self.run.is_empty();
        for option in &first.options {
            self.take_option(option, serves_many)?;
        }
        target.map_or(Some(()), |target| self.forward_to(target, &first.kind))
    }

    fn take_option(&mut self, option: &str, serves_many: bool) -> Option<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let with_value = match name {
            "reuseaddr" | "nodelay" | "keepalive" | "pf" | "backlog" => return Some(()),
            "fork" if serves_many => return Some(()),
            "fork" => {
                self.add(&["-k"], None);
                return Some(());
            }
            "verify" if value == "0" => {
                self.add(&["--insecure"], None);
                self.notes.push(SAFER.to_owned());
                return Some(());
            }
            "bind" if self.address.len() == 1 => {
                self.address.insert(0, value.to_owned());
                return Some(());
            }
            "bind" => "-s",
            "cert" => "--cert",
            "key" => "--key",
            "cafile" => "--cacert",
            "commonname" | "snihost" => "--servername",
            "range" => "--allow",
            "max-children" => "-m",
            "connect-timeout" => "-w",
            _ => return None,
        };
        self.add(&[with_value], Some(value.to_owned()));
        Some(())
    }

    fn forward_to(&mut self, target: &Socket<'_>, from: &Kind) -> Option<()> {
        if (target.kind == Kind::Udp) != (*from == Kind::Udp) || !target.options.is_empty() {
            return None;
        }
        let is_unix = target.kind == Kind::Unix;
        let address = if is_unix { format!("unix:{}", target.target) } else { target.target.to_owned() };
        self.add(&["--forward"], Some(address));
        if target.kind == Kind::Tls {
            self.add(&["--forward-tls"], None);
        }
        Some(())
    }
}

/// None if it is no address of socat that means something here.
fn part(word: &str) -> Option<Part<'_>> {
    let (name, rest) = word.split_once(':').unwrap_or((word, ""));
    // Ours is written in the same way, in small letters, and URLs are as well.
    if name == "unix" || rest.starts_with("//") {
        return None;
    }
    match &name.to_ascii_uppercase()[..] {
        "-" | "STDIO" | "STDIN" | "STDOUT" => Some(Part::Stdio),
        // What a quote holds together and what a comma begins are not read here.
        "EXEC" if rest.contains(['"', '\'', ',']) => None,
        "EXEC" => Some(Part::Run(rest.split_whitespace().map(str::to_owned).collect())),
        "SYSTEM" | "SHELL" => Some(Part::Run(["sh", "-c", rest].map(str::to_owned).to_vec())),
        name => socket(name, rest).map(Part::Socket),
    }
}

fn socket<'a>(name: &str, rest: &'a str) -> Option<Socket<'a>> {
    let (base, listens) = match name.rsplit_once('-') {
        Some((base, "LISTEN" | "L" | "RECVFROM")) => (base, true),
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
        "UNIX" => Kind::Unix,
        _ => return None,
    };
    let mut parts = rest.split(',');
    let target = parts.next().filter(|target| !target.is_empty())?;
    Some(Socket { listens, kind, family, target, options: parts.collect() })
}
