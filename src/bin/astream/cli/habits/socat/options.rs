//! Options of socat's addresses: `reuseaddr,fork,verify=0`.

use std::net::Ipv4Addr;

use super::super::Line;
use super::super::meaning::Meaning::{self, Is, Nothing};
use super::super::meaning::{RETRY, SAFER, SECRET};
use super::super::table::own;

/// Which a listener is about.
pub(super) enum Side {
    /// The command itself.
    Own,
    /// Where a listener relays to.
    Target,
}

/// Options that are dropped here.
const WITHOUT_MEANING: &[&str] = &[
    "reuseaddr",
    "so-reuseaddr",
    "nodelay",
    "tcp-nodelay",
    "keepalive",
    "so-keepalive",
    "backlog",
    "interval",
    "proxyport",
    "socksport",
    "stderr",
    "unlink",
    "unlink-early",
    "unlink-close",
];

/// The others, and what they are here.
const OPTIONS: &[(&[&str], Meaning)] = &[
    (&["bind"], Is(&["-s"])),
    (&["cert", "certificate"], Is(&["--cert"])),
    (&["key"], Is(&["--key"])),
    (&["cafile"], Is(&["--cacert"])),
    (&["commonname", "cn"], Is(&["--servername"])),
    (&["range"], Is(&["--allow"])),
    (&["mode", "perm"], Is(&["--mode"])),
    (&["max-children"], Is(&["-m"])),
    (&["connect-timeout"], Is(&["-w"])),
    (&["accept-timeout"], Is(&["--first-client"])),
    (&["forever"], Is(&["--retry-for", "0"])),
    (&["retry"], Nothing(RETRY)),
    (&["reuseport", "so-reuseport"], Is(&["--reuse-port"])),
    (&["broadcast", "so-broadcast"], Is(&["--broadcast"])),
    (&["ipv6only", "ipv6-v6only"], Is(&["-6"])),
    (&["crnl", "crlf"], Is(&["--crlf"])),
    (&["proxyauth", "proxy-authorization", "socksuser"], Nothing(SECRET)),
];

/// Options that are not here, and without which a connection can do no harm. Others may be restrictions.
const HARMLESS: &[&str] = &[
    "append",
    "creat",
    "trunc",
    "excl",
    "ctty",
    "echo",
    "end-close",
    "ignoreeof",
    "linger",
    "nonblock",
    "pty",
    "raw",
    "rawer",
    "rcvbuf",
    "sane",
    "setsid",
    "shut-close",
    "shut-down",
    "shut-none",
    "sighup",
    "sigint",
    "sigquit",
    "sndbuf",
    "so-linger",
    "so-rcvbuf",
    "so-sndbuf",
];

/// Whether this is an option of socat.
pub(super) fn is_option(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or_default();
    ["fork", "verify"].contains(&name) || WITHOUT_MEANING.contains(&name) || meaning(name).is_some()
}

fn meaning(name: &str) -> Option<Meaning> {
    OPTIONS.iter().find(|(names, _)| names.contains(&name)).map(|(_, meaning)| *meaning)
}

impl Line {
    /// Takes options of one side. One that is nothing here is named, without its value, which may be a secret; None if that
    /// may be a restriction.
    pub(super) fn take_options(&mut self, options: &[&str], side: &Side) -> Option<()> {
        let listens = self.command == Some("listen");
        for option in options {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (*option, None),
            };
            match (name, value.as_deref(), side) {
                (name, ..) if WITHOUT_MEANING.contains(&name) => {}
                ("pf", Some(family), _) if family.ends_with(['4', '6']) => {
                    self.add(&[if family.ends_with('4') { "-4" } else { "-6" }], None);
                }
                // A file is there for what is not asked for.
                ("cafile", ..) if listens && options.contains(&"verify=0") => {}
                ("mode" | "perm", ..) if listens && !self.is_on_path() => self.unknown.push(name.to_owned()),
                // A listener asks for no certificate unless it has --cacert.
                ("verify", _, Side::Own) if listens => {}
                ("verify", Some("0"), Side::Own) => {
                    self.add(&["--insecure"], None);
                    self.notes.push(SAFER.to_owned());
                }
                ("verify", Some("0"), Side::Target) => self.add(&["--forward-insecure"], None),
                ("fork", ..) if !self.serves_many() => self.add(&["-k"], None),
                ("fork", ..) | ("verify", Some("1"), _) => {}
                ("bind", Some(_), Side::Own) if listens && self.address.len() == 1 => {
                    self.address.insert(0, value?);
                }
                ("ip-add-membership" | "add-membership", Some(group), Side::Own)
                    if listens && self.address.len() == 1 =>
                {
                    self.join(group)?;
                }
                ("sp" | "sourceport", Some(port), _) => self.add(&["-s"], Some(format!(":{port}"))),
                (name, ..) => match (meaning(name), side) {
                    (Some(Is([option, ..])), Side::Target) if own(&of_target(option)).is_some() => {
                        self.add(&[&of_target(option)], value);
                    }
                    (Some(Is(["-w" | "-s" | "--retry-for", ..]) | Nothing(_)), _) | (Some(_), Side::Own) => {
                        self.mean(meaning(name)?, value)?;
                    }
                    (meaning, _) if meaning.is_some() || HARMLESS.contains(&name) => {
                        self.unknown.push(name.to_owned());
                    }
                    _ => return None,
                },
            }
        }
        Some(())
    }

    /// `239.1.2.3:eth0`: a listener on the address of a multicast group joins it.
    fn join(&mut self, group: &str) -> Option<()> {
        let (group, interface) = group.split_once(':').unwrap_or((group, ""));
        group.parse::<Ipv4Addr>().ok().filter(Ipv4Addr::is_multicast)?;
        self.address.insert(0, group.to_owned());
        if interface.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.add(&["-s"], Some(format!("%{interface}")));
        } else {
            self.notes.push("-s %INTERFACE names the one where the group is joined".to_owned());
        }
        Some(())
    }

    fn is_on_path(&self) -> bool {
        self.address.first().is_some_and(|first| first.starts_with("unix:"))
    }

    /// Whether each connection is served by itself, without stdin and stdout.
    pub(super) fn serves_many(&self) -> bool {
        !self.run.is_empty() || self.has(&["--echo", "--forward"])
    }
}

fn of_target(option: &str) -> String {
    option.replacen("--", "--forward-", 1)
}
