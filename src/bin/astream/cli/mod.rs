//! What can be typed. The only place that knows clap: each group of options is a file, with its own
//! conversion into a plain value.

mod address;
mod exchange;
mod forward;
#[cfg(test)]
mod generated;
mod probe;
mod report;
mod serve;
mod tls;
mod units;

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, Args, Parser, Subcommand};

pub use address::Address;
pub use exchange::ExchangeOptions;
pub use forward::ForwardOptions;
pub use probe::ProbeOptions;
pub use report::Report;
pub use serve::Serve;
pub use tls::{ClientTls, ServerTls};

const EXAMPLES: &str = "\
Examples:
  astream connect www.example.org 443 --tls
  astream listen 127.0.0.1 8080 --echo
  tar c . | astream connect host 9000

Exit status:
  0 complete and clean       1 lost, or input undelivered   2 usage, file, stdout
  3 name not resolved        4 could not connect or bind    5 timeout
  6 TLS                      7 TLS cut short                128+n signal";

/// What `-w` is by itself.
const SETUP_LIMIT: &str = "30s";

/// asyncio's streams on the command line: a netcat that never loses the tail
#[derive(Parser)]
#[command(name = "astream", version, after_help = EXAMPLES, disable_help_subcommand = true, args_override_self = true)]
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
/// The end of stdin is passed on and receiving goes on to the peer's end. Every address of a name
/// is tried, a new one each 250 ms. Status 0 means that all of stdin was handed over and that the
/// peer's stream ended cleanly.
#[derive(Debug, Args)]
pub struct Connect {
    #[command(flatten)]
    pub address: Address,
    #[command(flatten)]
    pub probe: ProbeOptions,
    /// Limit of the whole set-up: name, connect, TLS handshake
    #[arg(short = 'w', long, value_name = "TIME", default_value = SETUP_LIMIT, value_parser = units::time)]
    pub timeout: Duration,
    #[command(flatten)]
    pub exchange: ExchangeOptions,
    #[command(flatten)]
    pub report: Report,
    #[command(flatten)]
    pub tls: ClientTls,
}

impl From<Address> for Connect {
    fn from(address: Address) -> Self {
        Self {
            address,
            probe: ProbeOptions::default(),
            timeout: units::time(SETUP_LIMIT).expect("it is a time"),
            exchange: ExchangeOptions::default(),
            report: Report::default(),
            tls: ClientTls::default(),
        }
    }
}

/// Wait for connections: stdin to the peer, the peer to stdout, or --echo
///
/// The first line on stderr is "astream: listening on ADDRESS" with the real port. One connection
/// is served; with -k or --echo all are, until a signal comes.
#[derive(Args)]
#[command(group(ArgGroup::new("any_tls").multiple(true).args(["tls", "forward_tls"])))]
pub struct Listen {
    #[command(flatten)]
    pub address: Address,
    #[command(flatten)]
    pub serve: Serve,
    #[command(flatten)]
    pub forward: ForwardOptions,
    /// Limit of a TLS handshake, and of reaching --forward
    #[arg(short = 'w', long, value_name = "TIME", default_value = SETUP_LIMIT, value_parser = units::time)]
    pub timeout: Duration,
    #[command(flatten)]
    pub exchange: ExchangeOptions,
    #[command(flatten)]
    pub report: Report,
    #[command(flatten)]
    pub tls: ServerTls,
}

/// What is told instead of doing something.
pub enum Told {
    /// Help or a version, which was asked for.
    Asked(String),
    /// What is wrong with the command line, in one line; and whether JSON was asked for.
    Wrong { line: String, json: bool },
}

pub fn parse() -> Result<Command, Told> {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    // Most command lines are right. What is wrong with the others, or asked for, the whole definition tells.
    let right = match words.first().and_then(|word| word.to_str()) {
        Some("connect") => connect(&words).map(Command::Connect),
        Some("listen") => alone(&words).map(Command::Listen),
        _ => None,
    };
    match right {
        Some(command) => Ok(command),
        None => parse_whole(),
    }
}

/// Where no word is an option none has to be defined, which is most of what this costs.
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

/// The options of one command, defined without the other's: that is a tenth of what a start takes.
fn alone<T: Args>(words: &[OsString]) -> Option<T> {
    // The end of the process takes both apart in less time.
    let definition = T::augment_args(clap::Command::new("astream").args_override_self(true));
    let mut definition = ManuallyDrop::new(definition);
    let matches = definition.try_get_matches_from_mut(words);
    T::from_arg_matches_mut(&mut ManuallyDrop::new(matches.ok()?)).ok()
}

fn parse_whole() -> Result<Command, Told> {
    let wrong = |line| Told::Wrong { line, json: report::is_json_asked_for() };
    Cli::try_parse().map(|cli| cli.command).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Told::Asked(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            wrong("what to do is missing: connect or listen; see astream --help".to_owned())
        }
        _ => wrong(one_line(&error.render().to_string())),
    })
}

/// clap's words without its usage, its line breaks, and its advice to take a misspelt flag for a value.
fn one_line(text: &str) -> String {
    let is_message = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
    let is_told = |line: &&str| !line.is_empty() && !line.starts_with("tip: to pass");
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text.lines().map(str::trim).take_while(is_message).filter(is_told);
    let words: Vec<_> = lines.collect();
    format!("{}; see --help", words.join(" ").replace(" tip:", "; tip:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn short_help_fits_one_screen() {
        for name in ["connect", "listen"] {
            let mut program = Cli::command();
            let command = program.find_subcommand_mut(name).unwrap();
            let lines = command.render_help().to_string().lines().count();
            assert!(lines <= 24, "astream {name} -h has {lines} lines");
        }
    }

    #[test]
    fn without_options_a_command_line_means_the_same() {
        for line in [
            "connect host 1",
            "connect host:1",
            "connect unix:/a",
            "connect  1",
            "connect host -1",
            "connect host 1 2",
            "connect",
        ] {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            let (fast, whole) = (connect(&words), alone::<Connect>(&words));
            assert_eq!(format!("{fast:?}"), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn an_error_is_one_line() {
        for words in [
            &["connect"][..],
            &["connect", "-4", "-6", "host", "1"],
            &["connect", "host", "1", "--insecure"],
            &["listen", "host", "1", "--ehco"],
            &["listen", "host", "1", "-w", "soon"],
            &["frobnicate"],
        ] {
            let Err(error) = Cli::try_parse_from(["astream"].iter().chain(words)) else {
                panic!("{words:?} is accepted")
            };
            let line = one_line(&error.render().to_string());
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.ends_with("see --help") && !line.contains("Usage"), "{line}");
        }
    }
}
