//! A series of probes: how many were answered, and how long that took, as `ping` has it.

use std::time::Duration;

use super::probe::Probed;

/// What a series of probes of one endpoint has found so far.
#[derive(Debug, Clone, Default)]
pub struct ProbeSeries {
    sent: u64,
    connect: Times,
    handshake: Times,
}

impl ProbeSeries {
    /// No probe yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more probe.
    pub fn add(&mut self, probed: &Probed) {
        self.sent += 1;
        if let Some(found) = probed.found.as_ref().filter(|_| probed.error.is_none()) {
            self.connect.add(found.connect);
            if let Some(tls) = &found.tls {
                self.handshake.add(tls.handshake);
            }
        }
    }

    /// How many probes there were.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many of them found all open: the connection and, under TLS, the handshake succeeded.
    pub fn answered(&self) -> u64 {
        self.connect.count
    }

    /// The part of the probes that was not answered, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "no series is as long as that")]
    pub fn loss(&self) -> f64 {
        match self.sent {
            0 => 0.0,
            sent => (sent - self.answered()) as f64 / sent as f64,
        }
    }

    /// How long connecting took; none if no probe was answered.
    pub fn connect(&self) -> Option<Spread> {
        self.connect.spread()
    }

    /// How long the handshake took; none if there was none.
    pub fn handshake(&self) -> Option<Spread> {
        self.handshake.spread()
    }
}

/// The spread of several times.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The shortest.
    pub min: Duration,
    /// The average.
    pub avg: Duration,
    /// The longest.
    pub max: Duration,
    /// The standard deviation.
    pub deviation: Duration,
}

/// Times whose spread is kept and not they themselves, by Welford's method.
#[derive(Debug, Clone, Default)]
struct Times {
    count: u64,
    min: Duration,
    max: Duration,
    /// The average in seconds.
    mean: f64,
    /// The sum of the squares of the distances to it.
    squares: f64,
}

impl Times {
    #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
    fn add(&mut self, time: Duration) {
        self.min = if self.count == 0 { time } else { self.min.min(time) };
        self.max = self.max.max(time);
        self.count += 1;
        let before = time.as_secs_f64() - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (time.as_secs_f64() - self.mean);
    }

    #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
    fn spread(&self) -> Option<Spread> {
        let deviation = |squares: f64| Duration::from_secs_f64((squares / self.count as f64).max(0.0).sqrt());
        let Self { min, max, .. } = *self;
        let avg = Duration::from_secs_f64(self.mean.max(0.0));
        (self.count > 0).then(|| Spread { min, avg, max, deviation: deviation(self.squares) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: &[u64]) -> Times {
        let mut times = Times::default();
        for millis in millis {
            times.add(Duration::from_millis(*millis));
        }
        times
    }

    #[test]
    fn the_spread_is_that_of_all_times() {
        // Their distances to 5 are 3, 1, 1, 1, 0, 0, 2 and 4: the squares add up to 32.
        let spread = ms(&[2, 4, 4, 4, 5, 5, 7, 9]).spread().unwrap();
        let wanted = [2, 5, 9, 2].map(Duration::from_millis);
        for (found, wanted) in [spread.min, spread.avg, spread.max, spread.deviation].into_iter().zip(wanted)
        {
            assert!(found.abs_diff(wanted) < Duration::from_nanos(10), "{spread:?}");
        }
    }

    #[test]
    fn one_time_has_no_deviation_and_none_no_spread() {
        let spread = ms(&[7]).spread().unwrap();
        let seven = Duration::from_millis(7);
        assert_eq!(
            (spread.min, spread.avg, spread.max, spread.deviation),
            (seven, seven, seven, Duration::ZERO)
        );
        assert_eq!(ms(&[]).spread(), None);
    }

    #[test]
    fn what_failed_is_sent_and_not_answered() {
        let mut series = ProbeSeries::new();
        assert!(series.loss().abs() < f64::EPSILON);
        let failed = Probed {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            found: None,
            error: Some(crate::Error::Closed),
            elapsed: Duration::ZERO,
        };
        series.add(&failed);
        assert_eq!((series.sent(), series.answered(), series.connect()), (1, 0, None));
        assert!((series.loss() - 1.0).abs() < f64::EPSILON);
    }
}
