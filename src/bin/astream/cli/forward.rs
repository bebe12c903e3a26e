//! Where each connection is relayed to, and what is trusted there.

use std::path::PathBuf;

use astream::{Endpoint, Error, Pin, TlsClient};
use clap::{Args, ValueHint};

use super::address;

use super::tls;

#[derive(Args)]
pub struct ForwardOptions {
    /// Relay each connection to ADDRESS, HOST:PORT or unix:PATH, until stopped
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::Hostname, value_parser = address::parser(),
          conflicts_with_all = ["command", "echo", "keep_open", "send_only", "recv_only", "crlf", "no_shutdown", "shutdown",
                                "exit_on_close"])]
    forward: Vec<Endpoint>,
    /// Speak TLS to ADDRESS; chain and name are verified
    #[arg(long, hide_short_help = true, requires = "forward")]
    forward_tls: bool,
    /// Trust the certificates in FILE there, not the system's
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "forward_tls")]
    forward_cacert: Vec<PathBuf>,
    /// The name to ask for and to verify there
    #[arg(long, hide_short_help = true, value_name = "NAME", value_hint = ValueHint::Hostname, requires = "forward_tls")]
    forward_servername: Option<String>,
    /// Trust this key alone there: sha256//BASE64
    #[arg(
        long,
        hide_short_help = true,
        value_name = "PIN",
        value_hint = ValueHint::Other,
        requires = "forward_tls",
        conflicts_with = "forward_cacert"
    )]
    forward_pin: Vec<Pin>,
    /// Verify nothing there
    #[arg(long, hide_short_help = true, requires = "forward_tls",
          conflicts_with_all = ["forward_cacert", "forward_pin"])]
    pub forward_insecure: bool,
    /// Our certificate there, if asked for one (PEM)
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "forward_tls")]
    forward_cert: Option<PathBuf>,
    /// Its key (PEM), if not in the same file
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "forward_cert")]
    forward_key: Option<PathBuf>,
}

impl ForwardOptions {
    /// The target, if there is one.
    pub fn target(&self) -> Result<Option<&Endpoint>, Error> {
        match &self.forward[..] {
            [] => Ok(None),
            [target] => Ok(Some(target)),
            [_, second, ..] => {
                let reason = "a second --forward; each connection is relayed to one address";
                Err(Error::invalid(second, reason))
            }
        }
    }

    pub fn is_asked_for(&self) -> bool {
        !self.forward.is_empty()
    }

    pub fn is_tls(&self) -> bool {
        self.forward_tls
    }

    /// How to speak TLS to `target`.
    pub fn tls(&self, target: &Endpoint, ignore_unexpected_eof: bool) -> Result<Option<TlsClient>, Error> {
        if !self.forward_tls {
            return Ok(None);
        }
        if target.host().is_none() && self.forward_servername.is_none() && self.is_name_verified() {
            return Err(Error::invalid(
                target,
                "a certificate holds no path; name the server with --forward-servername",
            ));
        }
        let mut client = TlsClient::new()
            .danger_no_verification(self.forward_insecure)
            .ignore_unexpected_eof(ignore_unexpected_eof);
        client = self.forward_cacert.iter().fold(client, TlsClient::roots);
        if let Some(name) = &self.forward_servername {
            client = client.server_name(name);
        }
        if let Some(cert) = &self.forward_cert {
            client = client.identity(tls::identity(cert, self.forward_key.as_deref())?);
        }
        Ok(Some(self.forward_pin.iter().fold(client, |client, pin| client.pin(*pin))))
    }

    /// By whose certificates the target is verified, if not by those of the system.
    pub fn cacert(&self) -> &[PathBuf] {
        &self.forward_cacert
    }

    fn is_name_verified(&self) -> bool {
        !self.forward_insecure && self.forward_pin.is_empty()
    }
}
