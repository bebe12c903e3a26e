//! `-z`: sets up a connection to each port, reports it and closes it, many at once.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use astream::{
    Certificate, ConnectOptions, DatagramOptions, Endpoint, Error, Probed, probe, probe_datagrams,
};
use tokio::task::JoinSet;

use crate::cli::Connect;
use crate::descriptors;
use crate::expiry::{self, Margin};
use crate::report::{self, Checked, Ending, Event};
use crate::stdout::Stdout;

/// How many ports are probed at once; fewer if descriptors are few.
const AT_ONCE: u64 = 100;

/// How a port is probed.
#[derive(Clone)]
pub enum Probing {
    Connection(Box<ConnectOptions>),
    /// An empty message, and how long its answer is waited for.
    Datagram(DatagramOptions, Duration),
}

impl Probing {
    /// Looks the name up that several ports have in common.
    async fn resolved(self, endpoint: &Endpoint) -> Result<Self, Error> {
        match self {
            Self::Connection(options) => {
                options.resolved(endpoint).await.map(|options| Self::Connection(Box::new(options)))
            }
            Self::Datagram(options, wait) => {
                options.resolved(endpoint).await.map(|options| Self::Datagram(options, wait))
            }
        }
    }

    async fn probe(&self, endpoint: &Endpoint) -> Probed {
        match self {
            Self::Connection(options) => probe(endpoint, options).await,
            Self::Datagram(options, wait) => probe_datagrams(endpoint, options, *wait).await,
        }
    }
}

/// Probes every port, and reports them in order. The status is the highest of all.
pub async fn run(args: &Connect, endpoints: Vec<Endpoint>, mut how: Probing) -> anyhow::Result<Ending> {
    if let [first, _, ..] = &endpoints[..] {
        how = how.resolved(first).await?;
    }
    let mut waiting = endpoints.into_iter().enumerate();
    let at_once = descriptors::raise_limit().map_or(AT_ONCE, |limit| (limit / 4).min(AT_ONCE));
    let (mut asked, mut done) = (JoinSet::new(), BTreeMap::new());
    let (mut next, mut worst) = (0, 0);
    loop {
        while (asked.len() as u64) < at_once
            && let Some((index, endpoint)) = waiting.next()
        {
            let how = how.clone();
            asked.spawn(async move { (index, how.probe(&endpoint).await) });
        }
        let Some(finished) = asked.join_next().await else { break };
        let (index, probed) = finished?;
        done.insert(index, probed);
        while let Some(probed) = done.remove(&next) {
            next += 1;
            worst = worst.max(report(args, probed)?);
        }
    }
    Ok(Ending::Status(worst))
}

/// Reports what was found, and returns the status.
///
/// # Errors
/// An error of the request rather than of one port; or stdout cannot be written.
fn report(args: &Connect, probed: Probed) -> anyhow::Result<u8> {
    if let Some(error @ (Error::Resolve { .. } | Error::Invalid { .. } | Error::File { .. })) = probed.error {
        return Err(error.into());
    }
    let tls = probed.found.as_ref().and_then(|found| found.tls.as_ref());
    if let Some(tls) = tls.filter(|_| args.tls.insecure) {
        report::unverified(tls);
    }
    let flaw = args.probe.expires_within.and_then(|margin| ends_too_soon(&probed, margin));
    let checked = Checked { probed, flaw };
    let printed = if args.probe.show_certs {
        report::report(&Event::Probed(&checked));
        show(checked.probed.certificates())
    } else {
        report::print(&Event::Probed(&checked))
    };
    printed.map_err(|cause| Error::local("write to stdout", cause))?;
    Ok(checked.status())
}

/// The message if certificates are not valid for `margin`: those of the verified path, or the server's own if
/// nothing was verified.
fn ends_too_soon(probed: &Probed, margin: Margin) -> Option<String> {
    let tls = probed.found.as_ref()?.tls.as_ref().filter(|_| probed.error.is_none())?;
    let path = match &tls.verified_path[..] {
        [] => tls.peer_certificates.get(..1).unwrap_or_default(),
        path => path,
    };
    expiry::flaw(path, margin, SystemTime::now()).map(|flaw| format!("{flaw} (--expires-within)"))
}

/// The chain in PEM, each certificate with its subject and issuer before it.
fn show(certificates: &[Certificate]) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(Stdout);
    for (index, certificate) in certificates.iter().enumerate() {
        writeln!(stdout, "{index:2} s:{}", certificate.subject())?;
        writeln!(stdout, "   i:{}", certificate.issuer())?;
        stdout.write_all(certificate.to_pem().as_bytes())?;
    }
    stdout.flush()
}
