//! The members of events that are objects themselves, or many.

use std::fmt;
use std::time::{Duration, SystemTime};

use astream::{Certificate, ProbeSeries, Spread, TlsInfo};

use super::figures::Figures;
use super::json::Object;
use super::probed::Checked;

pub fn probed(object: Object, checked: &Checked) -> Object {
    let (probed, found) = (&checked.probed, checked.probed.found.as_ref());
    let (tls, connect) = (found.and_then(|found| found.tls.as_ref()), found.map(|found| found.connect));
    object
        .text("target", &probed.endpoint)
        .raw("status", &checked.status())
        .text("state", checked.state().name())
        .raw("seconds", &Seconds(probed.elapsed))
        .number("connect_seconds", connect.map(Seconds))
        .maybe("peer", found.map(|found| &found.peer))
        .maybe("local", found.map(|found| &found.local))
        .texts("proxies", found.iter().flat_map(|found| &found.proxies))
        .object("tls", tls.map(|tls| handshake(Object::new(), tls)))
        .objects("certificates", probed.certificates().iter().map(certificate))
        .maybe("message", checked.message().as_ref())
        .maybe("hint", checked.hint().as_ref())
}

pub fn repeated(object: Object, series: &ProbeSeries) -> Object {
    object
        .raw("sent", &series.sent())
        .raw("answered", &series.answered())
        .raw("loss", &format_args!("{:.6}", series.loss()))
        .object("connect", series.connect().map(spread))
        .object("handshake", series.handshake().map(spread))
}

pub fn progress(object: Object, figures: &Figures) -> Object {
    object
        .raw("sent", &figures.moved.sent)
        .raw("received", &figures.moved.received)
        .raw("sent_rate", &figures.rate.sent)
        .raw("received_rate", &figures.rate.received)
        .raw("seconds", &format_args!("{:.3}", figures.elapsed.as_secs_f64()))
        .number("size", figures.size)
        .number("seconds_left", figures.left.map(|time| time.as_secs()))
        .number("seconds_stalled", figures.stalled.map(|time| time.as_secs()))
}

fn spread(spread: Spread) -> Object {
    Object::new()
        .raw("min", &Seconds(spread.min))
        .raw("avg", &Seconds(spread.avg))
        .raw("max", &Seconds(spread.max))
        .raw("mdev", &Seconds(spread.deviation))
}

/// A time as a number.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0.as_secs_f64())
    }
}

pub fn handshake(object: Object, tls: &TlsInfo) -> Object {
    object
        .text("version", &tls.version)
        .text("cipher", &tls.cipher)
        .text("key_exchange", &tls.key_exchange)
        .maybe("alpn", tls.alpn.as_ref())
        .raw("resumed", &tls.resumed)
        .raw("seconds", &Seconds(tls.handshake))
        .maybe("unverified", tls.unverified.as_ref())
}

pub fn certificate(certificate: &Certificate) -> Object {
    let days = certificate.days_left(SystemTime::now());
    Object::new()
        .text("subject", &certificate.subject())
        .text("issuer", &certificate.issuer())
        .texts("names", certificate.names())
        .maybe("not_before", certificate.not_before().as_ref())
        .maybe("not_after", certificate.not_after().as_ref())
        .number("days_left", days)
        .text("key", &certificate.key())
        .text("serial", &certificate.serial())
        .text("sha256", &certificate.sha256())
        .maybe("pin", certificate.pin().as_ref())
}
