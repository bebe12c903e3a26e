//! Reads and drops.

use tokio::io::AsyncBufReadExt;

use super::{DatagramHandler, Handler, Outcome, Use};
use crate::datagram::Datagrams;
use crate::error::Error;
use crate::stream::{StreamReader, StreamWriter};

/// Reads what it receives and drops it. It sends nothing but its end, after that of the peer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Handler for Discard {
    async fn handle(&self, mut reader: StreamReader, writer: StreamWriter) -> Outcome {
        let guard = writer.abort_guard();
        let discarded = match discard(&mut reader).await {
            Ok(()) => writer.wait_closed().await,
            Err(error) => Err(error),
        };
        guard.judge(discarded).into()
    }

    async fn in_use(&self, reader: &StreamReader) -> Result<Use, Error> {
        reader.arrived().await.map(|()| Use::Certain)
    }
}

impl DatagramHandler for Discard {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        loop {
            if let Err(error) = session.receive_batch().await {
                return Err(error).into();
            }
        }
    }
}

async fn discard(reader: &mut StreamReader) -> Result<(), Error> {
    loop {
        let data = reader.fill_buf().await.map_err(|error| Error::from_io("reading", error))?;
        let n = data.len();
        if n == 0 {
            return Ok(());
        }
        reader.consume(n);
    }
}
