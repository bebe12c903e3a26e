//! Options of other programs, and what they are called here.

use clap::{Arg, Command};

/// What a word of another program is here.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// The command `listen`.
    Listen,
    /// The address is the path of a Unix socket.
    Unix,
    /// The port, or with `connect` the local one.
    Port,
    /// The host of the address.
    Host,
    /// The command `listen`, and its address.
    Accept,
    /// The address of a server that speaks TLS, or with `listen` where it relays to.
    Address,
    /// These words, and the value after them.
    Is(&'static [&'static str]),
    /// This option, with a value that is in seconds.
    Seconds(&'static str),
    /// The same words, with a remark.
    But(&'static [&'static str], &'static str),
    /// This word, and the file after it with an `@`.
    File(&'static str),
    /// What a proxy speaks.
    ProxyKind,
    /// Nothing, because of this.
    Nothing(&'static str),
    /// wait-for-it's, and the option of the same meaning if there is one.
    Wait(Option<&'static str>),
    /// A program, with its arguments in the same word.
    Program,
    /// A command for a shell.
    Shell,
}
use Meaning::{
    Accept, Address, But, File, Host, Is, Listen, Nothing, Port, Program, ProxyKind, Seconds, Shell, Unix,
    Wait,
};

/// Whether a word is followed by its value.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// It may be followed by `yes` or a level.
    Switch,
}

/// Whether it turns a switch on: `--client=yes`, `--verify 2`.
pub(super) fn is_on(value: &str) -> bool {
    ["yes", "1", "2", "3", "4"].contains(&value)
}

/// First words, the command that is meant, its options, and those that it has by default.
type First = (&'static [&'static str], &'static str, &'static [&'static str], &'static [&'static str]);

pub(super) const COMMANDS: &[First] = &[
    (&["connect", "client"], "connect", &[], &[]),
    (&["listen", "serve", "server"], "listen", &[], &[]),
    (&["chat"], "listen", &["--broker"], &[]),
    (&["s_client"], "connect", &["--tls"], &[]),
    (&["s_server"], "listen", &["--tls"], &[]),
    (&["tcping", "ping"], "connect", &["-z"], &["--every", "1s"]),
    (
        &["wait-for-it", "wait-for-it.sh", "wait-for", "wait-for.sh"],
        "connect",
        &["-z"],
        &["--retry-for", WAIT],
    ),
    (&["pv"], "connect", &["--progress"], &[]),
    (&[NO_FILE.0], "listen", &["--tls", "--cert", "FILE", "--forward", "localhost:8080"], &[]),
];

/// How long wait-for-it waits unless it is given a time.
pub(super) const WAIT: &str = "15s";

/// Other programs, whose name stands in front of what is typed by habit.
pub(super) const PROGRAMS: &[&str] =
    &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "socat", "stunnel", "stunnel4", "openssl"];

/// A file of options, and that there is none here.
pub(super) const NO_FILE: (&str, &str) = ("stunnel.conf", "options are read from the command line only");
pub(super) const RETRY: &str = "--retry-for TIME tries again: a time, not a number of tries";
pub(super) const SILENT: &str = "it ends when the peer does; -i TIME ends a silent one with status 5";
pub(super) const ALWAYS: &str = "certificates are always verified";
pub(super) const SAFER: &str = "safer is --pin PIN, which accepts one key; the error without either names it";
pub(super) const CLIENTS: &str = "--cacert FILE demands certificates of the clients";
const FOREGROUND: Meaning =
    Nothing("it stays in the foreground, as its user: systemd or & changes that; the log is stderr");
const UNVERIFIED: Meaning = But(&["--insecure"], SAFER);
const PRINTED: Meaning = Nothing("only what was received is printed");

/// The names of an option, whether a value follows, and what it is here.
pub(super) type Entry = (&'static [&'static str], Takes, Meaning);

/// Options of nc, ncat, socat, openssl and curl, and what they are here.
const OPTIONS: &[Entry] = &[
    (&["-l", "--listen"], Takes::Nothing, Listen),
    (&["-U", "--unixsock"], Takes::Nothing, Unix),
    (&["-p", "--source-port", "-port"], Takes::Value, Port),
    (&["-accept"], Takes::Value, Accept),
    (&["-connect"], Takes::Value, Address),
    (&["-N"], Takes::Nothing, Nothing("the end of stdin is passed on without -N")),
    (&["-q"], Takes::Value, Nothing(SILENT)),
    (&["-F"], Takes::Nothing, Is(&["--pass-fd"])),
    (&["-d"], Takes::Nothing, Is(&["--recv-only"])),
    (&["--wait", "-G"], Takes::Value, Is(&["-w"])),
    (&["-t"], Takes::Value, Wait(Some("--timeout"))),
    (&["--strict"], Takes::Nothing, Wait(None)),
    (&["-h", "--host"], Takes::Value, Host),
    (&["-T"], Takes::Value, Is(&["-i"])),
    (&["--silent"], Takes::Nothing, Is(&["--quiet"])),
    (&["--daemon", "--daemonize", "--background", "--detach"], Takes::Nothing, FOREGROUND),
    (
        &["--pid", "--pidfile", "--logfile", "--user", "--group", "--setuid", "--setgid", "--chroot"],
        Takes::Value,
        FOREGROUND,
    ),
    (&["--retry", "--retries"], Takes::Value, Nothing(RETRY)),
    (&["--interval"], Takes::Value, Is(&["--every"])),
    (&["-L", "--rate-limit", "--rate"], Takes::Value, Is(&["--limit-rate"])),
    (&["--bwlimit"], Takes::Value, But(&["--limit-rate"], "a bare number is bytes a second")),
    (&["--eta"], Takes::Nothing, Is(&["--progress"])),
    (&["-X", "--proxy-type"], Takes::Value, ProxyKind),
    (&["-o", "--output", "--hex-dump"], Takes::Value, Is(&["--dump"])),
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
    (&["--ssl"], Takes::Nothing, Is(&["--tls"])),
    (
        &["--ca", "--cafile", "--ca-file", "--ssl-trustfile", "-CAfile", "--verify-client"],
        Takes::Value,
        Is(&["--cacert"]),
    ),
    (&["--forward-cafile", "--forward-ca"], Takes::Value, Is(&["--forward-cacert"])),
    (&["--requireCert"], Takes::Switch, Nothing(CLIENTS)),
    (&["--ssl-cert", "-cert"], Takes::Value, Is(&["--cert"])),
    (&["--ssl-key", "-key"], Takes::Value, Is(&["--key"])),
    (
        &["--sni", "--server-name", "--ssl-servername", "-servername", "--checkHost"],
        Takes::Value,
        Is(&["--servername"]),
    ),
    (&["--ssl-alpn", "-alpn"], Takes::Value, Is(&["--alpn"])),
    (&["-starttls", "--protocol"], Takes::Value, Is(&["--starttls"])),
    (&["-showcerts"], Takes::Nothing, Is(&["-z", "--show-certs"])),
    (&["-crlf"], Takes::Nothing, Is(&["--crlf"])),
    (&["-quiet", "-brief", "-ign_eof"], Takes::Nothing, PRINTED),
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

pub(super) const SECRET: &str = "USER:SECRET for a proxy comes from the variable ASTREAM_PROXY_AUTH";
const TOO_OLD: Meaning = Nothing("versions before 1.2 are unsafe, and not spoken");
const BY_ADDRESS: Meaning = Nothing("connect to the address, and give the name: --servername NAME");
const CIPHERS: Meaning = Nothing("ciphers cannot be chosen");

/// Options of openssl `s_client` and of curl.
const OF_TLS: &[Entry] = &[
    (&["--sslVersion"], Takes::Value, But(&["--tls-min"], "--tls-max VERSION too, for that version alone")),
    (&["--sslVersionMin", "-min_protocol"], Takes::Value, Is(&["--tls-min"])),
    (&["--sslVersionMax", "-max_protocol"], Takes::Value, Is(&["--tls-max"])),
    (&["-tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.2", "--tls-max", "1.2"])),
    (&["-tls1_3"], Takes::Nothing, Is(&["--tls-min", "1.3", "--tls-max", "1.3"])),
    (&["-no_tls1_2"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-no_tls1_3"], Takes::Nothing, Is(&["--tls-max", "1.2"])),
    (&["--tlsv1.2"], Takes::Nothing, Is(&["--tls-min", "1.2"])),
    (&["--tlsv1.3"], Takes::Nothing, Is(&["--tls-min", "1.3"])),
    (&["-tls1", "-tls1_1", "--tlsv1", "--tlsv1.0", "--tlsv1.1"], Takes::Nothing, TOO_OLD),
    (&["-checkend"], Takes::Value, Seconds("--expires-within")),
    (&["--connect-timeout"], Takes::Value, Is(&["-w"])),
    (&["--resolve", "--connect-to"], Takes::Value, BY_ADDRESS),
    (&["--proxy-user"], Takes::Value, Nothing(SECRET)),
    (
        &["-msg", "-debug"],
        Takes::Nothing,
        But(&["--dump", "-"], "it shows the data, not the messages of TLS"),
    ),
    (&["-CApath"], Takes::Value, Nothing("the folder is named by the variable SSL_CERT_DIR")),
    (&["-keylogfile"], Takes::Value, Nothing("the file is named by the variable SSLKEYLOGFILE")),
    (&["-cipher", "-ciphersuites", "--ciphers", "--tls13-ciphers"], Takes::Value, CIPHERS),
];

fn entries() -> impl Iterator<Item = &'static Entry> {
    OPTIONS.iter().chain(OF_TLS)
}

fn entry(option: &str) -> Option<&'static Entry> {
    entries().find(|(names, ..)| names.contains(&option))
}

/// The long option that is meant, though it is written with other case or other hyphens: ours before another
/// program's.
pub(super) fn spelt(option: &str) -> String {
    let bare = |name: &str| name.replace('-', "").to_ascii_lowercase();
    let is_meant = |name: &str| name.len() > 2 && bare(name) == bare(option);
    if !option.starts_with("--") || takes(option).is_some() {
        return option.to_owned();
    }
    let commands = crate::cli::definition();
    let longs = commands.get_subcommands().flat_map(Command::get_arguments).filter_map(Arg::get_long);
    let ours = longs.map(|long| format!("--{long}")).find(|name| is_meant(name));
    let theirs = || entries().flat_map(|(names, ..)| *names).find(|name| is_meant(name));
    ours.or_else(|| theirs().map(ToString::to_string)).unwrap_or_else(|| option.to_owned())
}

pub(super) fn known(option: &str) -> Option<Meaning> {
    entry(option).map(|(.., meaning)| *meaning)
}

/// Whether an option of ours or of another program takes a value; None if it is unknown.
pub(super) fn takes(option: &str) -> Option<Takes> {
    own(option).or_else(|| entry(option).map(|(_, takes, _)| *takes))
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
