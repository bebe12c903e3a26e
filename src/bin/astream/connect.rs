//! One connection, one handler.

use std::time::{Duration, Instant};

use astream::handlers::{Exchange, Handler, Outcome, Stdio};
use astream::{Answer, ConnectOptions, Error, open_connection};

use crate::cli::Connect;
use crate::probe;
use crate::report;

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
    let (peer, is_tls) = (reader.peer_addr().clone(), reader.tls().is_some());
    let outcome = handler.handle(reader, writer).await;
    report::closed(&peer, &outcome, start);
    if !is_tls && outcome.totals.is_tls_alert {
        report::speaks_tls(&peer);
    }
    if is_tls && args.exchange.expects_an_answer() && is_unanswered(&outcome) {
        report::unanswered();
    }
    Ok(outcome.result?)
}

/// A peer that ends so soon after us has ended because of us.
const MOMENT: Duration = Duration::from_secs(1);

/// Whether the peer has sent nothing since our last bytes, and has ended at our end: servers do that which take
/// our end for a hang-up.
fn is_unanswered(outcome: &Outcome) -> bool {
    let is_none = |answer: Answer| answer.received == 0 && answer.end < MOMENT;
    outcome.result.is_ok() && outcome.totals.answer.is_some_and(is_none)
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
        .timeout(args.timeout.get());
    if let Some(tls) = args.tls.client(args.probe.needs_tls())? {
        options = options.tls(tls);
    }
    if let Some(protocol) = args.tls.starttls {
        options = options.starttls(protocol);
    }
    Ok(options)
}
