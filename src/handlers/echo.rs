//! Sends everything back.

use tokio::io::AsyncBufReadExt;

use super::{DatagramHandler, Handler, Outcome, Use};
use crate::datagram::Datagrams;
use crate::error::Error;
use crate::stream::{StreamReader, StreamWriter};

/// Sends back what it receives, and the end after it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Handler for Echo {
    #[expect(
        clippy::manual_async_fn,
        reason = "ten thousand are held, and an async fn keeps its arguments twice"
    )]
    fn handle(&self, mut reader: StreamReader, writer: StreamWriter) -> impl Future<Output = Outcome> + Send {
        async move {
            let guard = writer.abort_guard();
            guard.judge(echo(&mut reader, &writer).await).into()
        }
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        reader.arrived().await.map(|()| Use::Certain)
    }
}

impl DatagramHandler for Echo {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        Err(echo_datagrams(&session).await).into()
    }
}

/// Returns why the session is over.
async fn echo_datagrams(session: &Datagrams) -> Error {
    loop {
        let sent = match session.receive_batch().await {
            Ok(messages) => session.send_batch(&messages).await,
            Err(error) => return error,
        };
        if let Err(error) = sent {
            return error;
        }
    }
}

async fn echo(reader: &mut StreamReader, writer: &StreamWriter) -> Result<(), Error> {
    loop {
        let data = reader.fill_buf().await.map_err(|error| Error::from_io("reading", error))?;
        let n = data.len();
        if n == 0 {
            return writer.wait_closed().await;
        }
        writer.write(data);
        reader.consume(n);
        writer.drain().await?;
    }
}
