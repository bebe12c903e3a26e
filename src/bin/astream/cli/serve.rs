//! How many connections are served, and with what.

use std::time::Duration;

use astream::{Endpoint, Error, Networks};
use clap::{Args, ValueHint};

use super::units;

#[derive(Args)]
pub struct Serve {
    /// Serve until stopped: stdin to all clients, all to stdout
    #[arg(short = 'k', long, conflicts_with = "once")]
    pub keep_open: bool,
    /// Serve one connection, also with --echo
    #[arg(long, hide_short_help = true)]
    pub once: bool,
    /// Send everything back, until stopped
    #[arg(long, conflicts_with_all = ["send_only", "recv_only", "crlf", "no_shutdown", "shutdown",
          "exit_on_close", "command"])]
    pub echo: bool,
    /// How many threads serve the connections of a handler [default: one for each core]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u16).range(1..=1024), conflicts_with_all = ["udp", "keep_open", "once"])]
    pub threads: Option<u16>,
    /// How many connections may wait to be accepted [default: 4096]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other,
          value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "udp")]
    pub backlog: Option<u32>,
    /// Share the port with other listeners that give this option
    #[arg(long, hide_short_help = true, conflicts_with = "udp")]
    pub reuse_port: bool,
    /// Permissions of the path of a Unix socket, in octal
    #[arg(long, hide_short_help = true, value_name = "OCTAL", value_hint = ValueHint::Other, default_value = "0600",
          value_parser = mode, conflicts_with = "udp")]
    pub mode: u32,
    /// Write "ADDR PORT" to the descriptor N when listening, and close it
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other)]
    pub ready_fd: Option<u32>,
    /// Believe proxies in these networks who the client is: each connection begins with a PROXY header
    #[arg(long, hide_short_help = true, value_name = "CIDR,...", value_hint = ValueHint::Other, conflicts_with = "udp")]
    proxy_protocol: Vec<Networks>,
    /// How long open connections may go on after SIGTERM
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, default_value = "1s",
          value_parser = units::time)]
    pub grace: Duration,
}

/// The permissions of a file, as chmod(1) takes them.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| "permissions are written in octal: 0600 to 0777".to_owned())
}

impl Serve {
    /// The proxies that are believed by a listener on this address.
    ///
    /// # Errors
    /// Its clients have no IP addresses.
    pub fn proxies(&self, listens_on: Option<&Endpoint>) -> Result<Networks, Error> {
        if let Some(path) = listens_on.filter(|endpoint| endpoint.host().is_none())
            && !self.proxy_protocol.is_empty()
        {
            return Err(Error::invalid(
                path,
                "clients of a Unix socket are in no network; leave out --proxy-protocol",
            ));
        }
        let mut all = Networks::default();
        self.proxy_protocol.iter().cloned().for_each(|networks| all.extend(networks));
        Ok(all)
    }
}
