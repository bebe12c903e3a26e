//! Relays to another address.

use std::time::Duration;

use super::{Handler, Outcome};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::relay::{Meter, Plan, Stop, Way, relay};
use crate::stream::{ConnectOptions, StreamReader, StreamWriter, detach, is_bare, open_connection};

/// Opens a connection for each one that comes, and feeds the two from each other. The end of one
/// way is passed on, the other goes on.
#[derive(Debug, Clone)]
pub struct Forward {
    target: Endpoint,
    options: ConnectOptions,
    idle_timeout: Option<Duration>,
    by_streams: bool,
}

impl Forward {
    /// To `target`, which is connected to as `options` say.
    pub fn new(target: Endpoint, options: ConnectOptions) -> Self {
        Self { target, options, idle_timeout: None, by_streams: false }
    }

    /// Ends a connection on which nothing moves either way for this long.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Option<Duration>) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// Moves all bytes through the streams, also where the kernel could do it: to find out whose
    /// fault something is.
    #[must_use]
    pub fn by_streams(mut self, yes: bool) -> Self {
        self.by_streams = yes;
        self
    }
}

/// The two connections of a relay.
struct Both {
    client: (StreamReader, StreamWriter),
    target: (StreamReader, StreamWriter),
}

impl Handler for Forward {
    async fn handle(&self, reader: StreamReader, writer: StreamWriter) -> Outcome {
        let plan = Plan { half_close: true, leave_with_peer: false, idle: self.idle_timeout };
        let meter = Meter::new(plan.idle);
        let peer = writer.peer_addr().clone();
        let result = match open_connection(&self.target, &self.options).await {
            Ok(target) => {
                let both = Both { client: (reader, writer), target };
                self.run(both, plan, &meter).await.unwrap_or_else(|stop| Err(error(stop, &peer)))
            }
            Err(error) => {
                writer.abort();
                Err(error)
            }
        };
        Outcome { totals: meter.totals(), result }
    }
}

impl Forward {
    async fn run(&self, both: Both, plan: Plan, meter: &Meter) -> Result<Result<(), Error>, Stop> {
        let Both { client: (mut reader, mut writer), target: (mut from, mut to) } = both;
        #[cfg(target_os = "linux")]
        if !self.by_streams && is_bare(&reader, &writer) && is_bare(&from, &to) {
            return match (detach(reader, writer), detach(from, to)) {
                (Ok(client), Ok(target)) => crate::relay::pump(&client, &target, plan, meter).await.map(Ok),
                (Err(error), _) | (_, Err(error)) => Ok(Err(error)),
            };
        }
        let guards = (writer.abort_guard(), to.abort_guard());
        relay((&mut reader, &mut writer), (&mut from, &mut to), plan, meter).await?;
        let closed = writer.wait_closed().await.and(to.wait_closed().await);
        Ok(guards.0.judge(guards.1.judge(closed)))
    }
}

fn error(stop: Stop, peer: &crate::endpoint::Address) -> Error {
    match stop {
        Stop::Read(_, cause) => Error::from_io("reading", cause),
        Stop::Write(Way::Up | Way::Down, cause) => Error::from_io("writing", cause),
        Stop::Idle(limit) => super::stdio::idle(peer, limit),
        Stop::Left => Error::Undelivered,
    }
}
