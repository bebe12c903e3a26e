//! A time limit around a step, with an error that names the step.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{Error, Step};

/// The time by which several steps must be done. Without a limit, or with one that the clock cannot
/// represent, they may take any time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// A deadline `limit` from now.
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        let end = |limit| Instant::now().checked_add(limit).zip(Some(limit));
        Self(limit.and_then(end))
    }

    /// Whichever of the two ends first.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some((one, _)), Some((end, _))) if end < one => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }

    /// How much time is left.
    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |(end, _)| end.saturating_duration_since(Instant::now()))
    }

    /// The whole of the limit, if there is one.
    pub(crate) fn limit(self) -> Option<Duration> {
        self.0.map(|(_, limit)| limit)
    }

    /// Runs one step, which `doing` describes in the error if the limit ends it.
    pub(crate) async fn bound<T>(
        self,
        step: Step,
        run: impl Future<Output = T>,
        doing: impl FnOnce() -> String,
    ) -> Result<T, Error> {
        match self.0 {
            Some((end, after)) => {
                timeout_at(end, run).await.map_err(|_| Error::Timeout { step, doing: doing(), after })
            }
            None => Ok(run.await),
        }
    }
}

/// The result of `step`; None if it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Option<Duration>, step: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout(limit, step).await.ok(),
        None => Some(step.await),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_takes_too_long_is_an_error_that_names_it() {
        let deadline = Deadline::after(Some(Duration::from_secs(3)));
        assert!(deadline.bound(Step::Connect, ready(()), || unreachable!()).await.is_ok());
        let error = deadline.bound(Step::Connect, pending::<()>(), || "a step".to_owned()).await.unwrap_err();
        assert_eq!(error.to_string(), "a step: timed out after 3 s");
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_the_first_to_end_counts() {
        let after = |seconds| Deadline::after(Some(Duration::from_secs(seconds)));
        let none = Deadline::after(None);
        for (one, other, left) in
            [(after(1), after(2), 1), (after(2), after(1), 1), (after(3), none, 3), (none, after(3), 3)]
        {
            assert_eq!(one.or(other).left(), Duration::from_secs(left));
        }
        assert_eq!(none.or(none).left(), Duration::MAX);
    }

    #[tokio::test]
    async fn no_limit_and_the_longest_of_all_are_no_limit() {
        for limit in [None, Some(Duration::MAX)] {
            assert_eq!(
                Deadline::after(limit).bound(Step::Connect, ready(1), || unreachable!()).await.unwrap(),
                1
            );
            assert_eq!(within(limit, ready(1)).await, Some(1));
        }
    }
}
