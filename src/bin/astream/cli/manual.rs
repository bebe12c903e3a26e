//! The texts of the help and the man pages beyond the options.

use std::fmt::Write;

use clap::Arg;

/// A heading, and the terms below it, each with its explanation.
pub struct Section {
    pub heading: &'static str,
    pub entries: &'static [(&'static str, &'static str)],
}

pub const ADDRESSES: Section = Section {
    heading: "Addresses",
    entries: &[
        ("HOST PORT, HOST:PORT", "a host name or an IP address; PORT is 0 to 65535, or a service name"),
        ("[V6]:PORT", "an IPv6 address; HOST PORT needs no brackets"),
        ("unix:PATH, unix:@NAME", "a Unix socket, and one of Linux's abstract names"),
        ("'*' PORT, :PORT", "listen: all addresses of both families; port 0 is a free port"),
        ("fd:3, fd:NAME", "listen without -u: a socket that systemd hands over"),
        ("-", "listen: stdin is the connection, as inetd gives it"),
    ],
};

pub const REPEATED: Section = Section {
    heading: "Options given again",
    entries: &[
        (
            "--cacert, --crl, --pin, --alpn, --allow, --deny, -v",
            "add up; so do --proxy-cacert, --proxy-protocol, --forward-cacert, --forward-pin",
        ),
        ("-x", "a chain of proxies, the first of them first"),
        ("--forward", "the next target, tried if those before it cannot be reached"),
        ("all others", "the last one counts"),
    ],
};

pub const ENVIRONMENT: Section = Section {
    heading: "Environment",
    entries: &[
        ("SSL_CERT_FILE", "a file of certificates to trust, in place of the system's"),
        ("SSL_CERT_DIR", "a folder of them, or several with colons between them"),
        ("SSLKEYLOGFILE", "a file for the secrets of each TLS session, with which Wireshark can read it"),
        ("ASTREAM_PROXY_AUTH", "USER:SECRET for the first proxy; with _2 for the second"),
        ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "read with -x env only"),
        (
            "LISTEN_FDS, LISTEN_FDNAMES, NOTIFY_SOCKET",
            "of systemd: the sockets of fd:3, and what is notified",
        ),
        (
            "PROTO, TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP, TCPLOCALPORT",
            "set for -- CMD: the connection; under -u and of Unix sockets with UDP and UNIX in place of TCP",
        ),
        (
            "SSL_PROTOCOL, SSL_CIPHER, SSL_TLS_SNI, SSL_ALPN, SSL_CLIENT_S_DN, SSL_CLIENT_PIN",
            "set for -- CMD under TLS: what was agreed on, the name asked for, and the client's certificate",
        ),
        ("NO_COLOR, TERM", "no colours on a terminal, if the one is not empty or the other is dumb"),
        ("ASTREAM_NO_SPLICE", "if set, the kernel moves no bytes by itself: to look for a fault"),
    ],
};

#[cfg(test)]
pub const FILES: Section = Section {
    heading: "Files",
    entries: &[
        (
            "/etc/ssl/certs/ca-certificates.crt, /etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/ca-bundle.pem, \
             /etc/ssl/cert.pem",
            "the system's trusted certificates: the first of these that is there",
        ),
        ("/etc/hosts, /etc/resolv.conf, /etc/nsswitch.conf", "where the system looks host names up"),
        ("/etc/services", "the names of ports"),
    ],
};

pub const EXIT_STATUS: Section = Section {
    heading: "Exit status",
    entries: &[
        ("0", "complete and clean: all input was sent, and the peer's stream ended cleanly (-z: all open)"),
        ("1", "the connection failed after it was made: reset, write error, input not delivered"),
        ("2", "usage, a local file, an error reading stdin or writing stdout"),
        ("3", "the name does not resolve"),
        ("4", "could not connect, could not listen, the proxy refused; -u: refused, and never answered"),
        ("5", "a timeout (-w, -i, --max-time, --first-client)"),
        ("6", "TLS: handshake, verification, alert"),
        ("7", "TLS ended without close_notify: the data may be cut short"),
        ("the command's", "with -- CMD, where one connection was served"),
        ("128+n", "a signal; 141 when the reader of stdout went away with more to come"),
    ],
};

pub const SIGNALS: Section = Section {
    heading: "Signals",
    entries: &[
        (
            "SIGTERM, SIGINT",
            "listen: no more clients are accepted, those that are there have --grace, and are then aborted: status 0, but \
             128+n where one connection is served; a second one ends at once",
        ),
        (
            "SIGHUP",
            "listen: certificates, keys, revocation lists and @FILEs are read anew, for new connections; where a file is \
             wrong, all stays as it was",
        ),
    ],
};

pub const EXAMPLES: Section = Section {
    heading: "Examples",
    entries: &[
        ("astream connect www.example.org 443 --tls", "talk to a server under TLS, verified"),
        ("astream connect host 9000 < file", "send a file"),
        ("astream listen :9000 > file", "receive a file"),
        ("astream connect -z host 22,80,443", "see which ports are open"),
        ("astream -l 9000", "the words of nc, socat, stunnel …: the error says what to write here"),
    ],
};

pub const CONNECT_EXAMPLES: Section = Section {
    heading: "Examples",
    entries: &[
        ("astream connect www.example.org 443 --tls", "talk to a server under TLS, verified"),
        ("astream connect host 9000 < file", "send a file"),
        ("tar c . | astream connect host 9000", "send a folder"),
        ("astream connect mail.example.org 587 --starttls smtp -C", "talk to a mail server"),
        ("astream connect -z host 20-25,443 | grep open", "see which ports are open"),
        (
            "astream connect -z www.example.org 443 --tls --every 1s",
            "see how long connecting and the handshake take",
        ),
        ("echo '<13>hello' | astream connect -u unix:/dev/log --send-only", "write to the system's log"),
        ("astream connect -z db:5432 --retry-for 30s && ./start", "wait until a server is there"),
        (
            "ssh -o ProxyUseFdpass=yes -o ProxyCommand='astream connect --pass-fd -x socks5://127.0.0.1:9050 %h %p' host",
            "go through a proxy with ssh, and leave no relay in between",
        ),
        (
            "astream connect -z www.example.org 443 --tls --expires-within 30d",
            "fail if the server's certificate ends within a month",
        ),
    ],
};

pub const LISTEN_EXAMPLES: Section = Section {
    heading: "Examples",
    entries: &[
        ("astream listen :9000 > file", "receive a file; in a script with --recv-only, as stdin may be open"),
        ("astream listen :9000 | tar x", "receive a folder"),
        ("astream listen :9000 --tls > copy", "receive a file under TLS, by a fresh key and its pin"),
        ("astream listen 127.0.0.1 8080 --echo", "send everything back to each client"),
        ("astream listen :9000 --broker", "let all clients chat with each other"),
        ("astream listen 127.0.0.1 8080 -- tr a-z A-Z", "run a command for each client"),
        ("astream listen -u :5000", "print datagrams from any peer, and answer the last sender"),
        (
            "astream listen :443 --tls --cert site.pem --forward 127.0.0.1:8080",
            "put TLS in front of a server without it",
        ),
    ],
};

/// Where no word is given.
pub const USAGE: &str = "\
astream: the command is missing; write one of
  astream connect HOST PORT [-- CMD ARG...]   open a connection
  astream listen HOST PORT [-- CMD ARG...]    wait for connections
  astream help [connect | listen]             see all options, and examples
";

/// The sections after the options of a command in its `--help`.
pub fn sections(command: &str) -> [&'static Section; 6] {
    [&ADDRESSES, &REPEATED, &EXIT_STATUS, &SIGNALS, &ENVIRONMENT, examples(command)]
}

pub fn examples(command: &str) -> &'static Section {
    match command {
        "connect" => &CONNECT_EXAMPLES,
        "listen" => &LISTEN_EXAMPLES,
        _ => &EXAMPLES,
    }
}

/// Sections as text.
pub fn text(sections: &[&Section]) -> String {
    sections.iter().map(|section| section.text()).collect::<Vec<_>>().join("\n\n")
}

/// What stands for a value in an option, and in which unit that is.
const UNITS: &[(&str, &str)] = &[
    ("TIME|N%", "TIME needs a unit: 30d, 4w."),
    ("TIME", "TIME is in seconds, or has a unit: 250ms, 10s, 1.5m, 2h, 30d, 4w."),
    (
        "RATE",
        "RATE is in bytes a second, or has a unit: 1.5M or 1.5MiB (K, M, G: 1024), 1.5MB (kB, MB, GB: 1000).",
    ),
    ("SIZE", "SIZE is in bytes, or has a unit: 1.5M or 1.5MiB (K, M, G: 1024), 1.5MB (kB, MB, GB: 1000)."),
];

/// What an option is elsewhere, if that is more.
const HABITS: &[(&str, &str)] = &[("timeout", "nc's -w also limits silence: that is -i here.")];

/// The option with the unit of its value in its long help, and with what it is elsewhere.
pub fn with_unit(arg: Arg) -> Arg {
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let value = value.unwrap_or_default();
    let unit = UNITS.iter().find(|(name, _)| value == *name);
    let habit = HABITS.iter().find(|(name, _)| arg.get_id() == name).map_or("", |(_, habit)| habit);
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    match (unit, help) {
        (Some((_, unit)), Some(help)) => {
            arg.long_help(format!("{help}\n\n{unit} {habit}").trim_end().to_owned())
        }
        _ => arg,
    }
}

/// The command of `connect` in its long help, with what else may be meant: one that waits for a port.
pub fn with_wait(arg: Arg) -> Arg {
    let help = arg.get_long_help().map(ToString::to_string).unwrap_or_default();
    arg.long_help(format!(
        "{help} To run a command once a port is open: astream connect -z HOST PORT --retry-for TIME && CMD"
    ))
}

/// Terms up to this length share a line with their explanation.
const WIDEST: usize = 34;

/// How wide a text is.
pub const WIDTH: usize = 80;

impl Section {
    pub fn text(&self) -> String {
        let widest = self.entries.iter().map(|(term, _)| term.len()).max().unwrap_or_default();
        let mut text = format!("{}:", self.heading);
        for (term, explanation) in self.entries {
            let (begin, indent) = match widest {
                0..=WIDEST => (format!("  {term:widest$} "), widest + 3),
                _ => (format!("  {term}\n     "), 5),
            };
            let _ = write!(text, "\n{begin}");
            let mut column = indent;
            for word in explanation.split(' ') {
                let length = 1 + word.chars().count();
                if column + length > WIDTH {
                    let _ = write!(text, "\n{:indent$}", "");
                    column = indent;
                }
                let _ = write!(text, " {word}");
                column += length;
            }
        }
        text
    }
}
