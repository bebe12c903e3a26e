//! Sets a connection up again and again, until that succeeds or the time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::{Error, seconds};
use crate::policy::{Backoff, Deadline, LONGEST};

/// For how long a set-up that fails is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Retry {
    /// For this long, from the first try on.
    For(Duration),
    /// Until then; other connections share it.
    Until(Deadline),
}

impl Retry {
    pub(super) fn end(self) -> Deadline {
        match self {
            Self::For(limit) => Deadline::after(Some(limit)),
            Self::Until(end) => end,
        }
    }

    /// Calls `attempt`, each time with a deadline of its own, until it succeeds, until it fails for a reason that
    /// waiting does not cure, or until the time is over. Says what is waited for, and again when that changes.
    ///
    /// # Errors
    /// That of the last try. One that the end of the time cut short at once was none.
    pub(super) async fn run<T, F>(
        self,
        timeout: Option<Duration>,
        attempt: impl Fn(Deadline) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (end, mut backoff) = (self.end(), Backoff::new());
        let mut before: Option<Error> = None;
        loop {
            let start = Instant::now();
            let error = match attempt(one_try(timeout, end)).await {
                Err(error) if error.may_pass() => error,
                done => return done,
            };
            let error = match before {
                Some(before) if is_cut_short(&error, start, end) => return Err(before),
                _ => error,
            };
            let Some(pause) = backoff.pause(end.left()) else { return Err(error) };
            log(before.as_ref(), &error, end);
            before = Some(error);
            sleep(pause).await;
        }
    }
}

/// The deadline of one try. What begins when the time is over already, as one of many, has a try all the same.
fn one_try(timeout: Option<Duration>, end: Deadline) -> Deadline {
    let own = Deadline::after(timeout);
    if end.left().is_zero() { own } else { own.or(end) }
}

/// Whether the end of the time came before the peer could have answered.
fn is_cut_short(error: &Error, start: Instant, end: Deadline) -> bool {
    matches!(error, Error::Timeout { .. }) && end.left().is_zero() && start.elapsed() < LONGEST
}

fn log(before: Option<&Error>, error: &Error, end: Deadline) {
    let (reason, limit) = (error.to_string(), end.limit().map(seconds));
    match (before, limit) {
        (Some(before), _) if before.to_string() == reason => {}
        (Some(_), _) => tracing::warn!("{reason}; still trying"),
        (None, Some(limit)) => tracing::warn!("{reason}; trying again for up to {limit}"),
        (None, None) => tracing::warn!("{reason}; trying again until it succeeds"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::ErrorKind;

    use super::*;
    use crate::error::{Attempt, Step};

    fn refused() -> Error {
        let attempt = Attempt::new("127.0.0.1:1", ErrorKind::ConnectionRefused.into());
        Error::Connect { target: "127.0.0.1:1".to_owned(), attempts: vec![attempt] }
    }

    async fn hang(deadline: Deadline) -> Result<(), Error> {
        deadline.bound(Step::Connect, std::future::pending(), || "hanging".to_owned()).await
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_until_it_succeeds_and_never_longer_than_the_limit() {
        let start = Instant::now();
        let tries = Cell::new(0);
        let attempt = async |_| {
            tries.set(tries.get() + 1);
            if start.elapsed() < seconds(20) { Err(refused()) } else { Ok(7) }
        };
        assert_eq!(Retry::For(seconds(30)).run(None, attempt).await.unwrap(), 7);
        assert!(start.elapsed() <= seconds(21));
        assert!((20..50).contains(&tries.get()), "{tries:?} tries, at most 1 s apart");
        let start = Instant::now();
        let never = Retry::For(seconds(5)).run(None, async |_| Err::<(), _>(refused())).await;
        assert!(matches!(never, Err(Error::Connect { .. })));
        assert!(start.elapsed() <= seconds(5) && start.elapsed() > Duration::from_millis(4900));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_waiting_cures_is_not_tried_again() {
        let tries = Cell::new(0);
        let attempt = async |_| {
            tries.set(tries.get() + 1);
            Err::<(), _>(Error::tls("TLS", "not trusted"))
        };
        Retry::For(seconds(5)).run(None, attempt).await.unwrap_err();
        assert_eq!(tries.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn each_try_has_its_own_limit_and_none_goes_beyond_the_end() {
        let start = Instant::now();
        let tries = Cell::new(0);
        let attempt = |deadline| {
            tries.set(tries.get() + 1);
            hang(deadline)
        };
        let error = Retry::For(seconds(10)).run(Some(seconds(3)), attempt).await.unwrap_err();
        assert_eq!((start.elapsed(), tries.get()), (seconds(10), 4));
        assert_eq!(error.to_string(), "hanging: timed out after 3 s");
        let once = Retry::For(seconds(2)).run(Some(seconds(3)), hang).await.unwrap_err();
        assert_eq!(once.to_string(), "hanging: timed out after 2 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_the_end_cuts_short_does_not_hide_the_cause() {
        let start = Instant::now();
        let attempt = async |deadline| {
            if start.elapsed() < Duration::from_millis(4500) { Err(refused()) } else { hang(deadline).await }
        };
        let error = Retry::For(seconds(5)).run(None, attempt).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_many_that_begins_after_the_end_has_one_try() {
        let end = Deadline::after(Some(seconds(1)));
        sleep(seconds(2)).await;
        Retry::Until(end).run(Some(seconds(3)), async |_| Ok(())).await.unwrap();
    }
}
