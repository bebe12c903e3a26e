//! What is sent and received, and what ends it.

use std::time::Duration;

use astream::handlers::Exchange;
use clap::{Args, ValueHint};

use super::units::{self, Limit};

/// How long a session of datagrams may be idle.
const SESSION: Duration = Duration::from_secs(60);

/// The options that are about stdin and stdout, which handlers without them do not have.
pub(super) const OPTIONS: [&str; 7] =
    ["crlf", "raw", "send_only", "recv_only", "no_shutdown", "shutdown", "exit_on_close"];

#[derive(Debug, Default, Args)]
#[command(next_help_heading = None::<&str>)]
pub struct ExchangeOptions {
    /// Send CRLF for LF; a CRLF stays one
    #[arg(short = 'C', long, hide_short_help = true)]
    crlf: bool,
    /// On a terminal, print what is received as it comes, control characters included
    ///
    /// By default a terminal is not given what it would act upon: control characters but tab, line feed and carriage
    /// return, and characters that change the direction of writing, are shown as escapes (\u{1b}), and so are bytes that
    /// are not UTF-8 (\xff). What is no terminal always gets every byte as it came.
    #[arg(long, hide_short_help = true, conflicts_with = "send_only")]
    raw: bool,
    /// Limit of silence: status 5 [default: none]
    ///
    /// It is the time in which nothing moves either way while the network is waited for, or a stdin that gives nothing; it resets that connection only; 0: no limit. With -u it is no error after the end
    /// of stdin, but the end [default: 1s]; a listener with -u ends a session after it [default: 60s].
    #[arg(short = 'i', long, value_name = "TIME", value_hint = ValueHint::Other, value_parser = units::limit)]
    idle_timeout: Option<Limit>,
    /// Limit of the whole of a connection, not counting the set-up, which -w limits: status 5; 0: no limit
    /// [default: none]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = units::limit)]
    max_time: Option<Limit>,
    /// Limit of what goes each way, for each connection; 0: no limit [default: none]
    #[arg(long, hide_short_help = true, value_name = "RATE", value_hint = ValueHint::Other, conflicts_with = "udp",
          value_parser = units::rate)]
    limit_rate: Option<u64>,
    /// Send only: what the peer sends is dropped, until its end
    #[arg(long, hide_short_help = true, conflicts_with = "recv_only")]
    send_only: bool,
    /// Receive only; stdin is not read
    #[arg(long, hide_short_help = true)]
    recv_only: bool,
    /// Pass the end of stdin on only after the peer's end: the default with --starttls, and where stdin is closed
    #[arg(long, hide_short_help = true)]
    no_shutdown: bool,
    /// Pass the end of stdin on at once: the default otherwise
    #[arg(long, hide_short_help = true, overrides_with = "no_shutdown")]
    shutdown: bool,
    /// Leave when the peer closes, as from a terminal
    #[arg(long, hide_short_help = true)]
    exit_on_close: bool,
}

impl ExchangeOptions {
    /// The exchange that these options ask for. If they do not say whether the end of stdin is sent at once,
    /// `half_close` does.
    pub fn exchange(&self, half_close: bool) -> Exchange {
        Exchange::new()
            .send_only(self.send_only)
            .receive_only(self.recv_only)
            .half_close(self.shutdown || (half_close && !self.no_shutdown))
            .exit_on_close(self.exit_on_close)
            .crlf(self.crlf)
            .raw(self.raw)
    }

    /// Whether stdin goes on after the peer's end.
    pub fn reads_stdin(&self) -> bool {
        !self.recv_only && !self.exit_on_close
    }

    /// Whether what the peer sends is wanted.
    pub fn expects_an_answer(&self) -> bool {
        !self.send_only
    }

    /// The same of datagrams, which have no end: the time in which nothing comes after the end of stdin.
    pub fn of_datagrams(&self) -> Exchange {
        let exchange = self.exchange(true);
        match self.idle_timeout {
            Some(limit) => exchange.quiet_time(limit.get()),
            None => exchange,
        }
    }

    /// The idle limit of each session of datagrams; without the option it has one all the same.
    pub fn session_timeout(&self) -> Option<Duration> {
        self.idle_timeout.map_or(Some(SESSION), Limit::get)
    }

    pub fn limit_rate(&self) -> Option<u64> {
        self.limit_rate
    }

    pub fn max_time(&self) -> Option<Duration> {
        self.max_time.and_then(Limit::get)
    }

    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout.and_then(Limit::get)
    }
}
