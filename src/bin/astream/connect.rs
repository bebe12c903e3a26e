//! One connection, one handler.

use std::time::Instant;

use astream::handlers::{Handler, Stdio};
use astream::{ConnectOptions, open_connection};

use crate::cli::Connect;
use crate::report;

/// For those who look for a fault: the kernel's short cuts can be left out.
pub fn by_streams() -> bool {
    std::env::var_os("ASTREAM_NO_SPLICE").is_some()
}

pub fn run(args: &Connect) -> impl Future<Output = anyhow::Result<()>> + '_ {
    report::log(args.report, report::Default::Silent);
    async {
        let endpoint = args.address.endpoint()?;
        let mut options = ConnectOptions::new()
            .family(args.address.family())
            .numeric(args.address.numeric)
            .timeout(args.timeout);
        if let Some(tls) = args.tls.client()? {
            options = options.tls(tls);
        }
        if let Some(protocol) = args.tls.starttls {
            options = options.starttls(protocol);
        }
        if args.tls.insecure && !args.report.quiet {
            report::say("the server's certificate is not verified (--insecure): anybody may be answering");
        }
        let handler = Stdio::new(args.exchange.exchange()).may_block(true).by_streams(by_streams());
        let start = Instant::now();
        let (reader, writer) = open_connection(&endpoint, &options).await?;
        let outcome = handler.handle(reader, writer).await;
        report::totals(&endpoint.to_string(), &outcome, start);
        Ok(outcome.result?)
    }
}
