//! The words of the first and of the last line of a connection.

use std::time::Duration;

use super::connection::Name;
use super::figures::{Bytes, per_second};
use astream::{Address, Endpoint, Error, TlsInfo, Totals};

/// The first line of a client: who has introduced it, and who it is by its certificate.
pub fn opening(name: &Name, proxy: Option<&Address>, tls: Option<&TlsInfo>) -> String {
    let mut line = format!("{name}: open");
    if let Some(proxy) = proxy {
        line = format!("{line}, through {proxy}");
    }
    if let Some(tls) = tls {
        line = format!("{line}, {}", tls.version);
        if let Some(own) = tls.peer_certificates.first() {
            let pin = own.pin().map_or_else(String::new, |pin| format!(", pin {pin}"));
            line = format!("{line}, certificate {}{pin}", own.subject());
        }
    }
    line
}

/// The rate of the direction in which more has moved.
pub fn mean(totals: &Totals, seconds: f64) -> String {
    let most = totals.sent.max(totals.received);
    if totals.is_uncounted || most == 0 {
        return String::new();
    }
    format!(", mean {}/s", Bytes(per_second(most, Duration::from_secs_f64(seconds))))
}

/// The end of a client's last line.
pub fn ending(target: Option<&Endpoint>, error: Option<&Error>) -> String {
    let target = target.map_or_else(String::new, |target| format!(", target {target}"));
    let end = error.map_or_else(|| "ended".to_owned(), |error| format!("failed: {error}"));
    format!("{target}, {end}")
}
