//! stdin to the writer, the reader to stdout.

mod crlf;
mod direct;
mod input;
mod output;

use std::io::{self, IsTerminal};
use std::time::Duration;

pub(super) use input::Input;
pub use input::stdin_is_null;
pub(super) use output::Output;
use output::reader_gone;

use super::{Handler, Outcome, Use, used_within};
use crate::error::Error;
use crate::relay::{Meter, Party, Plan, Stop, relay};
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
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = limit.into();
        self
    }

    pub(super) fn plan(&self) -> Plan {
        Plan {
            half_close: self.half_close && self.send,
            leave_with_peer: self.exit_on_close || (self.send && io::stdin().is_terminal()),
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

    /// Nothing else runs on this thread and its runtime: it may be blocked while stdout takes nothing,
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
        let (gone, lost) = (reader_gone(self.exchange.receive), writer.lost());
        let relayed =
            relay((&mut input, &mut output, gone), (&mut reader, &mut writer, lost), plan, &meter).await;
        let ended = match relayed {
            Err(Stop::Left) => input.leave().await,
            ended => ended,
        };
        let result = match ended {
            Ok(()) => writer.wait_closed().await,
            Err(stop) => Err(error(stop)),
        };
        Outcome { totals: meter.totals(), result: guard.judge(result) }
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        let Exchange { send, receive, idle_timeout, .. } = self.exchange;
        let used = async {
            tokio::select! {
                arrived = reader.arrived() => arrived,
                () = input::is_there(), if send && !stdin_is_null() => Ok(()),
            }
        };
        // The peer of one who only sends has nothing to say.
        used_within(idle_timeout.filter(|_| receive), used).await
    }
}

/// What stopped a relay between stdio and a peer.
pub(super) fn error(stop: Stop) -> Error {
    stop.into_error(Party::Stdio, Party::Peer)
}

/// The system gives us no thread, which is no fault of stdin or stdout.
fn no_thread(cause: io::Error) -> Error {
    Error::Local { doing: "start a thread", cause: cause.into() }
}
