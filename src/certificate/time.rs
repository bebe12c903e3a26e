//! The times of a certificate.

use std::fmt;
use std::time::SystemTime;

use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::{DateTime, Tag, Tagged};

/// A time to the second, in UTC; written as RFC 3339 does, `2026-11-24T22:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime);

impl Timestamp {
    /// A time of a certificate, which has two forms (RFC 5280, 4.1.2.5).
    pub(super) fn read(time: AnyRef<'_>) -> Option<Self> {
        match time.tag() {
            Tag::UtcTime => time.decode_as::<UtcTime>().map(|time| time.to_date_time()).ok(),
            _ => time.decode_as::<GeneralizedTime>().map(|time| time.to_date_time()).ok(),
        }
        .map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.to_system_time()
    }
}
