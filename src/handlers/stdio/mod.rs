//! Sends stdin, and writes what is received to stdout.

mod broker;
mod crlf;
mod datagrams;
mod direct;
mod input;
mod output;
mod shared;
mod visible;

use std::io::{self, IsTerminal};
use std::time::Duration;

pub use broker::BrokerStdio;
pub use datagrams::LastSenderStdio;
pub use input::stdin_is_null;
pub use shared::SharedStdio;

use input::Input;
use output::{Output, Outputs, reader_gone};

use super::{Handler, Outcome, Use};
use crate::error::Error;
use crate::policy::Wait;
use crate::relay::{Party, Plan, Stop, relay};
use crate::stream::{StreamReader, StreamWriter, can_block};

/// How bytes are exchanged with a peer: what is sent and received, and what ends it.
#[must_use]
#[derive(Debug, Clone)]
pub struct Exchange {
    send: bool,
    receive: bool,
    half_close: bool,
    exit_on_close: bool,
    crlf: bool,
    raw: bool,
    quiet_time: Option<Duration>,
}

/// How long nothing comes before an exchange of datagrams is over: 1 s.
const QUIET: Duration = Duration::from_secs(1);

impl Default for Exchange {
    fn default() -> Self {
        Self {
            send: true,
            receive: true,
            half_close: true,
            exit_on_close: false,
            crlf: false,
            raw: false,
            quiet_time: Some(QUIET),
        }
    }
}

impl Exchange {
    /// Both directions, each to its own end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends only: what is received is dropped, because unread bytes would reset the connection.
    pub fn send_only(mut self, yes: bool) -> Self {
        self.receive = !yes;
        self
    }

    /// Receives only: stdin is not read, and our end is sent after the peer's.
    pub fn receive_only(mut self, yes: bool) -> Self {
        self.send = !yes;
        self
    }

    /// Whether the end of stdin is sent at once, or only after the peer's end.
    pub fn half_close(mut self, yes: bool) -> Self {
        self.half_close = yes;
        self
    }

    /// Ends when the peer ends, as if stdin were a terminal.
    pub fn exit_on_close(mut self, yes: bool) -> Self {
        self.exit_on_close = yes;
        self
    }

    /// Sends CRLF for LF; a CRLF is unchanged.
    pub fn crlf(mut self, yes: bool) -> Self {
        self.crlf = yes;
        self
    }

    /// Writes what is received byte for byte, also to a terminal. By default a terminal is not given what it would act
    /// upon: control characters but tab, line feed and carriage return, and characters that change the direction of
    /// writing, are shown as escapes (`\u{1b}`), and so are bytes that are not UTF-8 (`\xff`). A stdout that is no terminal
    /// always gets every byte as it came.
    pub fn raw(mut self, yes: bool) -> Self {
        self.raw = yes;
        self
    }

    /// Of datagrams, which have no end: how long nothing comes after the end of stdin until that is all; 1 s by
    /// default. With `None` it never is.
    pub fn quiet_time(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.quiet_time = time.into();
        self
    }

    /// Whether what is received is text for a terminal.
    fn is_visible(&self) -> bool {
        self.receive && !self.raw && io::stdout().is_terminal()
    }

    fn output(&self) -> Output {
        if self.receive { Output::stdout(self.is_visible()) } else { Output::nowhere() }
    }

    /// Outputs for several peers.
    fn outputs(&self) -> Result<Outputs, Error> {
        if self.receive { Output::for_several(self.is_visible()) } else { Ok(Box::new(Output::nowhere)) }
    }

    fn plan(&self) -> Plan {
        Plan {
            half_close: self.half_close && self.send,
            leave_with_peer: self.exit_on_close || (self.send && io::stdin().is_terminal()),
            between_peers: false,
        }
    }
}

/// Sends stdin to the peer and writes what the peer sends to stdout. For one connection only, because stdin
/// is read once.
///
/// Over a plain socket the kernel moves the bytes by itself if it can; under TLS each direction has a thread
/// of its own.
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct Stdio {
    exchange: Exchange,
    may_block: bool,
}

impl Stdio {
    /// Exchanges bytes as `exchange` says.
    pub fn new(exchange: Exchange) -> Self {
        Self { exchange, ..Self::default() }
    }

    /// Says that nothing else runs on this thread and its runtime, so that it may be blocked while stdout
    /// takes nothing, which saves a thread.
    pub fn may_block(mut self, yes: bool) -> Self {
        self.may_block = yes;
        self
    }
}

impl Handler for Stdio {
    async fn handle(&self, mut reader: StreamReader, mut writer: StreamWriter) -> Outcome {
        let (plan, traffic) = (self.exchange.plan(), reader.traffic());
        // If only sending matters, a silent peer is not idle.
        traffic.wait(Wait::ForNothing, !self.exchange.receive);
        let is_changed = self.exchange.crlf || self.exchange.is_visible();
        if !is_changed && can_block(&reader, &writer) {
            return direct::exchange(&self.exchange, plan, self.may_block, reader, writer).await.into();
        }
        let guard = writer.abort_guard();
        let mut input = if self.exchange.send { Input::stdin(self.exchange.crlf) } else { Input::nothing() };
        let mut output = self.exchange.output();
        let (gone, lost) = (reader_gone(self.exchange.receive), writer.lost());
        let relayed =
            relay((&mut input, &mut output, gone), (&mut reader, &mut writer, lost), plan, &traffic).await;
        let ended = match relayed {
            Err(Stop::Left) => input.leave().await,
            Err(Stop::Cut) => input.leave().await.and(Err(Stop::Cut)),
            ended => ended,
        };
        let result = match ended {
            Ok(()) => writer.wait_closed().await,
            Err(stop) => Err(error(stop)),
        };
        guard.judge(result).into()
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        let Exchange { send, receive, .. } = self.exchange;
        reader.traffic().wait(Wait::ForNothing, !receive);
        tokio::select! {
            arrived = reader.arrived() => arrived?,
            () = input::is_there(), if send && !stdin_is_null() => {}
        }
        Ok(Use::Certain)
    }
}

/// The error of a relay between stdio and a peer that has stopped.
pub(super) fn error(stop: Stop) -> Error {
    stop.into_error(Party::Stdio, Party::Peer)
}

/// The error of a local stream, unless it is another one that passes through it.
fn local(doing: &'static str, cause: io::Error) -> Error {
    cause.downcast().unwrap_or_else(|cause| Error::local(doing, cause))
}

/// The system gives us no thread, which is not an error of stdin or stdout.
fn no_thread(cause: io::Error) -> Error {
    Error::local("start a thread", cause)
}
