//! Options of other programs, and what they are called here.

use clap::{Arg, ArgAction, Command};

use super::meaning::Meaning::{
    self, Accept, Address, But, File, Host, Is, Listen, Nothing, Port, Program, ProxyKind, Shell, Unix, Wait,
};
use super::meaning::{ALWAYS, BUFFERS, Entry, RETRY, SAFER, SECRET, SILENT, Takes, WAIT};
use super::openssl::OF_TLS;

/// First words, the command that is meant, its options, and those that it has by default.
type First = (&'static [&'static str], &'static str, &'static [&'static str], &'static [&'static str]);

pub(super) const COMMANDS: &[First] = &[
    // The first two are ours.
    (&["connect", "client", "send"], "connect", &[], &[]),
    (&["listen", "serve", "server", "receive", "recv", "forward", "relay"], "listen", &[], &[]),
    (&["check", "scan", "test"], "connect", &["-z"], &[]),
    (&["cert", "certificate"], "connect", &["-z", "--tls"], &[]),
    (&["chat"], "listen", &["--broker"], &[]),
    (&["s_client"], "connect", &["--tls"], &[]),
    (&["s_server"], "listen", &["--tls"], &[]),
    (&["tcping", "ping"], "connect", &["-z"], &["--every", "1s"]),
    (
        &["wait-for-it", "wait-for-it.sh", "wait-for", "wait-for.sh", "wait"],
        "connect",
        &["-z"],
        &["--retry-for", WAIT],
    ),
    (&["pv"], "connect", &["--progress"], &[]),
    (&[NO_FILE.0], "listen", &["--tls", "--cert", "FILE", "--forward", "localhost:8080"], &[]),
];

/// Other programs, whose name stands in front of what is typed by habit.
pub(super) const PROGRAMS: &[&str] =
    &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "stunnel", "stunnel4", "openssl"];

/// A file of options, and that there is none here.
pub(super) const NO_FILE: (&str, &str) = (
    "stunnel.conf",
    "options are read from the command line only; client = yes is --forward HOST:PORT --forward-tls",
);
const OUTPUT: &str = "what is received goes to stdout: > FILE; --dump FILE logs both ways in hexadecimal";
const FOREGROUND: Meaning =
    Nothing("it stays in the foreground, as its user: systemd or & changes that; the log is stderr");
const UNVERIFIED: Meaning = But(&["--insecure"], SAFER);
const PRINTED: Meaning = Nothing("only what was received is printed");

/// Options of nc, ncat, socat, stunnel, curl, tcping, pv and wait-for-it, words that are guessed, and what they are here.
const OPTIONS: &[Entry] = &[
    (&["-l", "--listen"], Takes::Nothing, Listen),
    (&["-U", "--unixsock"], Takes::Nothing, Unix),
    (&["-p", "--source-port", "-port"], Takes::Value, Port),
    (&["-host"], Takes::Value, Host),
    (&["-naccept"], Takes::Value, Nothing("--once serves one connection")),
    (&["-bind"], Takes::Value, Is(&["-s"])),
    (&["-rev"], Takes::Nothing, But(&["--echo"], "lines come back as they are")),
    (&["-proxy"], Takes::Value, Is(&["--proxy"])),
    (&["--connect-timeout"], Takes::Value, Is(&["-w"])),
    (
        &["--resolve", "--connect-to"],
        Takes::Value,
        Nothing("connect to the address, and give the name: --servername NAME"),
    ),
    (&["--proxy-user", "--proxy-auth", "-proxy_user", "-proxy_pass"], Takes::Value, Nothing(SECRET)),
    (&["-name", "--ehlo", "--helo"], Takes::Value, Nothing("the name in EHLO cannot be chosen")),
    (&["-accept"], Takes::Value, Accept),
    (&["-connect"], Takes::Value, Address),
    (&["-N"], Takes::Nothing, Nothing("the end of stdin is passed on without -N")),
    (&["-q"], Takes::Value, Nothing(SILENT)),
    (&["-F"], Takes::Nothing, Is(&["--pass-fd"])),
    (&["-d"], Takes::Nothing, Is(&["--recv-only"])),
    (&["-G"], Takes::Value, Is(&["-w"])),
    (&["--wait"], Takes::Value, Wait(Some("--timeout"))),
    (&["-b"], Takes::Nothing, Is(&["--broadcast"])),
    (&["-R"], Takes::Value, Is(&["--cacert"])),
    (&["-P"], Takes::Value, Nothing(SECRET)),
    (&["-t"], Takes::Value, Wait(Some("--timeout"))),
    (&["--strict"], Takes::Nothing, Wait(None)),
    (&["-h", "--host"], Takes::Value, Host),
    (&["-T"], Takes::Value, Nothing("the type of service cannot be chosen")),
    (&["--silent"], Takes::Nothing, Is(&["--quiet"])),
    (&["--daemon", "--daemonize", "--background", "--detach"], Takes::Nothing, FOREGROUND),
    (&["--foreground", "--syslog"], Takes::Switch, FOREGROUND),
    (&["--pid", "--pidfile", "--logfile", "--debug"], Takes::Value, FOREGROUND),
    (&["--retry", "--retries"], Takes::Value, Nothing(RETRY)),
    (&["--interval"], Takes::Value, Is(&["--every"])),
    (
        &["-L", "--rate-limit", "--rate", "--limit", "--speed", "--max-speed"],
        Takes::Value,
        Is(&["--limit-rate"]),
    ),
    (&["--bwlimit"], Takes::Value, But(&["--limit-rate"], "a bare number is bytes a second")),
    (&["--eta", "--progress-bar"], Takes::Nothing, Is(&["--progress"])),
    (&["-r"], Takes::Nothing, Nothing("the system chooses the port of this end")),
    (&["-W"], Takes::Value, Nothing("the number of packets is not limited")),
    (&["-I", "-O"], Takes::Value, Nothing(BUFFERS)),
    (&["--checksum", "--hash"], Takes::Nothing, Is(&["--sha256"])),
    (&["-X", "--proxy-type"], Takes::Value, ProxyKind),
    (&["-o", "--output"], Takes::Value, Nothing(OUTPUT)),
    (&["--hex-dump", "--trace", "--trace-ascii", "--log"], Takes::Value, Is(&["--dump"])),
    (&["--file", "--input", "--upload-file"], Takes::Value, Nothing("what is sent comes from stdin: < FILE")),
    (&["--data", "--message"], Takes::Value, Nothing("what is sent comes from stdin: printf TEXT |")),
    (&["--append-output"], Takes::Nothing, Nothing("--dump appends to FILE")),
    (&["--hex"], Takes::Nothing, Is(&["--dump", "-"])),
    (&["--chat"], Takes::Nothing, Is(&["--broker"])),
    (&["--allowfile"], Takes::Value, File("--allow")),
    (&["--denyfile"], Takes::Value, File("--deny")),
    (&["--range"], Takes::Value, Is(&["--allow"])),
    (&["--bind"], Takes::Value, Is(&["-s"])),
    (&["--max-children"], Takes::Value, Is(&["-m"])),
    (&["--pcap"], Takes::Value, Is(&["--capture"])),
    (&["--fork", "fork"], Takes::Nothing, Is(&["-k"])),
    (&["--reuseaddr", "reuseaddr"], Takes::Nothing, Nothing("a listener always reuses its address")),
    (&["-e", "--exec"], Takes::Value, Program),
    (&["-c", "--sh-exec"], Takes::Value, Shell),
    (&["--ssl", "--encrypt", "--secure"], Takes::Nothing, Is(&["--tls"])),
    (
        &["--password", "--passphrase"],
        Takes::Value,
        Nothing("there are no passwords: listen --tls prints a pin for the other side"),
    ),
    (&["--expiry", "--cert-info", "--certs"], Takes::Nothing, Is(&["-z", "--tls"])),
    (
        &["--ca", "--cafile", "--ca-file", "--ssl-trustfile", "-CAfile", "--verify-client"],
        Takes::Value,
        Is(&["--cacert"]),
    ),
    // Read as --forward is.
    (&["--to", "--target"], Takes::Value, Is(&["--forward"])),
    (&["--forward-cafile", "--forward-ca"], Takes::Value, Is(&["--forward-cacert"])),
    (&["--requireCert"], Takes::Switch, Nothing(ALWAYS)),
    (&["--ssl-cert", "-cert"], Takes::Value, Is(&["--cert"])),
    (&["--ssl-key", "-key"], Takes::Value, Is(&["--key"])),
    (
        &["--sni", "--server-name", "--ssl-servername", "-servername", "--checkHost"],
        Takes::Value,
        Is(&["--servername"]),
    ),
    (&["--ssl-alpn", "-alpn"], Takes::Value, Is(&["--alpn"])),
    (&["-starttls"], Takes::Value, Is(&["--starttls"])),
    (&["-showcerts"], Takes::Nothing, Is(&["-z", "--show-certs"])),
    (&["-crlf", "--crnl"], Takes::Nothing, Is(&["--crlf"])),
    (&["-quiet"], Takes::Nothing, PRINTED),
    (&["-brief"], Takes::Nothing, Is(&["-v"])),
    (&["-ign_eof"], Takes::Nothing, Is(&["--no-shutdown"])),
    (&["--ssl-verify", "-verify_return_error"], Takes::Nothing, Nothing(ALWAYS)),
    (&["--verify", "--verifyChain", "--verifyPeer"], Takes::Switch, Nothing(ALWAYS)),
    (&["--client"], Takes::Switch, Is(&["--forward-tls"])),
    (&["--TIMEOUTidle"], Takes::Value, Is(&["-i"])),
    (
        &["--TIMEOUTclose", "--TIMEOUTbusy"],
        Takes::Value,
        Nothing("-i limits how long the peer may be silent"),
    ),
    (&["--TIMEOUTconnect"], Takes::Value, Is(&["-w"])),
    (&["-verify"], Takes::Value, Nothing(ALWAYS)),
    (&["--no-verify", "--noverify", "--no-check-certificate"], Takes::Nothing, UNVERIFIED),
];

/// Schemes of URLs: their port, and whether they mean TLS.
pub(super) const SCHEMES: &[(&str, Option<&str>, bool)] = &[
    ("http", Some("80"), false),
    ("https", Some("443"), true),
    ("ws", Some("80"), false),
    ("wss", Some("443"), true),
    ("ftp", Some("21"), false),
    ("ftps", Some("990"), true),
    ("smtp", Some("25"), false),
    ("smtps", Some("465"), true),
    ("imaps", Some("993"), true),
    ("ldap", Some("389"), false),
    ("ldaps", Some("636"), true),
    ("tcp", None, false),
    ("tls", None, true),
    ("ssl", None, true),
];

/// The command that a first word means, also if it is misspelt.
pub(super) fn command(word: &str) -> Option<&'static First> {
    let meant = |(names, ..): &&First| names.contains(&word);
    let distance = |name| strsim::osa_distance(name, &word.to_ascii_lowercase());
    let misspelt = |(names, ..): &&First| !word.starts_with('-') && distance(names[0]) < 3;
    COMMANDS.iter().find(meant).or_else(|| COMMANDS[..2].iter().find(misspelt))
}

/// Whether this is a URL of something under TLS.
pub(super) fn means_tls(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    SCHEMES.iter().any(|(name, _, is_tls)| *is_tls && scheme.as_deref() == Some(name))
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    OPTIONS.iter().chain(OF_TLS)
}

fn entry(option: &str) -> Option<&'static Entry> {
    entries().find(|(names, ..)| names.contains(&option))
}

/// The long option that is meant, though it is written with other case or other hyphens, or with one letter wrong:
/// ours before another program's.
pub(super) fn spelt(option: &str) -> String {
    let bare = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let is_meant = |name: &str| name.len() > 2 && bare(name) == bare(option);
    // The first letter is seldom wrong.
    let is_near = |name: &str| {
        name.get(..3) == option.get(..3) && strsim::osa_distance(&bare(name), &bare(option)) == 1
    };
    if !option.starts_with("--") || takes(option).is_some() {
        return option.to_owned();
    }
    let commands = crate::cli::definition();
    let longs = commands.get_subcommands().flat_map(Command::get_arguments).filter_map(Arg::get_long);
    let longs: Vec<_> = longs.map(|long| format!("--{long}")).collect();
    let ours = |is_it: &dyn Fn(&str) -> bool| longs.iter().find(|name| is_it(name)).cloned();
    let theirs =
        || entries().flat_map(|(names, ..)| *names).find(|name| is_meant(name)).map(ToString::to_string);
    ours(&is_meant).or_else(theirs).or_else(|| ours(&is_near)).unwrap_or_else(|| option.to_owned())
}

pub(super) fn known(option: &str) -> Option<Meaning> {
    entry(option).map(|(.., meaning)| *meaning)
}

/// Whether an option of ours or of another program takes a value; None if it is unknown.
pub(super) fn takes(option: &str) -> Option<Takes> {
    own(option).or_else(|| entry(option).map(|(_, takes, _)| *takes))
}

/// Whether the option of another program means nothing without TLS.
pub(super) fn is_of_tls(option: &str) -> bool {
    OF_TLS.iter().any(|(names, ..)| names.contains(&option))
}

/// Whether our option accepts one value, which another one would replace.
pub(super) fn is_single(option: &str) -> bool {
    let commands = crate::cli::definition();
    let mut args = commands.get_subcommands().filter_map(|command| named(command, option));
    args.any(|arg| matches!(arg.get_action(), ArgAction::Set))
}

/// The same of our own options.
pub(super) fn own(option: &str) -> Option<Takes> {
    let commands = crate::cli::definition();
    let arg = commands.get_subcommands().find_map(|command| named(command, option))?;
    Some(if arg.get_action().takes_values() { Takes::Value } else { Takes::Nothing })
}

/// Our commands that have this option.
pub fn commands_with(option: &str) -> Vec<String> {
    let program = crate::cli::definition();
    let commands = program.get_subcommands().filter(|command| named(command, option).is_some());
    commands.map(|command| command.get_name().to_owned()).collect()
}

fn named<'a>(command: &'a Command, option: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match option.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short().is_some_and(|short| option == format!("-{short}")),
    })
}
