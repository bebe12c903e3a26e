//! A transfer that seems to hang: the peer has ended, and stdin is still open; or nothing moves.

use std::future::pending;
use std::io::{self, IsTerminal};
use std::time::Duration;

use astream::handlers::stdin_is_null;
use astream::{Totals, Traffic};
use tokio::time::sleep;

use super::{Event, report};

/// How long nothing moves until it is reported.
const STILL: Duration = Duration::from_secs(2);

/// Reports once that only stdin is waited for, and never returns. May be cancelled.
pub async fn for_stdin<T>(traffic: &Traffic) -> T {
    if !io::stdin().is_terminal() && !stdin_is_null() {
        until_still(STILL, || traffic.is_peer_done().then(|| traffic.totals().sent)).await;
        let message = "the peer has ended its side, and stdin is still open: what it gives is sent until its end \
                       (--exit-on-close leaves with the peer, --recv-only does not read stdin)";
        report(&Event::Hint { message });
    }
    pending().await
}

/// More bytes than this are a file: it is not answered, and may be on its way for a while after it was handed over.
pub const A_QUESTION: u64 = 64 * 1024;

/// Reports once that a question is unanswered for longer than the time that the set-up was given, which in nc limits this
/// too, and never returns. May be cancelled.
pub async fn for_silence<T>(traffic: &Traffic, limit: Option<Duration>) -> T {
    let Some(limit) = limit else { return pending().await };
    let is_question = |totals: &Totals| totals.sent <= A_QUESTION && !traffic.is_peer_done();
    until_still(limit, || Some(traffic.totals()).filter(is_question)).await;
    let message = "nothing has moved for as long as -w gives, which limits connecting only (-i TIME ends a silent \
                   connection, with status 5)";
    report(&Event::Hint { message });
    pending().await
}

/// Waits until what is looked at is there, and is the same as this long before.
async fn until_still<S: PartialEq>(time: Duration, look: impl Fn() -> Option<S>) {
    let mut before = look();
    loop {
        sleep(time).await;
        let now = look();
        if now.is_some() && now == before {
            return;
        }
        before = now;
    }
}
