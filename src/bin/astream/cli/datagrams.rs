//! Options for datagrams in place of a stream.

use clap::Args;

use super::{Connect, Listen};
use astream::Error;

#[derive(Debug, Default, Args)]
pub struct ConnectDatagrams {
    /// Send datagrams: UDP, or a Unix socket of that type
    ///
    /// What one read of stdin gives is one datagram, of 65507 bytes at most with UDP.
    #[arg(short = 'u', long, conflicts_with_all = ["proxy", "retry_for", "no_shutdown", "shutdown", "exit_on_close",
          "recv_only"])]
    pub udp: bool,
    /// With -u: HOST may stand for all machines of a network, and all of them may answer
    #[arg(long, hide_short_help = true, requires = "udp")]
    pub broadcast: bool,
}

#[derive(Debug, Args)]
pub struct ListenDatagrams {
    /// Serve datagrams: UDP, or a Unix socket of that type
    ///
    /// A listener on the address of a multicast group joins it.
    #[arg(short = 'u', long, conflicts_with_all = ["proxy", "retry_for", "no_shutdown", "shutdown", "exit_on_close",
          "once"])]
    pub udp: bool,
}

impl Connect {
    /// Whether datagrams are exchanged.
    ///
    /// # Errors
    /// Something is to protect them.
    pub fn is_udp(&self) -> Result<bool, Error> {
        let is_tls = self.tls.is_asked_for() || self.probe.needs_tls();
        checked(self.datagrams.udp, is_tls)
    }
}

impl Listen {
    /// As [`Connect::is_udp`].
    pub fn is_udp(&self) -> Result<bool, Error> {
        checked(self.datagrams.udp, self.tls.is_asked_for() || self.forward.is_tls())
    }
}

fn checked(udp: bool, is_tls: bool) -> Result<bool, Error> {
    if udp && is_tls {
        return Err(Error::invalid("--udp", "TLS over datagrams (DTLS) is not supported"));
    }
    Ok(udp)
}
