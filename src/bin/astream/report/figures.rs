//! How much has moved, how fast, and how long the rest takes.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Add;
use std::time::{Duration, Instant};

use astream::Traffic;
use unit_prefix::NumberPrefix;

/// A rate is that of this time.
const WINDOW: Duration = Duration::from_secs(2);

/// When nothing has moved for this long, that is said.
const STALLED: Duration = Duration::from_secs(2);

/// Bytes, each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    pub sent: u64,
    pub received: u64,
}

impl Moved {
    pub fn of(traffic: &Traffic) -> Self {
        let totals = traffic.totals();
        Self { sent: totals.sent, received: totals.received }
    }

    /// Those of the direction in which more has moved.
    pub fn most(self) -> u64 {
        self.sent.max(self.received)
    }
}

impl Add for Moved {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { sent: self.sent + other.sent, received: self.received + other.received }
    }
}

/// A number of bytes: `340 B`, `1.20 GiB`.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NumberPrefix::binary(self.0 as f64) {
            NumberPrefix::Standalone(bytes) => write!(f, "{bytes:.0} B"),
            NumberPrefix::Prefixed(prefix, number) => write!(f, "{number:.2} {prefix}B"),
        }
    }
}

/// What had moved at which time.
pub struct Pace {
    start: Instant,
    size: Option<u64>,
    /// The latest samples. Once one is older than [`WINDOW`], the first is the youngest of those.
    samples: VecDeque<(Instant, Moved)>,
    last_move: Instant,
}

/// What there is to show.
pub struct Figures {
    pub moved: Moved,
    /// Bytes a second in the last two seconds.
    pub rate: Moved,
    /// Bytes a second since the start.
    pub mean: Moved,
    pub elapsed: Duration,
    /// How many bytes are to move, if that is known.
    pub size: Option<u64>,
    /// How long the rest takes at the mean rate.
    pub left: Option<Duration>,
    /// For how long nothing has moved, if that is long.
    pub stalled: Option<Duration>,
}

impl Pace {
    pub fn new(start: Instant, size: Option<u64>) -> Self {
        Self { start, size, samples: VecDeque::from([(start, Moved::default())]), last_move: start }
    }

    /// The figures at `now`, when `moved` is what has moved in all.
    pub fn figures(&mut self, now: Instant, moved: Moved) -> Figures {
        if self.samples.back().is_some_and(|(_, before)| *before != moved) {
            self.last_move = now;
        }
        self.samples.push_back((now, moved));
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        let (since, before) = self.samples.front().copied().unwrap_or((self.start, Moved::default()));
        let mean = rate(Moved::default(), moved, now - self.start);
        let rest = self.size.and_then(|size| size.checked_sub(moved.most()));
        Figures {
            moved,
            rate: rate(before, moved, now - since),
            mean,
            elapsed: now - self.start,
            size: self.size,
            left: rest
                .filter(|rest| *rest > 0 && mean.most() > 0)
                .map(|rest| Duration::from_secs(rest.div_ceil(mean.most()))),
            stalled: Some(now - self.last_move).filter(|time| *time >= STALLED),
        }
    }
}

/// So many bytes in this time, in bytes a second.
pub fn per_second(bytes: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(bytes) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

fn rate(before: Moved, after: Moved, time: Duration) -> Moved {
    let of = |before: u64, after: u64| per_second(after.saturating_sub(before), time);
    Moved { sent: of(before.sent, after.sent), received: of(before.received, after.received) }
}

impl Figures {
    /// How much of the size has moved; an empty file as a whole. None if more has.
    fn percent(&self) -> Option<u64> {
        let (part, size) = (u128::from(self.moved.most()) * 100, u128::from(self.size?));
        u64::try_from(part.checked_div(size).unwrap_or(100)).ok().filter(|_| part <= size * 100)
    }

    /// The figures in no more than `width` characters, with a bar in what they leave, if the size is known.
    pub fn in_one_line(&self, width: usize) -> String {
        // The last column is left free: some terminals begin another line behind it.
        let width = width.saturating_sub(1);
        let text: String = self.to_string().chars().take(width).collect();
        let room = width.saturating_sub(text.len() + 1);
        match self.percent() {
            Some(percent) if room > 2 => {
                let done = usize::try_from(percent.min(100)).unwrap_or(100) * room / 100;
                format!("{text} {:room$}", "=".repeat(done))
            }
            _ => text,
        }
    }
}

/// `1.20 GiB sent, 340 MiB/s, mean 310 MiB/s; 0:12; 45%, 0:15 left`
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { moved, rate, mean, .. } = self;
        let way = |bytes: u64, rate: u64, mean: u64, name: &str| {
            let [bytes, rate, mean] = [bytes, rate, mean].map(Bytes);
            format!("{bytes} {name}, {rate}/s, mean {mean}/s; ")
        };
        // Both where both move.
        if moved.sent > 0 || moved.received == 0 {
            f.write_str(&way(moved.sent, rate.sent, mean.sent, "sent"))?;
        }
        if moved.received > 0 {
            f.write_str(&way(moved.received, rate.received, mean.received, "received"))?;
        }
        f.write_str(&clock(self.elapsed))?;
        if let Some(percent) = self.percent() {
            write!(f, "; {percent}%")?;
        }
        if let Some(size) = self.size.filter(|size| self.moved.sent > *size) {
            write!(f, "; more than the size of {}", Bytes(size))?;
        }
        if let Some(left) = self.left {
            write!(f, ", {} left", clock(left))?;
        }
        match self.stalled {
            Some(time) => write!(f, "; stalled for {} s", time.as_secs()),
            None => Ok(()),
        }
    }
}

/// Minutes and seconds, and hours if there are any.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The figures after each of these samples: seconds, MiB sent, MiB received.
    fn after(size: Option<u64>, samples: &[(u64, u64, u64)]) -> Vec<String> {
        let start = Instant::now();
        let mut pace = Pace::new(start, size);
        let figures = samples.iter().map(|(at, sent, received)| {
            let moved = Moved { sent: sent * MIB, received: received * MIB };
            pace.figures(start + Duration::from_secs(*at), moved).to_string()
        });
        figures.collect()
    }

    #[test]
    fn a_file_has_a_rest() {
        assert_eq!(
            after(Some(100 * MIB), &[(1, 10, 0), (2, 20, 0), (3, 60, 0), (4, 100, 0)]),
            [
                "10.00 MiB sent, 10.00 MiB/s, mean 10.00 MiB/s; 0:01; 10%, 0:09 left",
                "20.00 MiB sent, 10.00 MiB/s, mean 10.00 MiB/s; 0:02; 20%, 0:08 left",
                "60.00 MiB sent, 25.00 MiB/s, mean 20.00 MiB/s; 0:03; 60%, 0:02 left",
                "100.00 MiB sent, 40.00 MiB/s, mean 25.00 MiB/s; 0:04; 100%",
            ]
        );
    }

    #[test]
    fn both_directions_are_shown_where_both_move() {
        assert_eq!(
            after(None, &[(1, 0, 0), (3600, 0, 3600), (3601, 1, 3600)]),
            [
                "0 B sent, 0 B/s, mean 0 B/s; 0:01",
                "3.52 GiB received, 1.00 MiB/s, mean 1.00 MiB/s; 1:00:00",
                "1.00 MiB sent, 291 B/s, mean 291 B/s; 3.52 GiB received, 1.00 MiB/s, mean 1023.71 KiB/s; 1:00:01",
            ]
        );
    }

    #[test]
    fn a_stall_is_said_with_its_time() {
        let all = after(Some(4 * MIB), &[(1, 2, 0), (2, 2, 0), (8, 2, 0), (9, 3, 0)]);
        let stalled: Vec<_> = all.iter().map(|line| line.split("; ").nth(3)).collect();
        assert_eq!(stalled, [None, None, Some("stalled for 7 s"), None]);
    }

    #[test]
    fn a_line_fits_its_width_and_has_a_bar_where_there_is_room() {
        let start = Instant::now();
        let moved = Moved { sent: 512, received: 0 };
        let figures = Pace::new(start, Some(1024)).figures(start + Duration::from_secs(1), moved);
        let text = "512 B sent, 512 B/s, mean 512 B/s; 0:01; 50%, 0:01 left";
        assert_eq!(figures.in_one_line(76), format!("{text} {:19}", "========="));
        assert_eq!(figures.in_one_line(text.len() + 1), text);
        assert_eq!(figures.in_one_line(11), text[..10]);
        assert_eq!(figures.in_one_line(0), "");
    }

    #[test]
    fn an_empty_file_is_sent_as_a_whole() {
        assert_eq!(after(Some(0), &[(1, 0, 0)]), ["0 B sent, 0 B/s, mean 0 B/s; 0:01; 100%"]);
    }
}
