//! A transfer that seems to hang: the peer has ended, and stdin is still open.

use std::future::pending;
use std::io::{self, IsTerminal};
use std::time::Duration;

use astream::Traffic;
use astream::handlers::stdin_is_null;
use tokio::time::sleep;

use super::{Event, report};

/// How long nothing moves until it is reported.
const STILL: Duration = Duration::from_secs(2);

/// Reports once that only stdin is waited for, and never returns. May be cancelled.
pub async fn for_stdin<T>(traffic: &Traffic) -> T {
    if !io::stdin().is_terminal() && !stdin_is_null() {
        let mut before = None;
        loop {
            sleep(STILL).await;
            let now = traffic.is_peer_done().then(|| traffic.totals().sent);
            if now.is_some() && now == before {
                break;
            }
            before = now;
        }
        let message = "the peer has ended its side, and stdin is still open: what it gives is sent until its end \
                       (--exit-on-close leaves with the peer, --recv-only does not read stdin)";
        report(&Event::Hint { message });
    }
    pending().await
}
