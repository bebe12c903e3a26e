//! Times as people write them.

use std::time::Duration;

/// `10` (seconds), `1.5s`, `250ms`, `2m`, `1h`, `30d`.
pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with ms, s, m, h or d; seconds if bare".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
    // A clock that ends beyond this cannot be set.
    if time > Duration::from_secs(100 * 365 * 24 * 3600) {
        Err("that is over a century".to_owned())
    } else {
        Ok(time)
    }
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
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1", "1w", "nan", "inf", "1e3", "1 s", "1.2.3", "99999999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
