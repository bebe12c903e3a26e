//! Addresses of socat: `TCP:localhost:80`, and `TCP-LISTEN:8080,fork EXEC:/bin/cat`.

use super::table::{RETRY, SAFER, own};
use super::{Line, is_number, is_path};

/// What an address of socat stands for.
enum Part<'a> {
    Stdio,
    /// stdin or stdout, which are a file.
    File,
    /// What is sent back.
    Echo,
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
    /// What begins its name.
    Unix(&'static str),
    /// Through a proxy: the scheme of its URL, and the port if none is given.
    Proxy(&'static str, &'static str),
}

impl Line {
    /// Takes the addresses of socat, if there are any. None if they mean nothing here.
    pub(super) fn take_socat(&mut self) -> Option<()> {
        // A command may stand beside an address of ours too.
        let is_command = |word: &String| matches!(part(word), Some(Part::Run(_)));
        if let Some(at) = self.address.iter().position(is_command)
            && let Some(Part::Run(command)) = part(&self.address.remove(at))
        {
            self.run = command;
        }
        if !self.address.iter().any(|word| word.contains(':') && part(word).is_some()) {
            return Some(());
        }
        // Letters that nc has as well mean something else there: -d is verbose, and -u one way.
        if self.is_unix || self.has(&["-t"]) {
            return None;
        }
        let is_one_way = self.has(&["-u"]);
        self.options.retain(|option| !["--recv-only", "-u"].contains(&&option[..]));
        let words = std::mem::take(&mut self.address);
        let parts: Vec<_> = words.iter().map(|word| part(word)).collect::<Option<_>>()?;
        if is_one_way {
            self.options.push(one_way(&parts)?.to_owned());
        }
        let mut sockets = Vec::new();
        for part in parts {
            match part {
                Part::Stdio => {}
                Part::File => self.notes.push("a file is stdin or stdout: < FILE, > FILE".to_owned()),
                Part::Echo => self.add(&["--echo"], None),
                Part::Run(_) => return None,
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
            (Kind::Unix(at), _) => vec![format!("unix:{at}{}", first.target)],
            (_, Some((host, port))) => vec![host.to_owned(), port.to_owned()],
            (_, None) => vec![first.target.to_owned()],
        };
        self.options.extend(first.family.map(str::to_owned));
        match first.kind {
            Kind::Tls => self.add(&["--tls"], None),
            Kind::Udp => self.add(&["-u"], None),
            Kind::Tcp | Kind::Unix(_) => {}
            Kind::Proxy(scheme, port) => self.go_through(scheme, port, &first.options)?,
        }
        let serves_many = target.is_some() || !self.run.is_empty() || self.has(&["--echo"]);
        for option in &first.options {
            self.take_option(option, serves_many, first.listens)?;
        }
        target.map_or(Some(()), |target| self.forward_to(target, &first.kind))
    }

    /// `PROXY:proxy:host:80,proxyport=3128`, and `SOCKS5:proxy:1080:host:80`.
    fn go_through(&mut self, scheme: &str, default: &str, options: &[&str]) -> Option<()> {
        let hosts = self.address.remove(0);
        let (proxy, host) = hosts.rsplit_once(':')?;
        self.address.insert(0, host.to_owned());
        let mut named = options.iter().filter_map(|option| option.split_once('='));
        let port = named.find(|(name, _)| ["proxyport", "socksport"].contains(name));
        let port = port.map_or(default, |(_, port)| port);
        let port = if proxy.rsplit(']').next()?.contains(':') { String::new() } else { format!(":{port}") };
        self.add(&["-x"], Some(format!("{scheme}://{proxy}{port}")));
        Some(())
    }

    fn take_option(&mut self, option: &str, serves_many: bool, listens: bool) -> Option<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let with_value = match name {
            name if WITHOUT_MEANING.contains(&name) => return Some(()),
            // A listener asks for no certificate unless it has --cacert.
            "verify" if value == "1" || listens => return Some(()),
            "retry" => {
                self.notes.push(RETRY.to_owned());
                return Some(());
            }
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
            name => with_value(name)?,
        };
        self.add(&[with_value], Some(value.to_owned()));
        Some(())
    }

    /// The same of the target of a relay: `OPENSSL:h:443,cafile=f`.
    fn take_option_of_target(&mut self, option: &str) -> Option<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "verify" if value == "1" => {}
            "verify" if value == "0" => self.add(&["--forward-insecure"], None),
            name if WITHOUT_MEANING.contains(&name) => {}
            "connect-timeout" => self.add(&["-w"], Some(value.to_owned())),
            name => {
                let option = with_value(name)?.replacen("--", "--forward-", 1);
                own(&option).filter(|_| option.starts_with("--forward-"))?;
                self.add(&[&option], Some(value.to_owned()));
            }
        }
        Some(())
    }

    /// The value of `--forward`: in two words, a port alone, a path, and an address of socat.
    pub(super) fn forward<'a>(
        &mut self,
        target: &str,
        words: &mut (impl Iterator<Item = &'a str> + Clone),
    ) -> Option<()> {
        if let Some(Part::Socket(socket)) = part(target).filter(|_| target.contains(':')) {
            return self.forward_to(&socket, &socket.kind);
        }
        // Several, separated by commas.
        if target.contains(',') && target.split(',').all(|target| target.contains(':')) {
            let mut targets = target.split(',');
            return targets.try_for_each(|target| self.forward(target, &mut std::iter::empty()));
        }
        let port = words.clone().next().filter(|port| is_number(port));
        let target = match port {
            _ if is_path(target) => format!("unix:{target}"),
            _ if target.contains(':') => target.to_owned(),
            _ if is_number(target) => format!("localhost:{target}"),
            Some(port) => {
                words.next();
                format!("{target}:{port}")
            }
            None => target.to_owned(),
        };
        self.add(&["--forward"], Some(target));
        Some(())
    }

    fn forward_to(&mut self, target: &Socket<'_>, from: &Kind) -> Option<()> {
        let is_other = (target.kind == Kind::Udp) != (*from == Kind::Udp);
        if is_other || target.listens {
            return None;
        }
        let address = match target.kind {
            Kind::Unix(at) => format!("unix:{at}{}", target.target),
            Kind::Proxy(..) => return None,
            _ => target.target.to_owned(),
        };
        self.add(&["--forward"], Some(address));
        match target.kind {
            Kind::Tls => self.add(&["--forward-tls"], None),
            Kind::Udp => self.add(&["-u"], None),
            _ => {}
        }
        target.options.iter().try_for_each(|option| self.take_option_of_target(option))
    }
}

/// Options of socat that are dropped here.
const WITHOUT_MEANING: &[&str] = &[
    "reuseaddr",
    "nodelay",
    "keepalive",
    "pf",
    "backlog",
    "interval",
    "proxyport",
    "socksport",
    "unlink-early",
    "unlink-close",
];

/// An option of socat with a value, which is an option here.
fn with_value(name: &str) -> Option<&'static str> {
    Some(match name {
        "bind" => "-s",
        "cert" => "--cert",
        "key" => "--key",
        "cafile" => "--cacert",
        "commonname" | "snihost" => "--servername",
        "range" => "--allow",
        "mode" => "--mode",
        "max-children" => "-m",
        "connect-timeout" => "-w",
        _ => return None,
    })
}

/// `-u FROM TO`: only one of them sends.
fn one_way(parts: &[Part<'_>]) -> Option<&'static str> {
    match parts {
        [Part::Stdio | Part::File, Part::Socket(_)] => Some("--send-only"),
        [Part::Socket(_), Part::Stdio | Part::File] => Some("--recv-only"),
        _ => None,
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
        "FILE" | "OPEN" | "GOPEN" | "CREATE" if !rest.contains(',') => Some(Part::File),
        "PIPE" if rest.is_empty() => Some(Part::Echo),
        // What a quote holds together and what a comma begins are not read here.
        "EXEC" if rest.contains(['"', '\'', ',']) => None,
        "EXEC" => Some(Part::Run(rest.split_whitespace().map(str::to_owned).collect())),
        "SYSTEM" | "SHELL" => Some(Part::Run(["sh", "-c", rest].map(str::to_owned).to_vec())),
        name => socket(name, rest).map(Part::Socket),
    }
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
