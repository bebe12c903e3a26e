//! Addresses of socat: `TCP:localhost:80`, and `TCP-LISTEN:8080,fork EXEC:/bin/cat`.

mod options;
mod part;

use super::meaning::FILES;
use super::table::means_tls;
use super::{Line, is_number, is_path};
use options::{Side, is_option};
pub(super) use part::part;
use part::{Kind, Part, Socket};

/// Its variables have other names here.
const VARIABLES: &str = "a command finds the client in TCPREMOTEIP and TCPREMOTEPORT";

/// Whether the words are those of socat. The value of an option may look like them: `-x proxy:3128`.
pub(super) fn is_socat(words: &[&str]) -> bool {
    let before = std::iter::once(&"").chain(words);
    let is_address = |(before, word): (&&str, &&str)| match *before {
        "--forward" => false,
        "-x" | "--proxy" if !word.starts_with(|c: char| c.is_ascii_uppercase()) => false,
        _ => word.contains(':') && matches!(part(word), Some(Part::Socket(_))),
    };
    before.zip(words).any(is_address)
}

impl Line {
    /// Takes the addresses of socat, if there are any. None if they mean nothing here.
    pub(super) fn take_socat(&mut self) -> Option<()> {
        let words = std::mem::take(&mut self.address);
        let mut parts = Vec::new();
        for word in &words {
            match part(word) {
                // A command may stand beside an address of ours too.
                Some(Part::Run(command, options)) => {
                    self.run = command;
                    self.take_options(&options, &Side::Own)?;
                }
                part => parts.push((word, part)),
            }
        }
        if self.run.iter().any(|word| word.contains("SOCAT_") || word.contains("NCAT_")) {
            self.notes.push(VARIABLES.to_owned());
        }
        if !self.is_socat {
            self.address = parts.into_iter().map(|(word, _)| word.clone()).collect();
            return self.take_tail();
        }
        let parts = parts.into_iter().map(|(_, part)| part).collect::<Option<_>>()?;
        self.take_sockets(parts)
    }

    /// Takes one socket, or a listener and the one that it relays to, and what stands in place of stdin and stdout.
    fn take_sockets(&mut self, mut parts: Vec<Part<'_>>) -> Option<()> {
        // Letters that nc has as well mean something else there: -u and -U are one way.
        let is_one_way = self.has(&["-u"]) || self.is_unix;
        self.options.retain(|option| option != "-u");
        if std::mem::take(&mut self.is_unix) {
            parts.reverse();
        }
        let is_sender = matches!(parts.first(), Some(Part::File(_)));
        if is_one_way {
            self.options.push(one_way(&parts)?.to_owned());
        }
        let (mut sockets, mut file, mut is_echo) = (Vec::new(), None, false);
        for part in parts {
            match part {
                Part::Stdio | Part::Run(..) => {}
                Part::File(path) => file = Some(path),
                Part::Echo => is_echo = true,
                Part::Socket(socket) => sockets.push(socket),
            }
        }
        sockets.sort_by_key(|socket| !socket.listens);
        let (first, target) = match &sockets[..] {
            [only] => (only, None),
            [first, target] if first.listens && !target.listens => (first, Some(target)),
            [first, other] => {
                self.run = beside(other)?;
                (first, None)
            }
            _ => return None,
        };
        // `listen UDP:127.0.0.1:53`.
        let listens = first.listens || (self.command == Some("listen") && target.is_none());
        self.take_socket(first, listens)?;
        match is_echo {
            true if listens => self.add(&["--echo"], None),
            true => self.run = vec!["cat".to_owned()],
            false => {}
        }
        let serves_each = first.options.contains(&"fork");
        match file {
            // stdin is there for one client only.
            Some(path) if is_sender && listens && serves_each => {
                self.options.retain(|option| option != "--send-only");
                self.run = ["cat", path].map(str::to_owned).to_vec();
            }
            Some(_) => self.notes.push(FILES.to_owned()),
            None => {}
        }
        if let Some(target) = target {
            self.forward_to(target, first.is_datagram)?;
        }
        if listens && !serves_each && !first.is_datagram && self.serves_many() {
            self.add(&["--once"], None);
        }
        // socat demands certificates of clients by default.
        let is_open =
            first.options.iter().any(|option| option.starts_with("cafile=") || *option == "verify=0");
        if listens && matches!(first.kind, Kind::Ip(true)) && !is_open {
            self.options.extend(["--cacert", "FILE"].map(str::to_owned));
        }
        self.take_options(&first.options, &Side::Own)
    }

    /// The command of a socket, and its address.
    fn take_socket(&mut self, socket: &Socket<'_>, listens: bool) -> Option<()> {
        self.command = Some(if listens { "listen" } else { "connect" });
        let address = self.address_of(socket)?;
        self.address = match address.rsplit_once(':') {
            Some((host, port)) if host != "unix" => vec![host.to_owned(), port.to_owned()],
            _ => vec![address],
        };
        self.speak(socket, &["--tls"]);
        Some(())
    }

    /// What is spoken to a socket: `tls` are the words for TLS.
    fn speak(&mut self, socket: &Socket<'_>, tls: &[&str]) {
        self.options.extend(socket.family.map(str::to_owned));
        if let Kind::Ip(true) = socket.kind {
            self.add(tls, None);
        }
        if socket.is_datagram {
            self.add(&["-u"], None);
        }
    }

    /// The address of a socket as it is written here. A proxy on the way becomes an option:
    /// `PROXY:proxy:host:80,proxyport=3128`, and `SOCKS5:proxy:1080:host:80`.
    fn address_of(&mut self, socket: &Socket<'_>) -> Option<String> {
        let (scheme, default) = match socket.kind {
            Kind::Unix(at) => return Some(format!("unix:{at}{}", socket.target)),
            Kind::Proxy(scheme, default) => (scheme, default),
            Kind::Ip(_) => return Some(socket.target.to_owned()),
        };
        let (hosts, port) = socket.target.rsplit_once(':')?;
        let (proxy, host) = hosts.rsplit_once(':')?;
        let mut named = socket.options.iter().filter_map(|option| option.split_once('='));
        let of_proxy = named.find(|(name, _)| ["proxyport", "socksport"].contains(name));
        let of_proxy = of_proxy.map_or(default, |(_, port)| port);
        let has_port = proxy.rsplit(']').next()?.contains(':');
        let of_proxy = if has_port { String::new() } else { format!(":{of_proxy}") };
        self.add(&["-x"], Some(format!("{scheme}://{proxy}{of_proxy}")));
        Some(format!("{host}:{port}"))
    }

    /// Options behind an address of ours: `listen 127.0.0.1:80,fork`.
    fn take_tail(&mut self) -> Option<()> {
        for at in 0..self.address.len() {
            let word = self.address[at].clone();
            let mut parts = word.split(',');
            let (head, options) = (parts.next()?, parts.collect::<Vec<_>>());
            if options.iter().all(|option| is_option(option)) {
                head.clone_into(&mut self.address[at]);
                self.take_options(&options, &Side::Own)?;
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
            return self.forward_to(&socket, socket.is_datagram);
        }
        // Several, separated by commas.
        if target.contains(',') && target.split(',').all(|target| target.contains(':')) {
            let mut targets = target.split(',');
            return targets.try_for_each(|target| self.forward(target, &mut std::iter::empty()));
        }
        let port = words.clone().next().filter(|port| is_number(port));
        let target = match port {
            _ if is_path(target) => format!("unix:{target}"),
            _ if target.starts_with(':') => format!("localhost{target}"),
            _ if target.contains("://") => {
                let (scheme, rest) = target.split_once("://")?;
                if means_tls(target) {
                    self.add(&["--forward-tls"], None);
                } else if !matches!(scheme, "tcp" | "http") {
                    return None;
                }
                rest.split('/').next()?.to_owned()
            }
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

    /// Relays to a socket; `is_datagram` is what comes from the clients.
    fn forward_to(&mut self, target: &Socket<'_>, is_datagram: bool) -> Option<()> {
        if target.is_datagram != is_datagram || target.listens {
            return None;
        }
        let address = self.address_of(target)?;
        self.add(&["--forward"], Some(address));
        self.speak(target, &["--forward-tls"]);
        self.take_options(&target.options, &Side::Target)
    }
}

/// `TCP:a:80 TCP:b:80`, and two listeners: the second is a program of its own.
fn beside(socket: &Socket<'_>) -> Option<Vec<String>> {
    let mut line = Line::default();
    line.take_socket(socket, socket.listens)?;
    line.take_options(&socket.options, &Side::Own)?;
    if socket.listens {
        line.listen_on_all();
    }
    line.is_sound().then(|| std::iter::once("astream".to_owned()).chain(line.words(&line.address)).collect())
}

/// `-u FROM TO`: only one of them sends.
fn one_way(parts: &[Part<'_>]) -> Option<&'static str> {
    match parts {
        [Part::Stdio | Part::File(_), Part::Socket(_)] => Some("--send-only"),
        [Part::Socket(_), Part::Stdio | Part::File(_)] => Some("--recv-only"),
        _ => None,
    }
}
