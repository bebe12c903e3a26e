//! Sends stdin to every client, and writes what every client sends to stdout.

use std::future::pending;
use std::sync::{Arc, Once};

use super::output::Outputs;
use super::{Exchange, Input, error};
use crate::error::Error;
use crate::handlers::hub::Hub;
use crate::handlers::{Handler, Outcome};
use crate::relay::{Stop, relay};
use crate::stream::{Direction, StreamReader, StreamWriter};

/// stdin and stdout, shared by all connections of a server. The fastest client sets the pace of stdin; one that falls
/// more than 1 MiB behind it is dropped with [`Error::FellBehind`].
pub struct SharedStdio {
    exchange: Exchange,
    hub: Arc<Hub>,
    /// stdin is not read before the first client has connected.
    reading: Once,
    output: Outputs,
}

impl SharedStdio {
    /// Exchanges bytes with each client as `exchange` says.
    ///
    /// # Errors
    /// [`Error::Local`] if no thread can be started for stdout.
    pub fn new(exchange: Exchange) -> Result<Self, Error> {
        let output = exchange.outputs()?;
        Ok(Self { exchange, hub: Arc::default(), reading: Once::new(), output })
    }

    fn start_reading(&self) {
        if self.exchange.send {
            tokio::spawn(read_all(Input::stdin(self.exchange.crlf), Arc::clone(&self.hub)));
        } else {
            self.hub.end(Ok(()));
        }
    }
}

impl Handler for SharedStdio {
    async fn handle(&self, mut reader: StreamReader, mut writer: StreamWriter) -> Outcome {
        let mut input = self.hub.join();
        self.reading.call_once(|| self.start_reading());
        let (plan, traffic) = (self.exchange.plan(), reader.traffic());
        let guard = writer.abort_guard();
        let mut output = (self.output)();
        let (fell_behind, lost) = (input.fell_behind(), writer.lost());
        let (local, remote) = ((&mut input, &mut output, pending()), (&mut reader, &mut writer, lost));
        let relayed = tokio::select! {
            relayed = relay(local, remote, plan, &traffic) => relayed,
            () = fell_behind => Err(Stop::Read(Direction::Sent, Error::FellBehind.into())),
        };
        let result = match relayed {
            Ok(()) => writer.wait_closed().await,
            Err(Stop::Left) if input.is_consumed() => writer.wait_closed().await,
            Err(stop) => Err(error(stop)),
        };
        guard.judge(result).into()
    }
}

/// Reads `input` to its end.
async fn read_all(mut input: Input, hub: Arc<Hub>) {
    let end = loop {
        match input.next().await {
            Ok(Some(chunk)) => hub.deliver(chunk).await,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    hub.end(end);
}
