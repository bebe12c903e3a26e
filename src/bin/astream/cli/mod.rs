//! The command line. The only place that uses clap: each group of options is a file, with its own conversion
//! into a plain value.

mod address;
mod command;
mod datagrams;
mod exchange;
mod forward;
#[cfg(test)]
mod generated;
mod habits;
mod manual;
mod networks;
mod observe;
mod probe;
mod proxy;
mod reach;
mod report;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod units;
mod usage;

use std::ffi::OsString;
use std::iter::once;
use std::mem::ManuallyDrop;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use address::{Address, Place};
pub use command::CommandLine;
pub use datagrams::{ConnectDatagrams, ListenDatagrams};
pub use exchange::ExchangeOptions;
pub use forward::ForwardOptions;
#[cfg(test)]
pub use generated::is_in_file;
pub use habits::{is_of_socat, shell};
pub use observe::ObserveOptions;
pub use probe::{ProbeOptions, Repeat};
pub use reach::{Reach, by_streams};
pub use report::Report;
pub use serve::Serve;
pub use tls::{ClientTls, Own, ServerTls};
use usage::one_line;
pub use usage::{NotRun, Usage};

/// Send and receive over TCP, UDP and TLS: a netcat that never loses the tail
#[derive(Parser)]
#[command(name = "astream", version, disable_help_subcommand = true, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Connect(Connect),
    Listen(Listen),
}

/// Open a connection: stdin to the peer, the peer to stdout
///
/// With -- CMD, a command takes the place of stdin and stdout. The end of stdin is passed on and receiving goes on to the peer's end. Every address of a name
/// is tried, a new one each 250 ms. Status 0 means that all of stdin was handed over and that the
/// peer's stream ended cleanly.
#[derive(Debug, Default, Args)]
pub struct Connect {
    #[command(flatten)]
    pub address: Address,
    #[command(flatten)]
    pub datagrams: ConnectDatagrams,
    #[command(flatten)]
    pub probe: ProbeOptions,
    #[command(flatten)]
    pub reach: Reach,
    /// Hand the connected socket to the process on stdout (ssh -o ProxyUseFdpass=yes), and leave
    ///
    /// stdout must be a Unix socket. No program then stands between it and the peer.
    #[arg(long, hide_short_help = true, help_heading = reach::HEADING, conflicts_with_all = probe::EXCHANGE, conflicts_with_all = ["probing", "tls", "starttls", "udp", "command"])]
    pub pass_fd: bool,
    #[command(flatten)]
    pub command: CommandLine,
    #[command(flatten)]
    pub exchange: ExchangeOptions,
    #[command(flatten)]
    pub observe: ObserveOptions,
    #[command(flatten)]
    pub report: Report,
    #[command(flatten)]
    pub tls: ClientTls,
}

impl Connect {
    /// After how much silence a user of nc expects an end that no option asks for.
    pub fn unlimited_silence(&self) -> Option<Duration> {
        let is_limited = self.exchange.idle_timeout().is_some() || self.exchange.max_time().is_some();
        self.reach.given_timeout().filter(|_| !is_limited && !self.command.is_asked_for())
    }
}

impl From<Address> for Connect {
    fn from(address: Address) -> Self {
        Self { address, ..Self::default() }
    }
}

/// Wait for connections: stdin to the peer, the peer to stdout
///
/// With -- CMD, a command for each takes the place of stdin and stdout.
/// The first line on stderr is "astream: listening on ADDRESS" with the real port. One connection
/// is served; with -k, --echo, --discard, --broker, --forward or a command all are, until a signal comes.
#[derive(Args)]
#[command(mut_arg("retry_for", |arg| arg.requires("forward")), mut_arg("source", |arg| arg.requires("outward")))]
#[command(group(ArgGroup::new("any_tls").multiple(true).args(["tls", "forward_tls", "forward_starttls"])))]
#[command(mut_arg("proxy", |proxy| proxy.requires("forward").hide_short_help(true)))]
#[command(group(ArgGroup::new("handler").args(["command", "echo", "discard", "broker", "forward"])))]
#[command(group(ArgGroup::new("outward").multiple(true).args(["forward", "udp"])))]
pub struct Listen {
    #[command(flatten)]
    pub address: Address,
    #[command(flatten)]
    pub datagrams: ListenDatagrams,
    #[command(flatten)]
    pub serve: Serve,
    #[command(flatten)]
    pub forward: ForwardOptions,
    #[command(flatten)]
    pub command: CommandLine,
    #[command(flatten)]
    pub reach: Reach,
    #[command(flatten)]
    pub exchange: ExchangeOptions,
    #[command(flatten)]
    pub observe: ObserveOptions,
    #[command(flatten)]
    pub report: Report,
    #[command(flatten)]
    pub tls: ServerTls,
}

impl Listen {
    /// Whether each connection is served by itself, without stdin and stdout.
    pub fn has_handler(&self) -> bool {
        self.serve.echo || self.serve.discard || self.forward.is_asked_for() || self.command.is_asked_for()
    }

    /// Whether a connection goes on with stdin after the peer's end.
    pub fn reads_stdin(&self) -> bool {
        !self.has_handler() && self.exchange.reads_stdin()
    }

    /// How many threads serve connections: one where stdin and stdout do, whose order matters, or there is only one
    /// connection.
    /// If the options do not say it, there is one for each core, or only one if `few` is wanted.
    pub fn threads(&self, few: bool) -> usize {
        let is_for_many =
            self.has_handler() && !self.serve.once && !self.datagrams.udp && !self.address.is_stdin();
        match self.serve.threads {
            _ if !is_for_many => 1,
            Some(threads) => threads.into(),
            None if few => 1,
            None => available_parallelism().map_or(1, usize::from),
        }
    }
}

pub fn parse() -> Result<Command, NotRun> {
    let words = words();
    // Most command lines are right. Only for the others, and for help, the whole program is defined.
    let right = match words.first().and_then(|word| word.to_str()) {
        Some("connect") => connect(&words).map(Command::Connect),
        Some("listen") => alone(&words).map(Command::Listen),
        _ => None,
    };
    match right {
        Some(command) => Ok(command),
        None => parse_whole(words),
    }
}

/// What to write in place of a command line whose address cannot be used.
pub fn advice() -> Option<String> {
    habits::advice(&words())
}

/// Whether an option says that our end is sent only after the peer's.
pub fn is_end_kept_back() -> bool {
    has_option(|word| word == "--no-shutdown" || word.starts_with("--starttls"))
}

/// Whether an option says that TLS may end without its own end.
pub fn ignores_unexpected_eof() -> bool {
    has_option(|word| word == "--ignore-unexpected-eof")
}

fn has_option(is_it: impl Fn(&str) -> bool) -> bool {
    let words = words();
    let mut options = words.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    options.any(|word| is_it(&word))
}

fn words() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}

/// Without options in the command line no option has to be defined, which is most of what this costs.
fn connect(words: &[OsString]) -> Option<Connect> {
    let plain: Vec<_> =
        words.iter().filter_map(|word| word.to_str().filter(|word| !word.starts_with('-'))).collect();
    match plain[..] {
        _ if plain.len() < words.len() => alone(words),
        [_, host] => Some(Address::new(host, None).into()),
        [_, host, port] => Some(Address::new(host, Some(port)).into()),
        _ => alone(words),
    }
}

/// The options of one command, defined without the other's, which saves a tenth of a start.
fn alone<T: Args>(words: &[OsString]) -> Option<T> {
    // The end of the process frees both in less time.
    let definition = T::augment_args(clap::Command::new("astream").args_override_self(true));
    let mut definition = ManuallyDrop::new(definition);
    let matches = definition.try_get_matches_from_mut(words);
    T::from_arg_matches_mut(&mut ManuallyDrop::new(matches.ok()?)).ok()
}

/// The definition of the program, with both commands and all texts of its help.
fn definition() -> clap::Command {
    let sections = [&manual::EXAMPLES, &manual::EXIT_STATUS];
    let mut program =
        Cli::command().after_help(manual::EXAMPLES.text()).after_long_help(manual::text(&sections));
    for name in ["connect", "listen"] {
        let more = manual::text(&manual::sections(name));
        let for_command = if name == "connect" { manual::with_wait } else { |arg| arg };
        let whole = |command: clap::Command| {
            command.mut_args(manual::with_unit).mut_arg("command", for_command).after_long_help(more)
        };
        program = program.mut_subcommand(name, whole);
    }
    program
}

fn read(words: &[OsString]) -> Result<Command, clap::Error> {
    let name = OsString::from("astream");
    let matches = definition().try_get_matches_from(once(&name).chain(words))?;
    Cli::from_arg_matches(&matches).map(|cli| cli.command)
}

/// Whether this program accepts these words.
fn is_sound(words: &[String]) -> bool {
    let words: Vec<_> = words.iter().map(OsString::from).collect();
    match read(&words) {
        Ok(Command::Connect(args)) if args.is_udp().is_err() => false,
        Ok(Command::Listen(args)) if args.is_udp().is_err() => false,
        Ok(Command::Connect(args)) if args.probe.is_asked() => args.address.endpoints().is_ok(),
        Ok(Command::Connect(Connect { address, .. }) | Command::Listen(Listen { address, .. })) => {
            address.endpoint().is_ok()
        }
        Err(_) => false,
    }
}

fn parse_whole(mut words: Vec<OsString>) -> Result<Command, NotRun> {
    if words.is_empty() {
        return Err(NotRun::Empty(manual::USAGE));
    }
    if words.first().is_some_and(|word| word == "help") {
        words.remove(0);
        words.push("--help".into());
    }
    let error = match read(&words) {
        Ok(command) => return Ok(command),
        Err(error) => error,
    };
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help && !habits::is_host_of_help(&words) {
        return Err(NotRun::Help(error.render().to_string()));
    }
    let hint = habits::advice(&words);
    let message = if is_help {
        "-h is help, and takes no host".to_owned()
    } else {
        one_line(&error, &words, hint.is_some())
    };
    Err(NotRun::Usage(Usage::new(message, hint)))
}
