//! stdin to every client, every client to stdout. The fastest client sets the pace; one that falls
//! too far behind it is let go, so that nobody waits for a client that is stuck.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, ReadBuf};
use tokio::sync::{Notify, mpsc, oneshot};

use super::stdio::{Exchange, Input, Output, error};
use super::{Handler, Outcome};
use crate::error::Error;
use crate::relay::{Meter, Stop, Way, relay};
use crate::stream::{StreamReader, StreamWriter};

/// How many chunks of up to 64 KiB a client may be behind the fastest: 1 MiB.
const BEHIND: usize = 16;

/// stdin and stdout, shared by all connections of a server.
pub struct SharedStdio {
    exchange: Exchange,
    hub: Arc<Hub>,
    output: Box<dyn Fn() -> Output + Send + Sync>,
}

impl SharedStdio {
    /// Exchanges bytes with each client as `exchange` says.
    ///
    /// # Errors
    /// [`Error::Local`] if no thread can be had for stdout.
    pub fn new(exchange: Exchange) -> Result<Self, Error> {
        let output: Box<dyn Fn() -> Output + Send + Sync> =
            if exchange.receive { Box::new(Output::shared()?) } else { Box::new(Output::nowhere) };
        Ok(Self { exchange, hub: Arc::default(), output })
    }
}

impl Handler for SharedStdio {
    async fn handle(&self, mut reader: StreamReader, mut writer: StreamWriter) -> Outcome {
        let plan = self.exchange.plan();
        let mut input = self.hub.join(&self.exchange);
        let meter = Meter::new(plan.idle);
        meter.watch(&writer);
        let guard = writer.abort_guard();
        let mut output = (self.output)();
        let let_go = input.let_go.take();
        let lost = writer.lost();
        let (local, remote) = ((&mut input, &mut output, pending()), (&mut reader, &mut writer, lost));
        let relayed = tokio::select! {
            relayed = relay(local, remote, plan, &meter) => relayed,
            () = is_let_go(let_go) => Err(Stop::Read(Way::Up, Error::FellBehind.into())),
        };
        let result = match relayed {
            Ok(()) => writer.wait_closed().await,
            Err(Stop::Left) if input.is_delivered() => writer.wait_closed().await,
            Err(stop) => Err(error(stop)),
        };
        Outcome { totals: meter.totals(), result: guard.judge(result) }
    }
}

/// stdin and those who wait for it.
#[derive(Default)]
struct Hub {
    state: Mutex<State>,
    /// A client has come, gone, or made room.
    changed: Notify,
}

#[derive(Default)]
struct State {
    reading: Reading,
    clients: Vec<Client>,
}

/// A client as the reading side sees it.
struct Client {
    chunks: mpsc::Sender<Bytes>,
    let_go: oneshot::Sender<()>,
}

#[derive(Default, Clone)]
enum Reading {
    /// Nothing is read before the first client.
    #[default]
    NotYet,
    On,
    Ended,
    Failed(Error),
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client's share of stdin, which has ended for one who comes after the end.
    fn join(self: &Arc<Self>, exchange: &Exchange) -> ClientInput {
        let (sender, chunks) = mpsc::channel(BEHIND);
        let (signal, let_go) = oneshot::channel();
        let mut state = self.state();
        if !exchange.send {
            state.reading = Reading::Ended;
        } else if matches!(state.reading, Reading::NotYet) {
            state.reading = Reading::On;
            tokio::spawn(Arc::clone(self).read(exchange.crlf));
        }
        if matches!(state.reading, Reading::On) {
            state.clients.push(Client { chunks: sender, let_go: signal });
        }
        drop(state);
        self.changed.notify_one();
        ClientInput { chunks, let_go: Some(let_go), hub: Arc::clone(self), chunk: Bytes::new() }
    }

    /// Reads stdin to its end.
    async fn read(self: Arc<Self>, crlf: bool) {
        let mut input = Input::stdin(crlf);
        let ended = loop {
            match input.fill_buf().await {
                Ok([]) => break Reading::Ended,
                Ok(data) => {
                    let chunk = Bytes::copy_from_slice(data);
                    input.consume(chunk.len());
                    self.deliver(chunk).await;
                }
                Err(cause) => {
                    break Reading::Failed(cause.downcast().unwrap_or_else(|cause: io::Error| {
                        Error::Local { doing: "read stdin", cause: cause.into() }
                    }));
                }
            }
        };
        let mut state = self.state();
        state.reading = ended;
        state.clients.clear();
    }

    /// Gives `chunk` to all as soon as one has room for it; whoever has none then is let go.
    async fn deliver(&self, chunk: Bytes) {
        loop {
            {
                let mut state = self.state();
                state.clients.retain(|client| !client.chunks.is_closed());
                if state.clients.iter().any(|client| client.chunks.capacity() > 0) {
                    state.give(&chunk);
                    return;
                }
            }
            self.changed.notified().await;
        }
    }
}

impl State {
    fn give(&mut self, chunk: &Bytes) {
        for client in std::mem::take(&mut self.clients) {
            if client.chunks.try_send(chunk.clone()).is_ok() {
                self.clients.push(client);
            } else {
                // Gone by itself, or stuck in a write.
                let _ = client.let_go.send(());
            }
        }
    }
}

/// Returns when the client is let go; never if it is not.
async fn is_let_go(signal: Option<oneshot::Receiver<()>>) {
    let fired = match signal {
        Some(signal) => signal.await.is_ok(),
        None => false,
    };
    if !fired {
        pending::<()>().await;
    }
}

/// What one client gets of stdin.
struct ClientInput {
    chunks: mpsc::Receiver<Bytes>,
    /// Fires when the client has fallen too far behind.
    let_go: Option<oneshot::Receiver<()>>,
    hub: Arc<Hub>,
    chunk: Bytes,
}

impl ClientInput {
    fn is_delivered(&self) -> bool {
        self.chunk.is_empty() && self.chunks.is_empty()
    }

    /// Why no more chunks come.
    fn end(&self) -> io::Result<()> {
        match &self.hub.state().reading {
            Reading::Ended => Ok(()),
            Reading::Failed(error) => Err(error.clone().into()),
            // Let go, which is about to be told.
            Reading::NotYet | Reading::On => Err(Error::FellBehind.into()),
        }
    }
}

impl Drop for ClientInput {
    fn drop(&mut self) {
        self.chunks.close();
        self.hub.changed.notify_one();
    }
}

impl AsyncBufRead for ClientInput {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let input = self.get_mut();
        if input.chunk.is_empty() {
            match ready!(input.chunks.poll_recv(cx)) {
                Some(chunk) => {
                    input.chunk = chunk;
                    input.hub.changed.notify_one();
                }
                None => input.end()?,
            }
        }
        Poll::Ready(Ok(&input.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().chunk.advance(amount);
    }
}

impl AsyncRead for ClientInput {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let data = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = data.len().min(buf.remaining());
        buf.put_slice(&data[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}
