//! Pipes between the command and the connection, whose bytes go through the streams.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};

use rustix::io::{Errno, read};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::SetOnce;

use super::{Command, Ended, Environment};
use crate::error::Error;
use crate::relay::{Party, Plan, relay};
use crate::stream::{AbortGuard, StreamReader, StreamWriter};

const PLAN: Plan = Plan { half_close: true, leave_with_peer: false, between_peers: false };

/// How many bytes of the command's output are read at once.
const CHUNK: usize = 64 * 1024;

pub(super) async fn run(
    command: &Command,
    environment: &Environment,
    mut reader: StreamReader,
    mut writer: StreamWriter,
    guard: AbortGuard,
) -> Result<Ended, Error> {
    writer.set_relayed();
    let mut child = command.start(environment, Stdio::piped(), Stdio::piped())?;
    let (stdin, stdout) = child.pipes().ok_or(Error::Closed)??;
    let ends = Ends::default();
    let mut input = Input(Some(stdin));
    let mut output = BufReader::with_capacity(CHUNK, Output::new(stdout, &ends));
    let (traffic, lost) = (reader.traffic(), writer.lost());
    let serving = async {
        let (local, remote) = ((&mut output, &mut input, pending()), (&mut reader, &mut writer, lost));
        tokio::select! {
            relayed = Box::pin(relay(local, remote, PLAN, &traffic)) => {
                let party = Party::Named(command.name().to_string());
                relayed.map_err(|stop| stop.into_error(party, Party::Peer))?;
            }
            // What the peer still sends has no reader any more.
            () = ends.all() => {}
        }
        Ok(*ends.exit.wait().await)
    };
    let waiting = async {
        match child.ended().await {
            Ok(status) => {
                // This is the only place where it is set.
                let _ = ends.exit.set(status);
                pending().await
            }
            Err(cause) => cause,
        }
    };
    let served = tokio::select! {
        served = serving => served,
        cause = waiting => Err(cause.into()),
        why = guard.closed() => Err(why),
    };
    let connection = match served {
        Ok(status) if status.code().is_some() => guard.judge(writer.wait_closed().await),
        Ok(_) => {
            // It has not come to its end, but what it has written is sent before the reset.
            writer.sent().await;
            Ok(())
        }
        Err(error) => {
            drop(guard);
            Err(error)
        }
    };
    let status = ends.exit.get().copied();
    if status.is_none() {
        child.end().await;
    }
    Ok(Ended { status, connection })
}

/// What has ended of a command.
#[derive(Default)]
struct Ends {
    exit: SetOnce<ExitStatus>,
    output: SetOnce<()>,
}

impl Ends {
    /// Waits until the command has ended and everything that it has written was read.
    async fn all(&self) {
        self.exit.wait().await;
        self.output.wait().await;
    }
}

/// The stdout of the command. It has no end for the relay, which would pass it on before it is known whether the command
/// was killed: see [`Ends`].
struct Output<'a> {
    stdout: Receiver,
    ends: &'a Ends,
    exit: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
}

impl<'a> Output<'a> {
    fn new(stdout: Receiver, ends: &'a Ends) -> Self {
        let exit = Box::pin(async { _ = ends.exit.wait().await });
        Self { stdout, ends, exit }
    }

    fn has_exited(&mut self, cx: &mut Context<'_>) -> bool {
        // The future is not polled again once it is done.
        self.ends.exit.get().is_some() || self.exit.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for Output<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let output = self.get_mut();
        let before = buf.filled().len();
        if Pin::new(&mut output.stdout).poll_read(cx, buf)?.is_pending() {
            if !output.has_exited(cx) {
                return Poll::Pending;
            }
            // The runtime may not have noticed the last bytes.
            match read(&output.stdout, buf.initialize_unfilled()) {
                Ok(n) => buf.advance(n),
                Err(Errno::AGAIN) => {}
                Err(cause) => return Poll::Ready(Err(cause.into())),
            }
        }
        if buf.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        // It may have been set already.
        let _ = output.ends.output.set(());
        Poll::Pending
    }
}

/// The stdin of the command. What comes after the command has closed it is dropped: it may go on writing.
struct Input(Option<Sender>);

impl AsyncWrite for Input {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let input = self.get_mut();
        let Some(stdin) = &mut input.0 else { return Poll::Ready(Ok(data.len())) };
        match Pin::new(stdin).poll_write(cx, data) {
            Poll::Ready(Err(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => {
                input.0 = None;
                Poll::Ready(Ok(data.len()))
            }
            polled => polled,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0 = None;
        Poll::Ready(Ok(()))
    }
}
