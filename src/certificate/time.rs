//! The times of a certificate.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::tlv::{GENERALIZED_TIME, UTC_TIME, Value};

const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

/// A time in UTC, to the second; printed in the form of RFC 3339, `2026-11-24T22:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Timestamp {
    /// A time of a certificate, which has two forms (RFC 5280, 4.1.2.5).
    pub(super) fn read(time: Value<'_>) -> Option<Self> {
        let digits =
            time.content.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        let number =
            |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        let (year, rest) = match (time.tag, digits.len()) {
            (UTC_TIME, 12) => match number(&digits[..2]) {
                year @ 50.. => (1900 + year, &digits[2..]),
                year => (2000 + year, &digits[2..]),
            },
            (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
            _ => return None,
        };
        let mut fields = rest.chunks(2).map(number);
        let mut next = || fields.next();
        let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
        let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        let is_time = hour < 24 && minute < 60 && second < 60;
        (is_date && is_time).then_some(Self { year, month, day, hour, minute, second })
    }

    /// The seconds since 1970; negative before.
    pub(crate) fn seconds(self) -> i64 {
        // Counted in years that begin in March, so that a leap day is the last day of its year.
        let (year, month) =
            if self.month > 2 { (self.year, self.month - 3) } else { (self.year - 1, self.month + 9) };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = year * 365 + leap_days + (month * 153 + 2) / 5 + self.day - 1;
        // From the first of March of the year 0.
        let days = days - 719_468;
        days * SECONDS_OF_A_DAY + self.hour * 3600 + self.minute * 60 + self.second
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Without the fraction of a second.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let whole = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX / 2);
        let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => whole(after),
            // A second that has begun before 1970 began earlier still.
            Err(before) => -whole(before.duration() + Duration::from_nanos(999_999_999)),
        };
        let (days, second) = (seconds.div_euclid(SECONDS_OF_A_DAY), seconds.rem_euclid(SECONDS_OF_A_DAY));
        let (year, month, day) = date(days);
        Self { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
    }
}

/// The year, month and day so many days after the first of January 1970.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // As in `Timestamp::seconds`: from the first of March of the year 0, which is where a leap day comes last.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let first = (month * 153 + 2) / 5;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (era * 400 + year, month, day - first + 1)
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let seconds = time.seconds();
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let moved = if seconds < 0 {
            Self::UNIX_EPOCH.checked_sub(distance)
        } else {
            Self::UNIX_EPOCH.checked_add(distance)
        };
        // Not every system can represent the year 0.
        moved.unwrap_or(Self::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tlv::der;

    fn read(tag: u8, text: &str) -> Option<Timestamp> {
        Timestamp::read(Value::only(&der(tag, text.as_bytes())).unwrap())
    }

    #[test]
    fn both_forms_are_read_from_the_first_year_to_the_last() {
        for (tag, text, written, seconds) in [
            (UTC_TIME, "700101000000Z", "1970-01-01T00:00:00Z", 0),
            (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z", -631_152_000),
            (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z", 2_524_607_999),
            (GENERALIZED_TIME, "20000229120000Z", "2000-02-29T12:00:00Z", 951_825_600),
            (GENERALIZED_TIME, "00000101000000Z", "0000-01-01T00:00:00Z", -62_167_219_200),
            (GENERALIZED_TIME, "99991231235959Z", "9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let time = read(tag, text).unwrap();
            assert_eq!((time.to_string().as_str(), time.seconds()), (written, seconds));
            assert_eq!(Timestamp::from(SystemTime::from(time)), time, "and back");
        }
        assert_eq!(
            SystemTime::UNIX_EPOCH.duration_since(read(UTC_TIME, "691231235959Z").unwrap().into()).unwrap(),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn every_day_of_four_centuries_is_the_day_after_the_one_before() {
        let mut before = date(-1);
        for days in 0..146_097 {
            let (year, month, day) = before;
            before = match (day == days_of(year, month), month) {
                (false, _) => (year, month, day + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
            assert_eq!(date(days), before);
        }
    }

    #[test]
    fn a_fraction_of_a_second_belongs_to_the_second_that_has_begun() {
        let half = Duration::from_millis(500);
        for (time, written) in [
            (SystemTime::UNIX_EPOCH + half, "1970-01-01T00:00:00Z"),
            (SystemTime::UNIX_EPOCH - half, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from(time).to_string(), written);
        }
    }

    #[test]
    fn malformed_times_are_rejected() {
        for (tag, text) in [
            (UTC_TIME, "700230000000Z"),
            (UTC_TIME, "701301000000Z"),
            (UTC_TIME, "700101240000Z"),
            (UTC_TIME, "700101006000Z"),
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "700101000000+0100"),
            (UTC_TIME, "19700101000000Z"),
            (GENERALIZED_TIME, "700101000000Z"),
            (GENERALIZED_TIME, "20010229000000Z"),
            (GENERALIZED_TIME, "20000101000000.5Z"),
            (GENERALIZED_TIME, "２0000101000Z"),
            (0x0c, "700101000000Z"),
        ] {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }
}
