//! What is wrong with an address.

use super::socat::part;
use super::table::SCHEMES;
use super::{Line, is_number, is_path};

impl Line {
    /// Whether no more of an address is missing.
    fn is_whole(&self) -> bool {
        match &self.address[..] {
            [first] => {
                let has_port = |(host, port)| host == "unix" || is_number(port);
                is_path(first) || first.rsplit_once(':').is_some_and(has_port)
            }
            [_, _] => true,
            _ => false,
        }
    }

    /// `listen host 80 cat -n`: whether this word behind a whole address begins a command.
    pub(super) fn is_run(&self, word: &str) -> bool {
        let is_other = is_number(word) || word.contains([':', ',']) || part(word).is_some();
        self.command == Some("listen") && self.is_whole() && !is_other
    }

    /// `connect host 80 photo.jpg`: whether this word behind a whole address is a file.
    pub(super) fn is_file(&self, word: &str) -> bool {
        let is_end = |(_, end): (&str, &str)| end.starts_with(|c: char| c.is_ascii_alphabetic());
        self.is_whole() && !word.contains([':', '/', ',']) && word.rsplit_once('.').is_some_and(is_end)
    }

    /// `host 80 /bin/cat`: a path behind the address is a command.
    pub(super) fn take_command(&mut self) {
        let at = self.address.iter().skip(1).position(|word| is_path(word));
        if let Some(at) = at.filter(|_| self.run.is_empty()) {
            self.run = self.address.split_off(at + 1);
        }
    }

    /// `-h h -p 80`: without another port it is not the local one.
    pub(super) fn lacks_port(&self) -> bool {
        matches!(&self.address[..], [host] if !host.contains(':') && !is_path(host) && !self.is_unix)
    }

    /// `-p 5000`, and `-s 127.0.0.1 -p 5000`.
    pub(super) fn come_from(&mut self, port: &str) {
        let at = self.position(&["-s", "--source"]);
        match at.and_then(|at| self.options.get_mut(at + 1)) {
            Some(address) if address.contains(':') => *address = format!("[{address}]:{port}"),
            Some(address) => *address = format!("{address}:{port}"),
            None => self.options.extend(["-s".to_owned(), format!(":{port}")]),
        }
    }

    /// `/tmp/x.sock`, and `unix:/tmp/a 80`.
    pub(super) fn name_socket(&mut self) {
        let Some(first) = self.address.first_mut() else { return };
        if is_path(first) || (self.is_unix && !first.starts_with("unix:")) {
            *first = format!("unix:{first}");
        }
        if first.starts_with("unix:") {
            self.address.truncate(1);
        }
    }

    /// `https://host/path`, `me@host`, and `host:80/path`.
    pub(super) fn take_url_apart(&mut self) -> Option<()> {
        let Some(first) = self.address.first_mut() else { return Some(()) };
        let Some((scheme, rest)) = first.split_once("://") else {
            if !is_path(first) && !first.starts_with("unix:") {
                *first = host_of(first).to_owned();
            }
            return Some(());
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "unix" {
            self.address = vec![format!("unix:{rest}")];
            return Some(());
        }
        let host = host_of(rest).to_owned();
        let (_, port, is_tls) = SCHEMES.iter().find(|(name, ..)| *name == scheme)?;
        let has_port = host.rsplit(']').next()?.contains(':');
        self.address = if has_port { split(&host) } else { vec![host, (*port)?.to_owned()] };
        if *is_tls && !self.options.iter().any(|option| option == "--tls") {
            self.options.push("--tls".to_owned());
        }
        Some(())
    }

    /// `listen 8080`, and `listen -s 127.0.0.1 8080`.
    pub(super) fn listen_on_all(&mut self) {
        let source = self.options.iter().position(|option| option == "-s" || option == "--source");
        let is_forward = self.options.iter().any(|option| option == "--forward");
        // Of socat it is where the relay connects from.
        if let Some(at) = source.filter(|at| !(is_forward && self.is_socat) && at + 1 < self.options.len())
            && !self.options[at + 1].starts_with('%')
            && !has_host(&self.address)
        {
            self.address.insert(0, self.options.remove(at + 1));
            self.options.remove(at);
        }
        if let [port] = &mut self.address[..]
            && is_number(port)
        {
            let local = if self.options.iter().any(|option| option == "-6") { "[::1]" } else { "127.0.0.1" };
            self.notes.push(format!("{local}:{port} is for this machine alone"));
            *port = format!(":{port}");
        }
    }

    /// `connect 8080`, `connect :8080`, `connect host 80-90`, and `connect host 22 80`.
    pub(super) fn connect_here(&mut self) {
        if let [host, ports @ ..] = &self.address[..]
            && ports.len() > 1
            && ports.iter().all(|list| is_list(list))
        {
            self.address = vec![host.clone(), ports.join(",")];
        }
        if let [port] = &self.address[..]
            && is_number(port.strip_prefix(':').unwrap_or(port))
        {
            let port = port.strip_prefix(':').unwrap_or(port).to_owned();
            self.address = vec!["localhost".to_owned(), port];
        }
        let list = self.address.get(1).or(self.address.first());
        let list = list.map_or("", |list| list.rsplit(':').next().unwrap_or_default());
        if list.contains([',', '-'])
            && is_list(list)
            && !self.options.iter().any(|option| option == "-z" || option == "--probe")
        {
            self.options.insert(0, "-z".to_owned());
            self.notes.push("-z asks several ports whether they are open".to_owned());
        }
    }
}

/// Without a user in front and a path behind.
fn host_of(url: &str) -> &str {
    let host = url.split(['/', '?', '#']).next().unwrap_or_default();
    host.rsplit_once('@').map_or(host, |(_, host)| host)
}

/// `HOST:PORT` in two words, which need no brackets.
fn split(address: &str) -> Vec<String> {
    match address.rsplit_once(':') {
        Some((host, port)) => vec![host.trim_matches(['[', ']']).to_owned(), port.to_owned()],
        None => vec![address.to_owned()],
    }
}

/// Whether there is more than a port.
pub(super) fn has_host(address: &[String]) -> bool {
    match address {
        [] => false,
        [only] => !is_number(only),
        _ => true,
    }
}

fn is_list(text: &str) -> bool {
    text.split([',', '-']).all(is_number)
}
