//! Times on the command line, with their units.

use std::time::Duration;

/// The longest time that is accepted. The clock cannot represent an end beyond it.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// `10` (seconds), `1.5s`, `250ms`, `2m`, `1h`, `30d`, `4w`.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with ms, s, m, h, d or w; seconds if bare".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        "w" => 604_800.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
    if time > CENTURY { Err("that is over a century".to_owned()) } else { Ok(time) }
}

/// `500` (bytes), `500K`, `1.5G`, as a rate.
pub fn size(text: &str) -> Result<u64, String> {
    rate(text)
        .map_err(|_| "a size is bytes, a number with K, M or G (1024), or kB, MB or GB (1000)".to_owned())
}

/// `500` (bytes a second), `500K`, `1.5M`, `1G`; each is 1024 times the one before. 0 is allowed.
///
/// As in dd(1), `KiB` is `K`, and `kB` is 1000.
pub fn rate(text: &str) -> Result<u64, String> {
    let wrong =
        || "a rate is bytes a second, a number with K, M or G (1024), or kB, MB or GB (1000)".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let binary = unit.strip_suffix("iB").filter(|letter| !letter.is_empty());
    let (letter, base) = match (binary, unit.strip_suffix('B')) {
        (Some(letter), _) => (letter, 1024_u32),
        (None, Some(letter)) => (letter, 1000),
        (None, None) => (unit, 1024),
    };
    let power = match letter {
        "" => 0,
        "K" | "k" => 1,
        "M" | "m" => 2,
        "G" | "g" => 3,
        _ => return Err(wrong()),
    };
    let rate = number.parse::<f64>().map_err(|_| wrong())? * f64::from(base.pow(power));
    // A duration has whole seconds, and refuses what is too large.
    let rate = Duration::try_from_secs_f64(rate).map_err(|_| wrong())?;
    if rate.as_secs() == 0 && !rate.is_zero() { Err(wrong()) } else { Ok(rate.as_secs()) }
}

/// A time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Option<Duration>);

impl Limit {
    /// None where there is no limit.
    pub fn get(self) -> Option<Duration> {
        self.0
    }
}

/// A time, or 0 for no limit.
pub fn limit(text: &str) -> Result<Limit, String> {
    time(text).map(|time| Limit(Some(time).filter(|time| !time.is_zero())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        for (text, millis) in [
            ("10", 10_000),
            ("1.5", 1500),
            ("2s", 2000),
            ("250ms", 250),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("4w", 2_419_200_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "1y", "nan", "inf", "1e3", "1 s", "1.2.3", "99999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_has_a_unit_or_is_in_bytes() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("500", 500),
            ("500K", 512_000),
            ("1.5M", 1_572_864),
            ("2g", 2 << 30),
            ("1000G", 1000 << 30),
            ("500B", 500),
            ("3kB", 3000),
            ("3KB", 3000),
            ("3KiB", 3 << 10),
            ("3MB", 3_000_000),
            ("1.5MiB", 1_572_864),
            ("2GB", 2_000_000_000),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(rate(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "K",
            "-1",
            "0.5",
            "1T",
            "1Kb",
            "1Ki",
            "1iB",
            "1BB",
            "1 K",
            "nan",
            "inf",
            "1e3",
            "1.2.3",
            "99999999999999G",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_of_0_is_none() {
        for text in ["0", "0s", "0ms", "0.0"] {
            assert_eq!(limit(text).unwrap().get(), None, "{text}");
        }
        assert_eq!(limit("1ms").unwrap().get(), Some(Duration::from_millis(1)));
        limit("-1").unwrap_err();
    }
}
