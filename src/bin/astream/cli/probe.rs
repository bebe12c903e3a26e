//! Probing: which ports are open, and what they present.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueHint};

use super::units;
use crate::expiry::Margin;

/// Options about bytes, where the program exchanges none.
pub(super) const EXCHANGE: [&str; 14] = [
    "crlf",
    "raw",
    "idle_timeout",
    "max_time",
    "limit_rate",
    "send_only",
    "recv_only",
    "no_shutdown",
    "shutdown",
    "exit_on_close",
    "dump",
    "capture",
    "sha256",
    "progress",
];

#[derive(Debug, Default, Args)]
#[command(next_help_heading = super::reach::HEADING)]
#[command(group = ArgGroup::new("probing").multiple(true).args(["probe", "show_certs", "expires_within"]))]
pub struct ProbeOptions {
    /// See whether it is open; also --every, --count, --retry-for
    ///
    /// No byte is sent but those of TLS and STARTTLS. PORT may be a list with ranges, whose ports are tried in parallel: 20-25,443. The report is on stdout.
    #[arg(short = 'z', long, conflicts_with_all = EXCHANGE, conflicts_with = "command")]
    probe: bool,
    /// Print the server's certificates (PEM), trusted or not; the report goes to stderr; implies -z --tls
    #[arg(long, hide_short_help = true, group = "tls", conflicts_with_all = EXCHANGE)]
    pub show_certs: bool,
    /// Fail if a certificate that was verified, the root's included, ends within TIME (30d), or within N% of
    /// the lifetime of the server's own certificate; implies -z --tls [default: 0s, which is what TLS itself demands]
    #[arg(long, hide_short_help = true, value_name = "TIME|N%", value_hint = ValueHint::Other, value_parser = margin, group = "tls",
          conflicts_with_all = EXCHANGE)]
    pub expires_within: Option<Margin>,
    /// Probe again each TIME, with a summary at the end or after ^C [default: once; with --count 1s]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_hint = ValueHint::Other, value_parser = interval,
          requires = "probing", conflicts_with_all = ["show_certs", "retry_for"])]
    every: Option<Duration>,
    /// Probe N times, with a summary at the end or after ^C [default: once; with --every without end]
    #[arg(long, hide_short_help = true, value_name = "N", value_hint = ValueHint::Other, requires = "probing",
          value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["show_certs", "retry_for"])]
    count: Option<u64>,
}

/// How often a probe is repeated.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    pub every: Duration,
    /// None is without end.
    pub count: Option<u64>,
}

impl ProbeOptions {
    /// Whether to probe.
    pub fn is_asked(&self) -> bool {
        self.probe || self.needs_tls()
    }

    /// Whether it is repeated.
    pub fn repeat(&self) -> Option<Repeat> {
        let every = self.every.or(self.count.map(|_| Duration::from_secs(1)))?;
        Some(Repeat { every, count: self.count })
    }

    /// Whether it cannot be done without TLS.
    pub fn needs_tls(&self) -> bool {
        self.show_certs || self.expires_within.is_some()
    }
}

/// A time between two probes.
fn interval(text: &str) -> Result<Duration, String> {
    match units::time(text)? {
        Duration::ZERO => Err("without a pause a probe is an attack; write 1ms or more".to_owned()),
        time => Ok(time),
    }
}

/// A time with its unit, or a part of a lifetime. The unit is required, because a bare number could mean days
/// or seconds.
fn margin(text: &str) -> Result<Margin, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: Option<f64> = number.parse().ok().filter(|_| is_number);
    match value {
        Some(percent) if text.ends_with('%') && percent <= 100.0 => Ok(Margin::Percent(percent)),
        Some(_) if text.ends_with('%') => Err("a part of the lifetime is at most 100%".to_owned()),
        Some(bare) if bare > 0.0 => Err(format!("days or seconds? write {}", with_unit(text, bare)?)),
        // A bare number is refused here.
        _ => units::time(text)
            .map(Margin::Time)
            .map_err(|reason| reason.replace("; seconds if bare", "; or a number with %")),
    }
}

/// The bare number with the unit that is meant: what would be over a century of days is in seconds.
fn with_unit(text: &str, number: f64) -> Result<String, String> {
    if number <= 36_500.0 {
        return Ok(format!("{text}d"));
    }
    let days = units::time(&format!("{text}s"))?.as_secs_f64() / 86400.0;
    let days = format!("{days:.1}");
    Ok(format!("{text}s (that is {}d)", days.trim_end_matches(".0")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_margin_has_a_unit() {
        let days = |days: u64| Ok(Margin::Time(Duration::from_secs(days * 24 * 60 * 60)));
        for (text, wanted) in [
            ("30d", days(30)),
            ("48h", days(2)),
            ("0", days(0)),
            ("33%", Ok(Margin::Percent(33.0))),
            ("0.5%", Ok(Margin::Percent(0.5))),
            ("100%", Ok(Margin::Percent(100.0))),
            ("30", Err("days or seconds? write 30d".to_owned())),
            ("36500", Err("days or seconds? write 36500d".to_owned())),
            ("2592000", Err("days or seconds? write 2592000s (that is 30d)".to_owned())),
            ("99999", Err("days or seconds? write 99999s (that is 1.2d)".to_owned())),
            ("9999999999", Err("that is over a century".to_owned())),
            ("2.5", Err("days or seconds? write 2.5d".to_owned())),
        ] {
            assert_eq!(margin(text), wanted, "{text}");
        }
        for text in ["", "%", "-1%", "101%", "1e1%", "1.2.3%", "nan%", "d", "soon"] {
            assert!(margin(text).is_err(), "{text}");
        }
    }
}
