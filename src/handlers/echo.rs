//! Everything back to the sender.

use std::time::Duration;

use tokio::io::AsyncBufReadExt;

use super::{Handler, Outcome, Use, used_within};
use crate::error::Error;
use crate::relay::{Meter, Way};
use crate::stream::{StreamReader, StreamWriter};

/// Sends back what comes, and the end after it.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    idle_timeout: Option<Duration>,
}

impl Echo {
    /// An echo without a time limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends a connection on which nothing moves for this long.
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = limit.into();
        self
    }
}

impl Handler for Echo {
    #[expect(
        clippy::manual_async_fn,
        reason = "ten thousand are held, and an async fn keeps its arguments twice"
    )]
    fn handle(&self, mut reader: StreamReader, writer: StreamWriter) -> impl Future<Output = Outcome> + Send {
        async move {
            let meter = Meter::new(self.idle_timeout);
            meter.watch(&writer);
            let guard = writer.abort_guard();
            let result = tokio::select! {
                echoed = echo(&mut reader, &writer, &meter) => echoed,
                after = meter.idle() => Err(Error::Idle { after }),
            };
            Outcome { totals: meter.totals(), result: guard.judge(result) }
        }
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        used_within(self.idle_timeout, reader.arrived()).await
    }
}

async fn echo(reader: &mut StreamReader, writer: &StreamWriter, meter: &Meter) -> Result<(), Error> {
    loop {
        let data = reader.fill_buf().await.map_err(|error| Error::from_io("reading", error))?;
        let n = data.len();
        if n == 0 {
            return writer.wait_closed().await;
        }
        meter.moved(Way::Down, n);
        writer.write(data);
        reader.consume(n);
        writer.drain().await?;
        meter.moved(Way::Up, n);
    }
}
