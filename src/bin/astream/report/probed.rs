//! The report on a port that was probed.

use std::fmt;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use astream::{Attempt, Endpoint, Error, Found, ProbeSeries, Probed, Spread, Step};

use super::exit::status;
use super::hint::{hint, hinted};

/// What was found at a port, and whether that is sufficient.
pub struct Checked {
    pub probed: Probed,
    /// What is wrong with certificates that TLS itself accepts.
    pub flaw: Option<String>,
    /// Whether it was tried again and again, so that its time is that of all tries.
    pub is_retried: bool,
}

/// What became of a probe, in one word for programs.
#[derive(Clone, Copy, PartialEq)]
pub enum State {
    Open,
    Refused,
    NoAnswer,
    Failed,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Failed => "failed",
        }
    }
}

impl Checked {
    pub fn status(&self) -> u8 {
        match (&self.flaw, &self.probed.error) {
            (Some(_), _) => 6,
            (None, error) => error.as_ref().map_or(0, status),
        }
    }

    pub fn state(&self) -> State {
        match (&self.flaw, &self.probed.error) {
            (None, None) => State::Open,
            (None, Some(Error::Connect { attempts, .. })) if attempts.iter().all(is_refusal) => {
                State::Refused
            }
            (None, Some(Error::Refused { .. })) => State::Refused,
            (None, Some(Error::Timeout { step: Step::Connect, .. } | Error::Unanswered { .. })) => {
                State::NoAnswer
            }
            _ => State::Failed,
        }
    }

    /// What is wrong, if anything is.
    pub fn message(&self) -> Option<String> {
        match &self.flaw {
            Some(flaw) => Some(format!("TLS with {}: {flaw}", self.probed.endpoint)),
            None => self.probed.error.as_ref().map(Error::to_string),
        }
    }

    pub fn hint(&self) -> Option<String> {
        self.probed.error.as_ref().and_then(hint)
    }

    /// The line for a person.
    pub fn text(&self) -> String {
        let (endpoint, took) = (&self.probed.endpoint, Took(self.probed.elapsed));
        let took = if self.is_retried { format!("gave up after {took}") } else { took.to_string() };
        match self.state() {
            State::Open => open(&self.probed),
            _ if self.is_of(|error| matches!(error, Error::Refused { .. })) => {
                format!("{endpoint}: closed, {took}")
            }
            _ if self.is_of(|error| matches!(error, Error::Unanswered { .. })) => {
                format!("{endpoint}: no answer: open or filtered, {took}")
            }
            State::Refused => format!("{endpoint}{}: refused, {took}", self.refusers()),
            State::NoAnswer => format!("{endpoint}: no answer, {took}"),
            State::Failed => {
                let message = of_target(&endpoint.to_string(), self.message().unwrap_or_default());
                hinted(&message, self.hint().as_deref())
            }
        }
    }

    /// Whether it has failed with such an error: a datagram says less of a port than a connection.
    fn is_of(&self, kind: impl Fn(&Error) -> bool) -> bool {
        self.probed.error.as_ref().is_some_and(kind)
    }

    /// The addresses of a name that refused.
    fn refusers(&self) -> String {
        let Some(Error::Connect { attempts, target, .. }) = &self.probed.error else { return String::new() };
        let addresses: Vec<_> = attempts.iter().map(|attempt| attempt.address.as_str()).collect();
        if addresses == [target] { String::new() } else { format!(" ({})", addresses.join(", ")) }
    }
}

fn is_refusal(attempt: &Attempt) -> bool {
    attempt.cause.kind() == ErrorKind::ConnectionRefused
}

/// The line of an open port.
fn open(probed: &Probed) -> String {
    let Some(found) = &probed.found else { return String::new() };
    let (endpoint, peer) = (probed.endpoint.to_string(), reached(found));
    let peer = if peer == endpoint { String::new() } else { format!(" ({peer})") };
    let connect = Took(found.connect);
    let Some(tls) = &found.tls else { return format!("{endpoint}{peer}: open, {connect}") };
    let own = tls.peer_certificates.first();
    let end = own.and_then(|own| Some((own.not_after()?, own.days_left(SystemTime::now())?)));
    let end = end.map_or_else(String::new, |(end, days)| format!(", certificate until {end} ({days} days)"));
    let handshake = Took(tls.handshake);
    format!("{endpoint}{peer}: open, {tls}{end}, connect {connect}, handshake {handshake}")
}

/// What stands in brackets after a target.
fn reached(found: &Found) -> String {
    match &found.proxies[..] {
        [] => found.peer.to_string(),
        proxies => {
            format!("through {}", proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The summary of a series for a person.
pub fn summary(endpoint: &Endpoint, series: &ProbeSeries) -> String {
    let (sent, answered, loss) = (series.sent(), series.answered(), Percent(series.loss()));
    let spread = |what: &str, spread: Option<Spread>| {
        spread.map_or_else(String::new, |spread| format!("; {what} {}", times(spread)))
    };
    let (connect, handshake) = (series.connect(), series.handshake());
    format!(
        "{endpoint}: {sent} sent, {answered} answered, {loss} loss{}{}",
        spread("connect", connect),
        spread("handshake", handshake)
    )
}

fn times(spread: Spread) -> String {
    let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1000.0);
    let all = [spread.min, spread.avg, spread.max, spread.deviation].map(ms);
    format!("min/avg/max/mdev {} ms", all.join("/"))
}

/// A part in percent, with a decimal where it is needed.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.1}", self.0 * 100.0);
        write!(f, "{}%", text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// A time with three digits: `0.123 ms`, `12.3 ms`, `1.23 s`.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (number, unit) = if seconds < 0.9995 { (seconds * 1000.0, "ms") } else { (seconds, "s") };
        let decimals = match number {
            ..0.9995 => 3,
            ..9.995 => 2,
            ..99.95 => 1,
            _ => 0,
        };
        write!(f, "{number:.decimals$} {unit}")
    }
}

/// A message that names its target.
fn of_target(target: &str, message: String) -> String {
    if message.contains(target) { message } else { format!("{target}: {message}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_names_its_target() {
        let lost = "connection lost while connecting: connection reset by peer";
        assert_eq!(of_target("[::1]:9", lost.to_owned()), format!("[::1]:9: {lost}"));
        let tls = "TLS handshake with [::1]:9: no";
        assert_eq!(of_target("[::1]:9", tls.to_owned()), tls);
    }

    #[test]
    fn a_time_has_three_digits() {
        for (micros, wanted) in [
            (0, "0.000 ms"),
            (81, "0.081 ms"),
            (999, "0.999 ms"),
            (1_234, "1.23 ms"),
            (12_345, "12.3 ms"),
            (123_456, "123 ms"),
            (999_400, "999 ms"),
            (999_600, "1.00 s"),
            (30_000_000, "30.0 s"),
            (123_456_789, "123 s"),
        ] {
            assert_eq!(Took(Duration::from_micros(micros)).to_string(), wanted);
        }
    }

    #[test]
    fn a_part_has_a_decimal_where_it_is_needed() {
        for (part, wanted) in [(0.0, "0%"), (1.0 / 3.0, "33.3%"), (0.5, "50%"), (1.0, "100%")] {
            assert_eq!(Percent(part).to_string(), wanted);
        }
    }
}
