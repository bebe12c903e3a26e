//! One connection, one handler.

use std::time::{Duration, Instant};

use astream::handlers::{Exchange, Handler, Stdio};
use astream::{ConnectOptions, Error, open_connection};

use crate::cli::Connect;
use crate::probe;
use crate::report;

/// A limit that is never reached.
pub const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// For those who look for a fault: the kernel's short cuts can be left out.
pub fn by_streams() -> bool {
    std::env::var_os("ASTREAM_NO_SPLICE").is_some()
}

pub async fn run(args: &Connect) -> anyhow::Result<()> {
    let options = options(args)?;
    if args.probe.is_asked() {
        return probe::run(args, options).await;
    }
    let endpoint = args.address.endpoint()?;
    let handler = Stdio::new(exchange(args)).may_block(true).by_streams(by_streams());
    let start = Instant::now();
    let (reader, writer) = open_connection(&endpoint, &options).await?;
    report::opened(&reader, false);
    if let Some(tls) = reader.tls().filter(|_| args.tls.insecure) {
        report::unverified(tls);
    }
    let (peer, is_plain) = (reader.peer_addr().clone(), reader.tls().is_none());
    let outcome = handler.handle(reader, writer).await;
    report::closed(&peer, &outcome, start);
    if is_plain && outcome.totals.is_tls_alert {
        report::speaks_tls(&peer);
    }
    Ok(outcome.result?)
}

/// Mail and directory servers take our end for a hang-up and answer nothing, so under STARTTLS it comes
/// after theirs.
fn exchange(args: &Connect) -> Exchange {
    args.exchange.exchange(args.tls.starttls.is_none())
}

fn options(args: &Connect) -> Result<ConnectOptions, Error> {
    let mut options = ConnectOptions::new()
        .family(args.address.family())
        .numeric(args.address.numeric)
        .timeout(args.timeout.get().unwrap_or(FOREVER));
    if let Some(tls) = args.tls.client(args.probe.needs_tls())? {
        options = options.tls(tls);
    }
    if let Some(protocol) = args.tls.starttls {
        options = options.starttls(protocol);
    }
    Ok(options)
}
