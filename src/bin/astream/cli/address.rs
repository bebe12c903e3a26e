//! Where to: an address in one word or two, and which of its meanings count.

use astream::{Endpoint, Error, Family};
use clap::Args;

#[derive(Args)]
pub struct Address {
    /// A host with PORT; or HOST:PORT, [V6]:PORT, unix:PATH, unix:@NAME
    #[arg(value_name = "HOST")]
    host: String,
    /// 0 to 65535, or a service name
    #[arg(value_name = "PORT")]
    port: Option<String>,
    /// IPv4 only
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    v4: bool,
    /// IPv6 only
    #[arg(short = '6', long = "ipv6")]
    v6: bool,
    /// No name look-ups
    #[arg(short = 'n', long, hide_short_help = true)]
    pub numeric: bool,
}

impl Address {
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        match &self.port {
            Some(port) => Endpoint::tcp(&self.host, port),
            None => self.host.parse(),
        }
    }

    pub fn family(&self) -> Family {
        match (self.v4, self.v6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}
