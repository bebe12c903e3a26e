//! A command for each session of datagrams: each message is written to its stdin, and each of its writes is a message.

use std::future::pending;
use std::process::Stdio;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::sleep;

use super::child::GRACE;
use super::{Command, Ended, Environment};
use crate::datagram::{Datagrams, MAX_DATAGRAM};
use crate::error::Error;
use crate::handlers::{DatagramHandler, Outcome};

impl DatagramHandler for Command {
    async fn handle_datagrams(&self, session: Datagrams) -> Outcome {
        match Box::pin(run(self, &session)).await {
            Ok(ended) => self.outcome(ended),
            Err(error) => Err(error).into(),
        }
    }
}

async fn run(command: &Command, session: &Datagrams) -> Result<Ended, Error> {
    let environment = Environment::of_session(session);
    let mut child = command.start(&environment, Stdio::piped(), Stdio::piped())?;
    let (stdin, mut stdout) = child.pipes().ok_or(Error::Closed)??;
    let mut refused = None;
    let over = tokio::select! {
        ended = child.ended() => Ok(ended?),
        error = feed(session, stdin, &mut refused) => Err(error),
        error = answer(session, &mut stdout) => Err(error),
    };
    let (status, connection) = match over {
        Ok(status) => (Some(status), Ok(())),
        // Silence is how a session ends. The command has come to the end of its input, and may answer that.
        Err(error @ Error::Idle { .. }) => {
            let status = tokio::select! {
                ended = child.ended() => Some(ended?),
                _ = answer(session, &mut stdout) => None,
                () = sleep(GRACE) => None,
            };
            (status, Err(error))
        }
        Err(error) => (None, Err(error)),
    };
    if status.is_none() {
        child.end().await;
    } else {
        // What it wrote last is in the pipe, which another process may hold open.
        let mut message = vec![0; MAX_DATAGRAM];
        while let Ok(length @ 1..) = rustix::io::read(&stdout, &mut message[..]) {
            session.send(&message[..length]).await?;
        }
    }
    // Without any answer a refusal is what has become of all that was sent.
    let was_answered = session.traffic().totals().received > 0;
    let connection = refused.filter(|_| !was_answered).map_or(connection, Err);
    Ok(Ended { status, connection })
}

/// Writes each message to the command. What comes after the command has closed its stdin is dropped. Returns why the
/// session is over; `refused` is the last refusal.
async fn feed(session: &Datagrams, stdin: Sender, refused: &mut Option<Error>) -> Error {
    let mut stdin = Some(stdin);
    loop {
        let messages = match session.receive_batch().await {
            Ok(messages) => messages,
            // The peer may receive later.
            Err(error @ Error::Refused { .. }) => {
                tracing::info!("{error}");
                *refused = Some(error);
                continue;
            }
            // What comes from now on is for a new session; what has come until now is still there.
            Err(error @ Error::Idle { .. }) if session.ended().is_none() => {
                session.end(error);
                continue;
            }
            Err(error) => return error,
        };
        for message in messages {
            if let Some(open) = &mut stdin
                && open.write_all(&message).await.is_err()
            {
                stdin = None;
            }
        }
    }
}

/// Sends what the command writes. Returns why that is not possible.
async fn answer(session: &Datagrams, stdout: &mut Receiver) -> Error {
    let mut message = vec![0; MAX_DATAGRAM];
    loop {
        let length = match stdout.read(&mut message).await {
            Ok(0) | Err(_) => return pending().await,
            Ok(length) => length,
        };
        if let Err(error) = session.send(&message[..length]).await {
            return error;
        }
    }
}
