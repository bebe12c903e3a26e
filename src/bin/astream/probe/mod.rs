//! `-z`: sets up a connection to each port, reports it and closes it, many at once.

mod probing;
mod repeat;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use astream::{Certificate, Endpoint, Error, Probed};
use tokio::task::JoinSet;

use crate::cli::Connect;
use crate::descriptors;
use crate::expiry::{self, Margin};
use crate::report::{self, Checked, Ending, Event};
use crate::stdout::Stdout;
pub use probing::Probing;

/// How many ports are probed at once; fewer if descriptors are few.
const AT_ONCE: u64 = 100;

/// Probes every port once, or again and again.
pub async fn run(args: &Connect, mut endpoints: Vec<Endpoint>, mut how: Probing) -> anyhow::Result<Ending> {
    let mut repeat = args.probe.repeat();
    if let Some(first) = endpoints.first().filter(|_| endpoints.len() > 1 || repeat.is_some()) {
        how = how.resolved(first).await;
    }
    if let Probing::Failed(_) = how {
        // The first port stands for all: its line says why.
        endpoints.truncate(1);
        repeat = None;
    }
    let at_once = descriptors::raise_limit().map_or(AT_ONCE, |limit| (limit / 4).min(AT_ONCE));
    let prober = Prober { args, endpoints, how: Arc::new(how), at_once };
    match repeat {
        Some(repeat) => repeat::run(&prober, repeat).await,
        None => prober.once().await.map(Ending::Status),
    }
}

/// What is probed, and how.
struct Prober<'a> {
    args: &'a Connect,
    endpoints: Vec<Endpoint>,
    how: Arc<Probing>,
    /// How many ports are probed at once.
    at_once: u64,
}

impl Prober<'_> {
    /// Probes every port. The status is the highest of all.
    async fn once(&self) -> anyhow::Result<u8> {
        let mut worst = 0;
        self.round(true, |_, checked| worst = worst.max(checked.status())).await?;
        Ok(worst)
    }

    /// Probes every port once, and reports them in their order; `seen` gets each with its index. What `--insecure`
    /// accepts is said in the first round.
    ///
    /// # Errors
    /// An error of the request rather than of one port; or stdout cannot be written.
    async fn round(&self, is_first: bool, mut seen: impl FnMut(usize, &Checked)) -> anyhow::Result<()> {
        let mut waiting = self.endpoints.iter().enumerate();
        let (mut asked, mut done, mut next) = (JoinSet::new(), BTreeMap::new(), 0);
        let mut stdout = io::BufWriter::new(Stdout);
        loop {
            while (asked.len() as u64) < self.at_once
                && let Some((index, endpoint)) = waiting.next()
            {
                let (endpoint, how) = (endpoint.clone(), Arc::clone(&self.how));
                // Boxed: its state is large, and starting a task moves what it is given several times.
                asked.spawn(Box::pin(async move { (index, how.probe(&endpoint).await) }));
            }
            let mut finished = asked.try_join_next();
            if finished.is_none() {
                // What is known is shown before more is waited for.
                stdout.flush().map_err(unwritable)?;
                finished = asked.join_next().await;
            }
            let Some(finished) = finished else { return Ok(()) };
            let (index, probed) = finished?;
            done.insert(index, probed);
            while let Some(probed) = done.remove(&next) {
                seen(next, &self.report(probed, is_first, &mut stdout)?);
                next += 1;
            }
        }
    }

    /// Reports what was found.
    fn report(&self, probed: Probed, is_first: bool, stdout: &mut impl Write) -> anyhow::Result<Checked> {
        let args = self.args;
        if let Some(error @ (Error::Invalid { .. } | Error::File { .. })) = probed.error {
            return Err(error.into());
        }
        let tls = probed.found.as_ref().and_then(|found| found.tls.as_ref());
        if let Some(tls) = tls.filter(|_| args.tls.insecure && is_first) {
            report::unverified(tls);
        }
        let flaw = args.probe.expires_within.and_then(|margin| ends_too_soon(&probed, margin));
        let checked = Checked { probed, flaw, is_retried: args.reach.may_wait() };
        let printed = if args.probe.show_certs {
            report::report(&Event::Probed(&checked));
            let heading = (self.endpoints.len() > 1).then_some(&checked.probed.endpoint);
            show(heading, checked.probed.certificates(), stdout)
        } else {
            report::print(&Event::Probed(&checked), stdout)
        };
        printed.map_err(unwritable)?;
        Ok(checked)
    }
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

/// The chain in PEM, each certificate with its subject and issuer before it; below whose it is, if that must be said.
fn show(of: Option<&Endpoint>, certificates: &[Certificate], stdout: &mut impl Write) -> io::Result<()> {
    if let Some(endpoint) = of {
        writeln!(stdout, "{endpoint}")?;
    }
    for (index, certificate) in certificates.iter().enumerate() {
        writeln!(stdout, "{index:2} s:{}", certificate.subject())?;
        writeln!(stdout, "   i:{}", certificate.issuer())?;
        stdout.write_all(certificate.to_pem().as_bytes())?;
    }
    Ok(())
}

fn unwritable(cause: io::Error) -> Error {
    Error::local("write to stdout", cause)
}
