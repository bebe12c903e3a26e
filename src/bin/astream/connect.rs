//! `astream connect`: opens a connection and gives it to a handler.

use std::time::{Duration, Instant};

use anyhow::Context;
use astream::handlers::{Exchange, Handler, Outcome, Stdio};
use astream::{Answer, ConnectOptions, Endpoint, Error, Totals, open_connection};

use crate::boxed::boxed;
use crate::cli::Connect;
use crate::datagrams;
use crate::observe;
use crate::pass;
use crate::probe::{self, Probing};
use crate::report::{self, Connection, Ending};
use crate::signals::Signals;

pub async fn run(args: &Connect) -> anyhow::Result<Ending> {
    let is_udp = args.is_udp()?;
    if args.probe.is_asked() {
        return probe(args, is_udp).await;
    }
    let endpoint = args.address.endpoint()?;
    if is_udp {
        return boxed(|| datagrams::connect(args, &endpoint)).await.context(endpoint);
    }
    let options = options(args, &endpoint)?;
    if args.pass_fd {
        return boxed(|| pass::run(&endpoint, &options)).await;
    }
    let command = args.command.command()?;
    let is_command = command.is_some();
    let start = Instant::now();
    let (reader, writer) = open_connection(&endpoint, &options).await.with_context(|| endpoint.clone())?;
    let mut connection = Connection::connected(&reader, start);
    report::greet(&format!("connected to {}", connection.peer()));
    if let Some(tls) = reader.tls().filter(|_| args.tls.insecure) {
        report::unverified(tls);
    }
    let (traffic, is_tls) = (reader.traffic(), reader.tls().is_some());
    let mut signals = observe::signals(is_command)?;
    // A signal must find this task awake.
    let may_block = signals.is_none();
    let waits_for_stdin = !is_command && args.exchange.reads_stdin();
    let handling = async {
        match command {
            Some(command) => boxed(|| command.handle(reader, writer)).await,
            None => Stdio::new(exchange(args)).may_block(may_block).handle(reader, writer).await,
        }
    };
    let Outcome { result, status, .. } = tokio::select! {
        biased;
        outcome = handling => outcome,
        // What is dropped here aborts the connection, ends the command, and reports the totals.
        signal = Signals::next_of(&mut signals) => return Ok(signal),
        never = report::waiting::for_stdin(&traffic), if waits_for_stdin => never,
        never = report::waiting::for_silence(&traffic, args.unlimited_silence()) => never,
    };
    let totals = connection.closed(None, result.as_ref().err());
    if !is_tls && totals.is_tls_alert {
        report::speaks_tls(connection.peer());
        if result.is_ok() {
            // What was sent has not been understood.
            return Ok(Ending::Status(6));
        }
    }
    // A plain server that answers nothing is often one that receives a file.
    let may_hang_up = is_tls || !options.proxies().is_empty() || args.report.verbose > 0;
    if may_hang_up
        && !is_command
        && result.is_ok()
        && args.exchange.expects_an_answer()
        && is_unanswered(totals)
    {
        report::unanswered();
    } else if !is_command && result.is_ok() {
        report::greet("the peer has closed the connection");
    }
    Ending::of(result, status).context(endpoint)
}

async fn probe(args: &Connect, is_udp: bool) -> anyhow::Result<Ending> {
    let endpoints = args.address.endpoints()?;
    let Some(first) = endpoints.first() else { return Ok(Ending::Status(0)) };
    let how = if is_udp {
        Probing::Datagram(Box::new(datagrams::options(args)), args.reach.answer_timeout())
    } else {
        Probing::Connection(Box::new(options(args, first)?))
    };
    boxed(|| probe::run(args, endpoints, how)).await
}

/// If the peer's end comes this soon after ours, it was caused by ours.
const MOMENT: Duration = Duration::from_secs(1);

/// Whether the peer has sent nothing since our last bytes, and has ended right after our end, as servers do
/// that treat it as a hang-up.
fn is_unanswered(totals: Totals) -> bool {
    let is_silent = |Answer { received, end, .. }| received == 0 && end < MOMENT;
    totals.sent <= report::waiting::A_QUESTION && totals.answer.is_some_and(is_silent)
}

/// Mail and directory servers treat our end as a hang-up and do not answer, so under STARTTLS it is sent
/// after theirs.
fn exchange(args: &Connect) -> Exchange {
    args.exchange.exchange(args.tls.starttls.is_none())
}

/// How to reach the target; of several ports of one host the first stands for all.
fn options(args: &Connect, target: &Endpoint) -> Result<ConnectOptions, Error> {
    let idle = args.exchange.idle_timeout();
    let mut options = args
        .reach
        .options(target, &args.tls.cacert)?
        .family(args.address.family())
        .idle_timeout(idle)
        .max_time(args.exchange.max_time())
        .limit_rate(args.exchange.limit_rate());
    options = observe::connecting(options);
    let own = args.tls.own()?;
    own.iter().for_each(report::refused_by_servers);
    if let Some(tls) = args.tls.client(args.probe.needs_tls(), own.as_ref()) {
        options = options.tls(tls);
    }
    if let Some(protocol) = args.tls.starttls {
        options = options.starttls(protocol);
    }
    Ok(options)
}
