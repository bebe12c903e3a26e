//! Where each connection is relayed to, and what is trusted there.

use std::path::PathBuf;

use astream::handlers::Forward;
use astream::{ConnectOptions, Endpoint, Error, Pin, ProxyProtocol, StartTls, TlsClient};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, ValueHint};

use super::{Listen, Own, address, tls};

/// What fits a line, and the rest.
const HELP: &str = "Relay to ADDRESS, HOST:PORT or unix:PATH";
const LONG_HELP: &str = "\
Relay to ADDRESS, HOST:PORT or unix:PATH [default: none]

Each connection is relayed to one of its own, until stopped; that a relay is open does not say that ADDRESS is. Given again, it is the next address, which is tried if those before it cannot be reached.";

#[derive(Args)]
#[command(next_help_heading = "Forwarding")]
#[command(group = ArgGroup::new("target_tls").multiple(true).args(["forward_tls", "forward_starttls"]))]
pub struct ForwardOptions {
    #[arg(long, help_heading = "Serving", help = HELP, long_help = LONG_HELP, value_name = "ADDRESS", value_hint = ValueHint::Hostname, value_parser = address::parser(),
          conflicts_with_all = ["command", "echo", "keep_open", "send_only", "recv_only", "crlf", "raw", "no_shutdown", "shutdown",
                                "exit_on_close"])]
    forward: Vec<Endpoint>,
    /// Each connection begins with the next ADDRESS in turn
    #[arg(long, hide_short_help = true, requires = "forward")]
    pub balance: bool,
    /// Send ADDRESS a header of the PROXY protocol first, with the client's addresses [default: none]
    #[arg(long, hide_short_help = true, value_name = "VERSION", value_parser = version(), requires = "forward",
          conflicts_with = "udp")]
    pub forward_proxy_protocol: Option<ProxyProtocol>,
    /// Speak TLS to ADDRESS; chain and name are verified
    #[arg(long, hide_short_help = true, requires = "forward")]
    forward_tls: bool,
    /// Speak TLS to ADDRESS once it agreed, asked in the protocol PROTO [default: none]
    #[arg(long, hide_short_help = true, value_name = "PROTO", value_parser = tls::protocol(), requires = "forward")]
    pub forward_starttls: Option<StartTls>,
    /// Trust the certificates in FILE there; may be repeated [default: the system's]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "target_tls")]
    forward_cacert: Vec<PathBuf>,
    /// The name to ask for and to verify there [default: the host of ADDRESS]
    #[arg(long, hide_short_help = true, value_name = "NAME", value_hint = ValueHint::Hostname, requires = "target_tls")]
    forward_servername: Option<String>,
    /// Trust this key alone there: sha256//BASE64; may be repeated [default: none]
    #[arg(
        long,
        hide_short_help = true,
        value_name = "PIN",
        value_hint = ValueHint::Other,
        requires = "target_tls",
        conflicts_with = "forward_cacert"
    )]
    forward_pin: Vec<Pin>,
    /// Verify nothing there
    #[arg(long, hide_short_help = true, requires = "target_tls",
          conflicts_with_all = ["forward_cacert", "forward_pin"])]
    pub forward_insecure: bool,
    /// Our certificate there, if asked for one (PEM) [default: none]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "target_tls")]
    forward_cert: Option<PathBuf>,
    /// Its key (PEM) [default: in the file of --forward-cert]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "forward_cert")]
    forward_key: Option<PathBuf>,
}

impl ForwardOptions {
    /// The targets, in the order in which they are tried.
    pub fn targets(&self) -> &[Endpoint] {
        &self.forward
    }

    pub fn is_asked_for(&self) -> bool {
        !self.forward.is_empty()
    }

    pub fn is_tls(&self) -> bool {
        self.forward_tls || self.forward_starttls.is_some()
    }

    /// Our certificate for the targets, if there is one to show.
    pub fn own(&self) -> Result<Option<Own>, Error> {
        Own::read(self.forward_cert.as_deref(), self.forward_key.as_deref(), "--forward-key")
    }

    /// How to speak TLS to `target`.
    fn tls(
        &self,
        target: &Endpoint,
        own: Option<&Own>,
        ignore_unexpected_eof: bool,
    ) -> Result<Option<TlsClient>, Error> {
        if !self.is_tls() {
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
        client = own.iter().fold(client, |client, own| client.identity(own.identity.clone()));
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

impl Listen {
    /// A relay to the targets, if there are any, each reached as `options_of` makes of what the command line says, and
    /// shown our own certificate.
    pub fn forwarding(
        &self,
        own: Option<&Own>,
        options_of: impl Fn(ConnectOptions) -> ConnectOptions,
    ) -> Result<Option<Forward>, Error> {
        let mut all: Option<Forward> = None;
        for target in self.forward.targets() {
            let options = self.reach.options(target, self.forward.cacert())?;
            let mut options = options_of(options.idle_timeout(self.exchange.idle_timeout()));
            if let Some(tls) = self.forward.tls(target, own, self.tls.ignores_unexpected_eof())? {
                options = options.tls(tls);
            }
            if let Some(protocol) = self.forward.forward_starttls {
                options = options.starttls(protocol);
            }
            all = Some(match all {
                None => Forward::new(target.clone(), options)?.balance(self.forward.balance),
                Some(before) => before.to(target.clone(), options)?,
            });
        }
        let version = self.forward.forward_proxy_protocol;
        Ok(all.map(|all| version.into_iter().fold(all, Forward::proxy_protocol)))
    }
}

fn version() -> impl TypedValueParser<Value = ProxyProtocol> {
    PossibleValuesParser::new(["v1", "v2"]).try_map(|text| text.parse::<ProxyProtocol>())
}
