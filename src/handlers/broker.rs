//! What one client sends goes to all others.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::hub::{Feed, Hub};
use super::{DatagramHandler, Handler, Outcome};
use crate::datagram::Datagrams;
use crate::error::Error;
use crate::relay::{Party, Plan, relay};
use crate::stream::{StreamReader, StreamWriter};

const PLAN: Plan = Plan { half_close: true, leave_with_peer: false, between_peers: true };

/// What one client sends goes to all others, from the moment at which they have come, and never back to itself. A clone is
/// the same broker.
///
/// What is read at once from a client, up to 64 KiB, is a chunk; so is a datagram. All clients get the chunks in the same
/// order, each as a whole: nothing of another client is inside of it.
///
/// No client waits for another one. A client for which 1 MiB is waiting when more comes is too slow, and its connection is
/// aborted with [`Error::FellBehind`].
///
/// A client that has ended its side goes on receiving, until it resets the connection or is lost, which is no error then;
/// or until the server ends its clients.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// use astream::handlers::{Broker, Handler};
/// use astream::{ServerOptions, StreamReader, StreamWriter, start_server};
///
/// let broker = Broker::new();
/// let handler = move |reader: StreamReader, writer: StreamWriter| {
///     let broker = broker.clone();
///     async move { broker.handle(reader, writer).await.result }
/// };
/// let server = start_server(handler, &"127.0.0.1:8080".parse()?, &ServerOptions::new()).await?;
/// server.serve_forever().await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Broker {
    pub(super) hub: Arc<Hub>,
}

impl Broker {
    /// A broker without clients.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Handler for Broker {
    async fn handle(&self, mut reader: StreamReader, mut writer: StreamWriter) -> Outcome {
        let guard = writer.abort_guard();
        let mut feed = self.hub.join();
        let mut voice = Voice::new(&self.hub, &feed);
        let (traffic, fell_behind, lost) = (reader.traffic(), feed.fell_behind(), writer.lost());
        let served = {
            let (local, remote) = ((&mut feed, &mut voice, pending()), (&mut reader, &mut writer, lost));
            tokio::select! {
                relayed = Box::pin(relay(local, remote, PLAN, &traffic)) => {
                    relayed.map_err(|stop| stop.into_error(Party::Peer, Party::Peer))
                }
                () = fell_behind => Err(Error::FellBehind),
                why = guard.closed() => Err(why),
            }
        };
        let result = match served {
            // The server ends its clients.
            Ok(()) | Err(Error::Closed) => writer.wait_closed().await,
            Err(error @ Error::Lost { .. }) if voice.has_ended => {
                tracing::info!("the client has left: {error}");
                writer.abort();
                Ok(())
            }
            Err(error) => Err(error),
        };
        guard.judge(result).into()
    }
}

impl DatagramHandler for Broker {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        Err(broker_datagrams(&self.hub, &session).await).into()
    }
}

/// Returns why the session is over.
async fn broker_datagrams(hub: &Arc<Hub>, session: &Datagrams) -> Error {
    let mut feed = hub.join();
    loop {
        let done = tokio::select! {
            received = session.receive_batch() => received.map(|messages| {
                for message in &messages {
                    hub.say(Some(feed.number()), message);
                }
            }),
            said = feed.next() => match said {
                Some(message) => session.send_batch(&[message]).await,
                None => Err(Error::FellBehind),
            },
        };
        if let Err(error) = done {
            return error;
        }
    }
}

/// What one client says, as a stream that takes everything at once.
struct Voice {
    hub: Arc<Hub>,
    number: u64,
    has_said: bool,
    has_ended: bool,
}

impl Voice {
    fn new(hub: &Arc<Hub>, feed: &Feed) -> Self {
        Self { hub: Arc::clone(hub), number: feed.number(), has_said: false, has_ended: false }
    }
}

impl AsyncWrite for Voice {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let voice = self.get_mut();
        // The tasks of the others run between two chunks: they are not behind only because this one goes on.
        if std::mem::take(&mut voice.has_said) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        voice.has_said = true;
        voice.hub.say(Some(voice.number), &Bytes::copy_from_slice(data));
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The client has ended its side.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().has_ended = true;
        Poll::Ready(Ok(()))
    }
}
