//! stdin to the writer, the reader to stdout.

mod crlf;
mod direct;
mod input;
mod output;

use std::io::IsTerminal;
use std::time::Duration;

pub(super) use input::Input;
pub use input::stdin_is_null;
pub(super) use output::Output;

use super::{Handler, Outcome};
use crate::error::Error;
use crate::relay::{Meter, Plan, Stop, Way, relay};
use crate::stream::{StreamReader, StreamWriter, can_block};

/// How bytes are exchanged with a peer: what is sent and received, and what ends it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub(super) send: bool,
    pub(super) receive: bool,
    pub(super) half_close: bool,
    pub(super) exit_on_close: bool,
    pub(super) crlf: bool,
    pub(super) idle_timeout: Option<Duration>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            send: true,
            receive: true,
            half_close: true,
            exit_on_close: false,
            crlf: false,
            idle_timeout: None,
        }
    }
}

impl Exchange {
    /// Both ways, each to its own end, without a time limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends only: what comes is read and dropped, because unread bytes would reset the connection.
    #[must_use]
    pub fn send_only(mut self, yes: bool) -> Self {
        self.receive = !yes;
        self
    }

    /// Receives only: stdin is left alone, and our end comes after the peer's.
    #[must_use]
    pub fn receive_only(mut self, yes: bool) -> Self {
        self.send = !yes;
        self
    }

    /// Whether the end of stdin is passed on at once, or only after the peer's end.
    #[must_use]
    pub fn half_close(mut self, yes: bool) -> Self {
        self.half_close = yes;
        self
    }

    /// Leaves when the peer ends, as if stdin were a terminal.
    #[must_use]
    pub fn exit_on_close(mut self, yes: bool) -> Self {
        self.exit_on_close = yes;
        self
    }

    /// Sends CRLF for LF; a CRLF stays one.
    #[must_use]
    pub fn crlf(mut self, yes: bool) -> Self {
        self.crlf = yes;
        self
    }

    /// Ends the connection when nothing moves either way for this long.
    #[must_use]
    pub fn idle_timeout(mut self, limit: Option<Duration>) -> Self {
        self.idle_timeout = limit;
        self
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            half_close: self.half_close && self.send,
            leave_with_peer: self.exit_on_close || (self.send && std::io::stdin().is_terminal()),
            idle: self.idle_timeout,
            between_peers: false,
        }
    }
}

/// stdin to the peer, the peer to stdout: for one connection, since stdin is read once.
///
/// Over a plain socket the kernel moves the bytes by itself where it can; under TLS each way has a
/// thread of its own.
#[derive(Debug, Clone, Default)]
pub struct Stdio {
    exchange: Exchange,
    may_block: bool,
    by_streams: bool,
}

impl Stdio {
    /// Exchanges bytes as `exchange` says.
    pub fn new(exchange: Exchange) -> Self {
        Self { exchange, ..Self::default() }
    }

    /// Nothing else runs on this thread and its runtime: it may be blocked until the peer ends,
    /// which spares a thread.
    #[must_use]
    pub fn may_block(mut self, yes: bool) -> Self {
        self.may_block = yes;
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

impl Handler for Stdio {
    async fn handle(&self, mut reader: StreamReader, mut writer: StreamWriter) -> Outcome {
        let plan = self.exchange.plan();
        if !self.by_streams && !self.exchange.crlf && can_block(&reader, &writer) {
            return direct::exchange(&self.exchange, plan, self.may_block, reader, writer).await;
        }
        let meter = Meter::of_stdio(plan.idle, self.exchange.receive);
        meter.watch(&writer);
        let guard = writer.abort_guard();
        let mut input = if self.exchange.send { Input::stdin(self.exchange.crlf) } else { Input::nothing() };
        let mut output = if self.exchange.receive { Output::stdout() } else { Output::nowhere() };
        let relayed = relay((&mut input, &mut output), (&mut reader, &mut writer), plan, &meter).await;
        let result = match relayed {
            Ok(()) => writer.wait_closed().await,
            Err(Stop::Left) if input.is_delivered() => writer.wait_closed().await,
            Err(stop) => Err(error(stop)),
        };
        Outcome { totals: meter.totals(), result: guard.judge(result) }
    }
}

/// What stopped a relay between stdio and a peer.
fn error(stop: Stop) -> Error {
    match stop {
        Stop::Read(Way::Up, cause) => Error::Local { doing: "read stdin", cause: cause.into() },
        Stop::Write(Way::Down, cause) => Error::Local { doing: "write to stdout", cause: cause.into() },
        Stop::Read(Way::Down, cause) => Error::from_io("reading", cause),
        Stop::Write(Way::Up, cause) => Error::from_io("writing", cause),
        Stop::Idle(after) => Error::Idle { after },
        Stop::Left => Error::Undelivered,
    }
}
