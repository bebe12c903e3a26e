//! Probing again and again, with a summary at the end.

use astream::{Error, ProbeSeries};
use tokio::time::{MissedTickBehavior, interval};

use super::Prober;
use crate::cli::Repeat;
use crate::report::{self, Ending, Event};
use crate::signals::Signals;
use crate::stdout::Stdout;

/// Probes as often as `repeat` says, or until a signal comes; then reports what was seen, and ends with its status.
pub(super) async fn run(prober: &Prober<'_>, repeat: Repeat) -> anyhow::Result<Ending> {
    let mut signals = Signals::new()?;
    let mut series = vec![ProbeSeries::new(); prober.endpoints.len()];
    let mut worst = 0;
    let rounds = async {
        let mut ticks = interval(repeat.every);
        // What took longer than the interval is followed by the next at once, and by no crowd of them.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0..repeat.count.unwrap_or(u64::MAX) {
            ticks.tick().await;
            prober
                .round(number == 0, |index, checked| {
                    series[index].add(&checked.probed);
                    worst = worst.max(checked.status());
                })
                .await?;
        }
        anyhow::Ok(())
    };
    let signal = tokio::select! {
        done = rounds => done.map(|()| None)?,
        signal = signals.next() => Some(signal),
    };
    match signal {
        Some(signal) if series.iter().all(|series| series.sent() == 0) => Ok(signal),
        _ => summarize(prober, &series).map(|()| Ending::Status(worst)),
    }
}

fn summarize(prober: &Prober<'_>, series: &[ProbeSeries]) -> anyhow::Result<()> {
    for (endpoint, series) in prober.endpoints.iter().zip(series) {
        report::print(&Event::Summary { endpoint, series }, &mut Stdout)
            .map_err(|cause| Error::local("write to stdout", cause))?;
    }
    Ok(())
}
