//! Checks for `--expires-within` whether certificates are valid for long enough.

use std::time::{Duration, SystemTime};

use astream::Certificate;

/// How long certificates must still be valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    Time(Duration),
    /// A part of the lifetime of the server's own certificate. Its issuers, whose lifetimes are many times as
    /// long, must be valid for the same time.
    Percent(f64),
}

/// Why these certificates, the server's own first and the trusted one last, are not valid for `margin`: the
/// message about the one that ends first.
pub fn flaw(path: &[Certificate], margin: Margin, now: SystemTime) -> Option<String> {
    let validities: Vec<_> = path.iter().map(Validity::of).collect();
    let index = too_short(&validities, margin, now)?;
    let whose = match index {
        0 => "the certificate of",
        _ if index + 1 == path.len() => "the trusted certificate of",
        _ => "the certificate of its issuer",
    };
    Some(format!("{whose} {} {}", path[index].subject(), reason(&path[index], margin, now)))
}

fn reason(certificate: &Certificate, margin: Margin, now: SystemTime) -> String {
    let too_soon = match margin {
        Margin::Time(_) => "which is too soon".to_owned(),
        Margin::Percent(percent) => {
            format!("which is less than {percent}% of the lifetime of the server's certificate")
        }
    };
    match (certificate.not_after(), certificate.days_left(now)) {
        (Some(end), Some(days)) if days >= 0 => format!("ends on {end}, {days} days from now, {too_soon}"),
        (Some(end), _) => format!("has ended on {end}"),
        _ => "does not say when it ends".to_owned(),
    }
}

/// The validity of a certificate, as far as it can be read.
#[derive(Clone, Copy)]
struct Validity {
    begin: Option<SystemTime>,
    end: Option<SystemTime>,
}

impl Validity {
    fn of(certificate: &Certificate) -> Self {
        let (begin, end) = (certificate.not_before(), certificate.not_after());
        Self { begin: begin.map(SystemTime::from), end: end.map(SystemTime::from) }
    }
}

impl Margin {
    fn of(self, own: Validity) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(time),
            Self::Percent(percent) => {
                let lifetime = own.end?.duration_since(own.begin?).ok()?;
                Some(lifetime.mul_f64(percent) / 100)
            }
        }
    }
}

/// The certificate that ends first, if that is within `margin`.
fn too_short(path: &[Validity], margin: Margin, now: SystemTime) -> Option<usize> {
    let (index, first) = path.iter().enumerate().min_by_key(|(_, one)| one.end)?;
    let left = first.end.and_then(|end| end.duration_since(now).ok());
    let is_enough = left.zip(margin.of(path[0])).is_some_and(|(left, needed)| left > needed);
    (!is_enough).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn day(number: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * number
    }

    fn valid(begin: u32, end: u32) -> Validity {
        Validity { begin: Some(day(begin)), end: Some(day(end)) }
    }

    /// From this time on the certificate with this index ends too soon; before, none did.
    #[track_caller]
    fn turns(path: &[Validity], margin: Margin, turn: SystemTime, index: usize) {
        let moment = Duration::from_nanos(1);
        assert_eq!(too_short(path, margin, turn - moment), None);
        assert_eq!(too_short(path, margin, turn), Some(index));
        assert_eq!(too_short(path, margin, turn + DAY * 1000), Some(index));
    }

    #[test]
    fn a_time_counts_back_from_the_first_end_of_all() {
        let [short, middle, long] = [10, 20, 30].map(|end| valid(0, end));
        let margin = Margin::Time(DAY * 4);
        turns(&[short], margin, day(6), 0);
        turns(&[short, middle, long], margin, day(6), 0);
        turns(&[middle, short, long], margin, day(6), 1);
        turns(&[long, middle, short], margin, day(6), 2);
        turns(&[middle, long], Margin::Time(Duration::ZERO), day(20), 0);
    }

    #[test]
    fn a_part_of_the_lifetime_is_that_of_the_servers_own_certificate() {
        let own = valid(1000, 1100);
        turns(&[own], Margin::Percent(33.0), day(1067), 0);
        turns(&[own], Margin::Percent(0.5), day(1100) - DAY / 2, 0);
        turns(&[own], Margin::Percent(0.0), day(1100), 0);
        turns(&[own], Margin::Percent(100.0), day(1000), 0);
        // The root has less than a third of its lifetime left, but only the 33 days matter.
        turns(&[own, valid(0, 1200)], Margin::Percent(33.0), day(1067), 0);
        turns(&[own, valid(0, 1050)], Margin::Percent(33.0), day(1017), 1);
    }

    #[test]
    fn what_cannot_be_read_is_never_enough() {
        let [no_begin, no_end] = [(None, Some(day(9))), (Some(day(0)), None)];
        let [no_begin, no_end] = [no_begin, no_end].map(|(begin, end)| Validity { begin, end });
        assert_eq!(too_short(&[no_end], Margin::Time(Duration::ZERO), day(0)), Some(0));
        assert_eq!(too_short(&[valid(0, 9), no_end], Margin::Time(Duration::ZERO), day(0)), Some(1));
        assert_eq!(too_short(&[no_begin], Margin::Percent(1.0), day(0)), Some(0));
        assert_eq!(too_short(&[no_begin], Margin::Time(DAY), day(0)), None);
        assert_eq!(too_short(&[], Margin::Time(DAY), day(0)), None);
    }
}
