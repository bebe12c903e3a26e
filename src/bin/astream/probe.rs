//! Ports that are asked and not talked to: each is set up, reported and closed, many at once.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use astream::{Certificate, ConnectOptions, Endpoint, Error, TlsFault, TlsInfo, open_connection};
use tokio::task::JoinSet;

use crate::cli::Connect;
use crate::expiry::{self, Margin};
use crate::report::{self, AlreadyTold, Event, Found, Probed};
use crate::stdout::Stdout;

/// How many ports are asked at once; fewer where descriptors are few.
const AT_ONCE: u64 = 100;

/// What a peer has to end its side, so that nothing it sends is answered with a reset.
const FAREWELL: Duration = Duration::from_secs(1);

/// Asks every port, and reports in their order. The status is the highest of all.
pub async fn run(args: &Connect, options: ConnectOptions) -> anyhow::Result<()> {
    let endpoints = args.address.endpoints()?;
    let mut options = options.close_timeout(FAREWELL);
    if let [first, _, ..] = &endpoints[..] {
        options = options.resolved(first).await?;
    }
    let mut waiting = endpoints.into_iter().enumerate();
    let at_once = crate::descriptor_limit().map_or(AT_ONCE, |limit| (limit / 4).min(AT_ONCE));
    let (mut asked, mut done) = (JoinSet::new(), BTreeMap::new());
    let (mut next, mut worst) = (0, 0);
    loop {
        while (asked.len() as u64) < at_once
            && let Some((index, endpoint)) = waiting.next()
        {
            let options = options.clone();
            asked.spawn(async move { (index, probe(endpoint, &options).await) });
        }
        let Some(finished) = asked.join_next().await else { break };
        let (index, probed) = finished?;
        done.insert(index, probed);
        while let Some(probed) = done.remove(&next) {
            next += 1;
            worst = worst.max(report(args, probed)?);
        }
    }
    if worst == 0 { Ok(()) } else { Err(AlreadyTold(worst).into()) }
}

async fn probe(endpoint: Endpoint, options: &ConnectOptions) -> Probed {
    let (reader, writer) = match open_connection(&endpoint, options).await {
        Ok(streams) => streams,
        Err(error) => return Probed { endpoint, found: None, error: Some(error) },
    };
    let (peer, local) = (reader.peer_addr().clone(), reader.local_addr().clone());
    let tls = reader.tls().cloned();
    // How a connection ends that was not wanted does not matter; but under TLS 1.3 it is only now that
    // a server says whether it likes our certificate.
    let error = match writer.wait_closed().await {
        Err(Error::Tls { reason, fault, .. }) => Some(failure(&endpoint, tls.as_ref(), reason, fault)),
        _ => None,
    };
    Probed { endpoint, found: Some(Found { peer, local, tls }), error }
}

/// Reports what was found and gives the status.
///
/// # Errors
/// What is wrong with the question rather than with one port; or stdout cannot be written.
fn report(args: &Connect, mut probed: Probed) -> anyhow::Result<u8> {
    if let Some(margin) = args.probe.expires_within {
        check_end(&mut probed, margin);
    }
    if let Some(error @ (Error::Resolve { .. } | Error::Invalid { .. } | Error::File { .. })) = probed.error {
        return Err(error.into());
    }
    let tls = probed.found.as_ref().and_then(|found| found.tls.as_ref());
    if let Some(tls) = tls.filter(|_| args.tls.insecure) {
        report::unverified(tls);
    }
    let printed = if args.probe.show_certs {
        report::tell(&Event::Probed(&probed));
        show(probed.certificates())
    } else {
        report::print(&Event::Probed(&probed))
    };
    printed.map_err(|cause| Error::local("write to stdout", cause))?;
    Ok(probed.error.as_ref().map_or(0, report::status))
}

/// Fails what was well so far if the certificates do not last for `margin`: those that verification has
/// built on, or the server's own where nothing was verified.
fn check_end(probed: &mut Probed, margin: Margin) {
    let tls = probed.found.as_ref().and_then(|found| found.tls.as_ref());
    let Some(tls) = tls.filter(|_| probed.error.is_none()) else { return };
    let path = match &tls.verified_path[..] {
        [] => tls.peer_certificates.get(..1).unwrap_or_default(),
        path => path,
    };
    if let Some(flaw) = expiry::flaw(path, margin, SystemTime::now()) {
        let reason = format!("{flaw} (--expires-within)");
        probed.error = Some(failure(&probed.endpoint, Some(tls), reason, TlsFault::Other));
    }
}

/// An open port that is not as it should be.
fn failure(endpoint: &Endpoint, tls: Option<&TlsInfo>, reason: String, fault: TlsFault) -> Error {
    let peer_certificates = tls.map(|tls| tls.peer_certificates.clone()).unwrap_or_default();
    Error::tls(format!("TLS with {endpoint}"), reason).with_certificates(peer_certificates).with_fault(fault)
}

/// The chain in PEM, with whose each is before it.
fn show(certificates: &[Certificate]) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(Stdout);
    for (index, certificate) in certificates.iter().enumerate() {
        writeln!(stdout, "{index:2} s:{}", certificate.subject())?;
        writeln!(stdout, "   i:{}", certificate.issuer())?;
        stdout.write_all(certificate.to_pem().as_bytes())?;
    }
    stdout.flush()
}
