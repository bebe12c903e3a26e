//! TLS: what is trusted, and what is presented.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use astream::{Error, Identity, Pin, StartTls, TlsClient, TlsServer, TlsVersion};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, ValueHint};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "TLS", group = ArgGroup::new("tls").multiple(true),
          group = ArgGroup::new("verifying").multiple(true).args(["from_start", "starttls", "show_certs", "expires_within", "proxy"]),
          group = ArgGroup::new("any_tls").multiple(true).args(["from_start", "starttls"]))]
pub struct ClientTls {
    /// Speak TLS; chain and name are verified
    #[arg(long = "tls", group = "tls")]
    from_start: bool,
    /// Speak TLS once the server agreed, asked in the protocol PROTO [default: none]
    #[arg(long, hide_short_help = true, value_name = "PROTO", group = "tls", value_parser = protocol())]
    pub starttls: Option<StartTls>,
    /// Trust the certificates in FILE [default: the system's]
    ///
    /// Of a root, of an authority below it, or of the server itself. May be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "verifying")]
    pub cacert: Vec<PathBuf>,
    /// Our certificate and chain, if asked for one (PEM) [default: none]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    cert: Option<PathBuf>,
    /// Its key (PEM) [default: in the file of --cert]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    key: Option<PathBuf>,
    /// The name to ask for and to verify [default: HOST]
    #[arg(long, hide_short_help = true, value_name = "NAME", value_hint = ValueHint::Hostname, requires = "tls")]
    servername: Option<String>,
    /// Trust this key alone: sha256//BASE64 [default: none]
    ///
    /// It is that of the server's own certificate, whose chain, name and dates then do not count. May be repeated.
    #[arg(long, value_name = "PIN", value_hint = ValueHint::Other, requires = "tls", conflicts_with = "cacert")]
    pin: Vec<Pin>,
    /// Verify nothing
    #[arg(long, hide_short_help = true, requires = "tls", conflicts_with_all = ["cacert", "pin"])]
    pub insecure: bool,
    /// Refuse what a revocation list in FILE names (PEM); the server must have one of its issuer; may be repeated
    /// [default: none]
    ///
    /// Without it nothing is asked about revocation; OCSP is not spoken.
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls",
          conflicts_with_all = ["pin", "insecure"])]
    crl: Vec<PathBuf>,
    /// Only a key exchange that is safe from quantum computers is accepted
    #[arg(long, hide_short_help = true, requires = "tls")]
    pq: bool,
    #[command(flatten)]
    negotiation: Negotiation,
}

impl ClientTls {
    pub fn is_asked_for(&self) -> bool {
        self.from_start || self.starttls.is_some()
    }

    /// Our certificate, if there is one to show.
    pub fn own(&self) -> Result<Option<Own>, Error> {
        Own::read(self.cert.as_deref(), self.key.as_deref(), "--key")
    }

    /// `is_implied`: TLS is spoken though no option of these asks for it.
    pub fn client(&self, is_implied: bool, own: Option<&Own>) -> Option<TlsClient> {
        if !self.is_asked_for() && !is_implied {
            return None;
        }
        let ours = &self.negotiation;
        let mut client = TlsClient::new()
            .danger_no_verification(self.insecure)
            .versions(ours.versions())
            .alpn(&ours.alpn)
            .require_post_quantum(self.pq)
            .ignore_unexpected_eof(ours.ignore_unexpected_eof);
        client = self.cacert.iter().fold(client, TlsClient::roots);
        client = self.crl.iter().fold(client, TlsClient::revocations);
        client = own.iter().fold(client, |client, own| client.identity(own.identity.clone()));
        if let Some(name) = &self.servername {
            client = client.server_name(name);
        }
        Some(self.pin.iter().fold(client, |client, pin| client.pin(*pin)))
    }
}

pub fn protocol() -> impl TypedValueParser<Value = StartTls> {
    PossibleValuesParser::new(StartTls::ALL.iter().map(|protocol| protocol.name()))
        .try_map(|name| name.parse::<StartTls>())
}

#[derive(Args)]
#[command(next_help_heading = "TLS")]
pub struct ServerTls {
    /// Speak TLS; without --cert by a fresh key and its pin
    ///
    /// The command that a client needs, with the pin, is printed.
    #[arg(long)]
    tls: bool,
    /// Our certificate and chain (PEM) [default: see --tls]
    ///
    /// The key is in the same file, unless --key names another.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    cert: Option<PathBuf>,
    /// Its key (PEM); without --cert our own key, made if FILE is not there [default: in the file of --cert]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    key: Option<PathBuf>,
    /// Demand a client certificate issued under FILE [default: none]
    ///
    /// May be repeated.
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "tls")]
    cacert: Vec<PathBuf>,
    /// Refuse what a revocation list in FILE names (PEM); a client must have one of its issuer; may be repeated
    /// [default: none]
    #[arg(long, hide_short_help = true, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cacert")]
    crl: Vec<PathBuf>,
    #[command(flatten)]
    negotiation: Negotiation,
}

impl ServerTls {
    pub fn is_asked_for(&self) -> bool {
        self.tls
    }

    /// Our certificate, if there is one in a file.
    pub fn own(&self) -> Result<Option<Own>, Error> {
        Own::read(self.cert.as_deref(), self.key.as_deref(), "--key")
    }

    /// Without a certificate of ours one is made.
    pub fn server(&self, own: Option<&Own>) -> Result<Option<TlsServer>, Error> {
        if !self.tls {
            return Ok(None);
        }
        let identity = match (own, &self.key) {
            (Some(own), _) => own.identity.clone(),
            (None, Some(key)) => Identity::generate_in(key)?,
            (None, None) => Identity::generate()?,
        };
        let ours = &self.negotiation;
        let mut server = TlsServer::new(identity)
            .versions(ours.versions())
            .alpn(&ours.alpn)
            .ignore_unexpected_eof(ours.ignore_unexpected_eof);
        server = self.cacert.iter().fold(server, TlsServer::client_roots);
        Ok(Some(self.crl.iter().fold(server, TlsServer::client_revocations)))
    }

    /// Whether anything was read from a file that may have changed since.
    pub fn has_files(&self) -> bool {
        self.cert.is_some() || self.key.is_some() || !self.cacert.is_empty()
    }

    /// Whether an end without `close_notify` counts as one, on either side of a relay.
    pub fn ignores_unexpected_eof(&self) -> bool {
        self.negotiation.ignore_unexpected_eof
    }

    /// Whether clients can know the key by its pin only.
    pub fn is_pinned(&self) -> bool {
        self.tls && self.cert.is_none()
    }

    /// Whether clients must show a certificate.
    pub fn asks_clients(&self) -> bool {
        !self.cacert.is_empty()
    }

    /// The file of a key that is kept, if that is all there is.
    pub fn kept_key(&self) -> Option<&Path> {
        self.key.as_deref().filter(|_| self.is_pinned())
    }

    /// The options without which a client is refused.
    pub fn needed_of_clients(&self) -> Vec<String> {
        let mut options = Vec::new();
        if !self.cacert.is_empty() {
            options.extend(["--cert", "FILE", "--key", "FILE"].map(str::to_owned));
        }
        if !self.negotiation.alpn.is_empty() {
            options.extend(["--alpn".to_owned(), self.negotiation.alpn.join(",")]);
        }
        options
    }
}

/// What both commands negotiate with the peer.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
struct Negotiation {
    /// Application protocols, the best first; one must be agreed on (ALPN): h2,http/1.1; may be repeated [default: none]
    #[arg(long, hide_short_help = true, value_name = "LIST", value_hint = ValueHint::Other, value_delimiter = ',', requires = "tls")]
    alpn: Vec<String>,
    /// Lowest TLS version
    #[arg(long, hide_short_help = true, value_name = "VERSION", value_parser = Version, requires = "tls",
          default_value = "1.2")]
    tls_min: TlsVersion,
    /// Highest TLS version
    #[arg(long, hide_short_help = true, value_name = "VERSION", value_parser = Version, requires = "tls",
          default_value = "1.3")]
    tls_max: TlsVersion,
    #[arg(long, hide_short_help = true, help = "Accept an end without close_notify", requires = "any_tls")]
    ignore_unexpected_eof: bool,
}

impl Default for Negotiation {
    fn default() -> Self {
        let (tls_min, tls_max) = (TlsVersion::V1_2, TlsVersion::V1_3);
        Self { alpn: Vec::new(), tls_min, tls_max, ignore_unexpected_eof: false }
    }
}

impl Negotiation {
    fn versions(&self) -> RangeInclusive<TlsVersion> {
        self.tls_min..=self.tls_max
    }
}

/// Reads a version of TLS as it is written here, and as it is reported.
#[derive(Clone)]
struct Version;

impl TypedValueParser for Version {
    type Value = TlsVersion;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<TlsVersion, clap::Error> {
        version.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["1.2", "1.3"].into_iter().map(PossibleValue::new)))
    }
}

/// `1.3`, `TLSv1.3`, `tls1.3`
fn version(text: &str) -> Result<TlsVersion, &'static str> {
    let lower = text.to_ascii_lowercase();
    let number = lower.strip_prefix("tls").unwrap_or(&lower);
    let number = number.strip_prefix('v').unwrap_or(number);
    number.parse().map_err(|_| match number {
        "1" | "1.0" | "1.1" => "versions before 1.2 are unsafe, and not spoken",
        _ => "a version of TLS is 1.2 or 1.3",
    })
}

/// A certificate of ours that peers are shown, and the file that it is from. It is read once, because that may be a
/// pipe.
pub struct Own {
    pub file: PathBuf,
    pub identity: Identity,
}

impl Own {
    /// `option` is what names the file of the key.
    pub fn read(cert: Option<&Path>, key: Option<&Path>, option: &str) -> Result<Option<Self>, Error> {
        let Some(cert) = cert else { return Ok(None) };
        let mut identity = Identity::from_pem_files(cert, key.unwrap_or(cert));
        if let Err(Error::File { reason, .. }) = &mut identity
            && key.is_none()
            && reason.contains("no private key")
        {
            reason.extend([" (", option, " FILE)"]);
        }
        Ok(Some(Self { file: cert.to_owned(), identity: identity? }))
    }
}
