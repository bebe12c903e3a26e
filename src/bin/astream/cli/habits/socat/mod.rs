//! Addresses of socat: `TCP:localhost:80`, and `TCP-LISTEN:8080,fork EXEC:/bin/cat`.

mod part;

use super::table::{RETRY, SAFER, own};
use super::{Line, is_number, is_path};
pub(super) use part::part;
use part::{Kind, Part, Socket};

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
        self.take_tail()?;
        if !self.address.iter().any(|word| word.contains(':') && part(word).is_some()) {
            return Some(());
        }
        // Letters that nc has as well mean something else there: -d is verbose, and -u and -U one way.
        if self.waits {
            return None;
        }
        let is_one_way = self.has(&["-u"]) || self.is_unix;
        self.options.retain(|option| !["--recv-only", "-u"].contains(&&option[..]));
        let words = std::mem::take(&mut self.address);
        let mut parts: Vec<_> = words.iter().map(|word| part(word)).collect::<Option<_>>()?;
        if std::mem::take(&mut self.is_unix) {
            parts.reverse();
        }
        if is_one_way {
            self.options.push(one_way(&parts)?.to_owned());
        }
        let (mut sockets, mut is_echo) = (Vec::new(), false);
        for part in parts {
            match part {
                Part::Stdio => {}
                Part::File => self.notes.push("a file is stdin or stdout: < FILE, > FILE".to_owned()),
                Part::Echo => is_echo = true,
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
        let address = self.address_of(first)?;
        self.address = match address.rsplit_once(':') {
            Some((host, port)) if host != "unix" => vec![host.to_owned(), port.to_owned()],
            _ => vec![address],
        };
        self.options.extend(first.family.map(str::to_owned));
        match first.kind {
            Kind::Tls => self.add(&["--tls"], None),
            Kind::Udp => self.add(&["-u"], None),
            Kind::Tcp | Kind::Unix(_) | Kind::Proxy(..) => {}
        }
        match is_echo {
            true if first.listens => self.add(&["--echo"], None),
            true => self.run = vec!["cat".to_owned()],
            false => {}
        }
        self.take_options(&first.options, target.is_some())?;
        target.map_or(Some(()), |target| self.forward_to(target, &first.kind))
    }

    /// The address of a socket as it is written here. A proxy on the way becomes an option:
    /// `PROXY:proxy:host:80,proxyport=3128`, and `SOCKS5:proxy:1080:host:80`.
    fn address_of(&mut self, socket: &Socket<'_>) -> Option<String> {
        let (scheme, default) = match socket.kind {
            Kind::Unix(at) => return Some(format!("unix:{at}{}", socket.target)),
            Kind::Proxy(scheme, default) => (scheme, default),
            _ => return Some(socket.target.to_owned()),
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
            let is_option = |option: &&str| {
                let name = option.split('=').next().unwrap_or_default();
                name == "fork" || WITHOUT_MEANING.contains(&name) || with_value(name).is_some()
            };
            if part(&word).is_none() && options.iter().all(is_option) {
                head.clone_into(&mut self.address[at]);
                self.take_options(&options, false)?;
            }
        }
        Some(())
    }

    fn take_options(&mut self, options: &[&str], is_relay: bool) -> Option<()> {
        let serves_many = is_relay || !self.run.is_empty() || self.has(&["--echo", "--forward"]);
        let listens = self.command == Some("listen");
        options.iter().try_for_each(|option| self.take_option(option, serves_many, listens))
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
        let address = self.address_of(target)?;
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
