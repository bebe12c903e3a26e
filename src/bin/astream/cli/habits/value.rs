//! Values that are written in another way here.

use super::{Line, is_number};

/// Protocols with STARTTLS that have other names elsewhere.
const PROTOCOLS: &[(&[&str], &str)] = &[
    (&["pgsql", "postgresql"], "postgres"),
    (&["mariadb"], "mysql"),
    (&["imap4"], "imap"),
    (&["submission"], "smtp"),
    (&["managesieve"], "sieve"),
    (&["ftps"], "ftp"),
    (&["xmpp-client"], "xmpp"),
];

/// How units of time begin in other programs, where one letter is not enough.
const UNITS: &[(&str, &str)] =
    &[("sec", "s"), ("min", "m"), ("hour", "h"), ("hr", "h"), ("day", "d"), ("week", "w"), ("milli", "ms")];

impl Line {
    /// The value of an option of ours.
    pub(super) fn own_value(&mut self, option: &str, value: String) -> String {
        match option {
            "--allow" | "--deny" => self.without_names(option, value),
            "--starttls" | "--forward-starttls" => {
                let protocol = value.to_ascii_lowercase();
                let known = PROTOCOLS.iter().find(|(names, _)| names.contains(&&protocol[..]));
                known.map_or(protocol, |(_, name)| (*name).to_owned())
            }
            "--servername" | "--forward-servername" if has_port(&value) => value
                .rsplit_once(':')
                .map_or_else(String::new, |(name, _)| name.trim_matches(['[', ']']).to_owned()),
            "--limit-rate" | "--size" => value,
            _ => with_unit(value),
        }
    }

    /// `--allow localhost`.
    fn without_names(&mut self, option: &str, networks: String) -> String {
        let is_name = |network: &str| network == "localhost";
        if !networks.split(',').any(is_name) {
            return networks;
        }
        self.notes.push(format!("no name is looked up for {option}"));
        let address = |network| if is_name(network) { "127.0.0.1,::1" } else { network };
        networks.split(',').map(address).collect::<Vec<_>>().join(",")
    }
}

/// `5min`, and `10seconds`.
fn with_unit(value: String) -> String {
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &value[number.len()..];
    let known = UNITS.iter().find(|(start, _)| unit.starts_with(start));
    match known {
        Some((_, letter)) if number.parse::<f64>().is_ok() => format!("{number}{letter}"),
        _ => value,
    }
}

/// `HOST:PORT`.
pub(super) fn has_port(word: &str) -> bool {
    word.rsplit_once(':').is_some_and(|(host, port)| host != "unix" && is_number(port))
}

/// A port, with or without a host.
pub(super) fn is_port(word: &str) -> bool {
    is_number(word) || has_port(word)
}

pub(super) fn for_shell(command: &str) -> Vec<String> {
    ["sh", "-c", command].map(str::to_owned).to_vec()
}
