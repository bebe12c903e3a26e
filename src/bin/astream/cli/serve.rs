//! How many connections are served, and with what.

use std::time::Duration;

use astream::{Endpoint, Error, Networks, ServerOptions};
use clap::{Args, ValueHint};

use super::exchange;
use super::networks::networks;
use super::units::{self, Limit};

/// How many sessions of datagrams there may be.
const SESSIONS: u32 = 1024;

#[derive(Args)]
#[command(next_help_heading = "Serving")]
pub struct Serve {
    /// Serve all clients, until stopped: stdin to all
    ///
    /// Each gets what stdin gives while it is connected, so one that comes after its end gets nothing; a command answers each. stdout gets what each sends. The fastest client sets the pace; one
    /// that is 1 MiB behind is reset.
    #[arg(short = 'k', long, conflicts_with = "once")]
    pub keep_open: bool,
    /// Serve one connection, also with a handler such as --echo
    #[arg(long, hide_short_help = true)]
    pub once: bool,
    /// Limit of the time until a client has come, where one connection is served: status 5; 0: no limit [default: none]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = units::limit)]
    first_client: Option<Limit>,
    /// Send everything back, until stopped
    #[arg(long, conflicts_with_all = exchange::OPTIONS)]
    pub echo: bool,
    /// N threads serve the connections of a handler [default: one for each core]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u16).range(1..=1024), conflicts_with_all = ["udp", "keep_open", "once", "broker"])]
    pub threads: Option<u16>,
    /// N connections may wait to be accepted [default: 4096]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "udp")]
    backlog: Option<u32>,
    /// Share the port with other listeners that give this option
    #[arg(long, hide_short_help = true, conflicts_with = "udp")]
    reuse_port: bool,
    /// Permissions of the path of a Unix socket, in octal [default: 0600]
    #[arg(long, hide_short_help = true, value_name = "OCTAL", value_hint = ValueHint::Other, value_parser = mode,
          conflicts_with = "udp")]
    mode: Option<u16>,
    /// Write "ADDR PORT" to the descriptor with the number N when listening, and close it [default: none]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other, value_parser = descriptor)]
    pub ready_fd: Option<u32>,
    /// Believe proxies in these networks who the client is: each connection begins with a PROXY header. @FILE: one a line
    /// [default: none]
    #[arg(long, hide_short_help = true, value_name = "CIDR,…", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = networks)]
    proxy_protocol: Vec<Networks>,
    /// Read and drop everything, until stopped
    #[arg(long, hide_short_help = true, conflicts_with_all = exchange::OPTIONS)]
    pub discard: bool,
    /// Send what one client, or stdin, says to all others, until stopped
    ///
    /// stdout gets what the clients say, and misses it while it is 1 MiB behind. A client that is as far behind is reset.
    #[arg(long, hide_short_help = true,
          conflicts_with_all = ["once", "no_shutdown", "shutdown", "exit_on_close"])]
    pub broker: bool,
    /// No more than N connections may be open at once; others wait [default: no limit]
    ///
    /// With -u no more than N peers have a session [default: 1024]; a newcomer takes the place of the one that was idle
    /// longest.
    #[arg(short = 'm', long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_conns: Option<u32>,
    /// No more than N connections from one IP address; others are reset, which -v reports [default: no limit]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = clap::value_parser!(u32).range(1..))]
    max_conns_per_ip: Option<u32>,
    /// Accept these networks only; others are reset, which -v logs. @FILE: one a line [default: all]
    #[arg(long, hide_short_help = true, value_name = "CIDR,…", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = networks)]
    allow: Vec<Networks>,
    /// Reset these networks, even if they are allowed. @FILE: one a line [default: none]
    #[arg(long, hide_short_help = true, value_name = "CIDR,…", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = networks)]
    deny: Vec<Networks>,
    /// How long open connections may go on after SIGTERM where many are served
    ///
    /// A listener for one connection ends at once.
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}

/// The permissions of a file, as chmod(1) takes them.
fn descriptor(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "a descriptor is a number: --ready-fd 3 3>FILE".to_owned())
}

fn mode(text: &str) -> Result<u16, String> {
    let mode = u16::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| "permissions are written in octal: 0600 to 0777".to_owned())
}

impl Serve {
    /// Adds how to listen on this address, and which proxies are believed there.
    ///
    /// # Errors
    /// An option is about another kind of address, and would do nothing.
    pub fn listening(
        &self,
        on: Option<&Endpoint>,
        mut options: ServerOptions,
    ) -> Result<ServerOptions, Error> {
        let networks =
            [("--proxy-protocol", &self.proxy_protocol), ("--allow", &self.allow), ("--deny", &self.deny)];
        let option = networks.iter().find(|(_, networks)| !networks.is_empty()).map(|(option, _)| *option);
        let option = option.or(self.max_conns_per_ip.and(Some("--max-conns-per-ip")));
        match (on.map(|endpoint| (endpoint, endpoint.host())), option) {
            (Some((path, None)), Some(option)) => {
                let reason = format_args!("clients of a Unix socket are in no network; leave out {option}");
                return Err(Error::invalid(path, reason));
            }
            (Some((port, Some(_))), _) if self.mode.is_some() => {
                return Err(Error::invalid(port, "a port has no permissions; leave out --mode"));
            }
            _ => {}
        }
        let mut proxies = Networks::default();
        self.proxy_protocol.iter().cloned().for_each(|networks| proxies.extend(networks));
        options = options.proxy_protocol(proxies).reuse_port(self.reuse_port);
        options = self.mode.map(u32::from).into_iter().fold(options, ServerOptions::unix_mode);
        Ok(self.backlog.into_iter().fold(options, ServerOptions::backlog))
    }

    /// Adds who may come in, and how many at once.
    pub fn limits(&self, mut options: ServerOptions) -> ServerOptions {
        if let Some(most) = self.max_conns {
            options = options.max_connections(size(most));
        }
        if let Some(most) = self.max_conns_per_ip {
            options = options.max_connections_per_address(size(most));
        }
        let options = self.allow.iter().cloned().fold(options, ServerOptions::allow);
        self.deny.iter().cloned().fold(options, ServerOptions::deny)
    }

    /// How long the first client is waited for.
    pub fn first_client(&self) -> Option<Duration> {
        self.first_client.and_then(Limit::get)
    }

    /// How many sessions of datagrams there may be.
    pub fn max_sessions(&self) -> usize {
        size(self.max_conns.unwrap_or(SESSIONS))
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
