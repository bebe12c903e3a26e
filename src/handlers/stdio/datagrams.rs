//! Sends what is read from stdin as datagrams, and writes those that are received to stdout.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::Level;

use super::output::Outputs;
use super::{Exchange, Input, Output, Stdio, reader_gone};
use crate::datagram::Datagrams;
use crate::error::Error;
use crate::handlers::{DatagramHandler, Outcome};
use crate::policy::{Wait, within};

/// How long a refusal waits to be reported while stdin is open: where stdin ends meanwhile, the result says it.
const NOTICE: Duration = Duration::from_millis(50);

/// How long a refusal may take where there is another address and no answer is wanted: as long as a stream waits for one
/// address before it tries the next (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

/// Each read of stdin is a message: a line of a terminal, and up to 65,507 bytes of anything else; with CRLF half of
/// that. Each message that comes is written as it comes, without a mark between them.
///
/// After the end of stdin it goes on until nothing has come for the [quiet time](Exchange::quiet_time), and has then
/// succeeded. It has failed with [`Error::Refused`] if the peer has refused a message and never sent any, and with
/// [`Error::Idle`] if nothing moved for the session's idle limit while stdin was open.
impl DatagramHandler for Stdio {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        let gone = reader_gone(self.exchange.receive);
        let output = self.exchange.output();
        let mut receiving =
            Receiving { session: &session, output, is_answered: false, refused: None, is_reported: false };
        let result = tokio::select! {
            result = talk(&self.exchange, &mut receiving) => result,
            _ = gone => Err(write_error(ErrorKind::BrokenPipe.into())),
        };
        let is_reported = receiving.is_reported
            && tracing::enabled!(Level::WARN)
            && matches!(result, Err(Error::Refused { .. }));
        Outcome { is_reported, ..result.into() }
    }
}

async fn talk(exchange: &Exchange, receiving: &mut Receiving<'_>) -> Result<(), Error> {
    let (session, (at_end, ended)) = (receiving.session, watch::channel(false));
    let send = async {
        let mut input = if exchange.send { Input::messages(exchange.crlf) } else { Input::nothing() };
        while let Some(message) = input.next().await? {
            session.send_batch(&[message]).await?;
        }
        at_end.send_replace(true);
        Ok(())
    };
    // Who wants no answer need not wait for one, but for a refusal where there is another address.
    let quiet_time = || match exchange.receive {
        true => exchange.quiet_time,
        false if session.may_go_on() => Some(HEAD_START),
        false => Some(Duration::ZERO),
    };
    tokio::try_join!(send, receiving.run(ended, quiet_time)).map(drop)
}

/// Writes what comes to stdout.
struct Receiving<'a> {
    session: &'a Datagrams,
    output: Output,
    is_answered: bool,
    refused: Option<Error>,
    is_reported: bool,
}

impl Receiving<'_> {
    /// Until nothing has come for `quiet_time` after the end of stdin.
    async fn run(
        &mut self,
        mut ended: watch::Receiver<bool>,
        quiet_time: impl Fn() -> Option<Duration>,
    ) -> Result<(), Error> {
        let state = ended.clone();
        let is_open = || !*state.borrow();
        loop {
            let quiet = async {
                let _ = ended.wait_for(|ended| *ended).await;
                within(quiet_time(), std::future::pending::<()>()).await
            };
            tokio::select! {
                biased;
                received = self.session.receive_batch() => match received {
                    Ok(messages) => {
                        self.is_answered = true;
                        write_all(&mut self.output, &messages, self.session).await?;
                    }
                    Err(error @ Error::Refused { .. }) => self.refused = Some(error),
                    Err(Error::Idle { .. }) if !is_open() => break,
                    Err(error) => return Err(error),
                },
                () = sleep(NOTICE), if is_open() && self.refused.is_some() && !self.is_reported => {
                    // Its end may have come meanwhile.
                    self.is_reported = is_open();
                    if let Some(error) = self.refused.as_ref().filter(|_| self.is_reported) {
                        tracing::warn!("{error}; sending goes on");
                    }
                }
                _ = quiet => break,
            }
        }
        self.refused.take().filter(|_| !self.is_answered).map_or(Ok(()), Err)
    }
}

/// Returns when stdout has them; meanwhile the session is not idle.
async fn write_all(output: &mut Output, messages: &[Bytes], session: &Datagrams) -> Result<(), Error> {
    let traffic = session.traffic();
    traffic.wait(Wait::ForOutput, true);
    for message in messages {
        output.write_text(message).await.map_err(write_error)?;
    }
    output.flush().await.map_err(write_error)?;
    traffic.wait(Wait::ForOutput, false);
    Ok(())
}

fn write_error(cause: io::Error) -> Error {
    Error::from_local("write to stdout", cause)
}

/// stdin to the peer that has sent last, and to stdout what comes from any peer. stdin is not read before the first
/// one has sent something, and each read of it is a message. Its end ends nothing.
pub struct LastSenderStdio {
    exchange: Exchange,
    last: Arc<watch::Sender<Option<Datagrams>>>,
    reading: Once,
    /// Why stdin could not be read.
    failed: Arc<watch::Sender<Option<Error>>>,
    output: Outputs,
}

impl LastSenderStdio {
    /// Sends and receives as `exchange` says.
    ///
    /// # Errors
    /// [`Error::Local`] if no thread can be started for stdout.
    pub fn new(exchange: Exchange) -> Result<Self, Error> {
        let output = exchange.outputs()?;
        let (last, failed) = (Arc::default(), Arc::default());
        Ok(Self { exchange, last, reading: Once::new(), failed, output })
    }

    fn start_reading(&self) {
        if !self.exchange.send {
            return;
        }
        let (last, failed) = (Arc::clone(&self.last), Arc::clone(&self.failed));
        let mut input = Input::messages(self.exchange.crlf);
        tokio::spawn(async move {
            if let Err(error) = answer(&mut input, &last).await {
                failed.send_replace(Some(error));
            }
        });
    }
}

/// Sends each read of stdin to the peer that is the last one then.
async fn answer(input: &mut Input, last: &watch::Sender<Option<Datagrams>>) -> Result<(), Error> {
    while let Some(message) = input.next().await? {
        let peer = last.borrow().clone();
        if let Some(peer) = peer
            && let Err(error) = peer.send_batch(&[message]).await
        {
            tracing::warn!("{error}");
        }
    }
    Ok(())
}

impl DatagramHandler for LastSenderStdio {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        let (mut output, mut failed) = ((self.output)(), self.failed.subscribe());
        loop {
            let received = tokio::select! {
                received = session.receive_batch() => received,
                failed = failed.wait_for(Option::is_some) => Err(match failed {
                    Ok(failed) => failed.clone().unwrap_or(Error::Closed),
                    Err(_) => Error::Closed,
                }),
            };
            let written = match received {
                Ok(messages) => {
                    self.last.send_replace(Some(session.clone()));
                    self.reading.call_once(|| self.start_reading());
                    write_all(&mut output, &messages, &session).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                return Err(error).into();
            }
        }
    }
}
