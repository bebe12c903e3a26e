//! The command has the socket itself, and moves its own bytes.

use std::process::Stdio;

use super::{Command, Ended, Environment};
use crate::error::Error;
use crate::stream::{AbortGuard, StreamReader, StreamWriter, detach};
use crate::transport::AsyncSocket;

pub(super) async fn run(
    command: &Command,
    environment: &Environment,
    reader: StreamReader,
    writer: StreamWriter,
    guard: AbortGuard,
) -> Result<Ended, Error> {
    let limit = writer.close_timeout();
    let traffic = reader.traffic();
    traffic.set_uncounted();
    let socket = detach(reader, writer)?;
    let unfinished = Unfinished(&socket);
    let shared = || socket.for_another_process().map(Stdio::from).map_err(Error::other);
    let mut child = command.start(environment, shared()?, shared()?)?;
    let lost = tokio::select! {
        ended = child.ended() => {
            let status = ended?;
            let connection = match status.code() {
                Some(_) => tokio::select! {
                    closed = socket.close(limit) => closed.map_err(|cause| Error::from_io("writing", cause)),
                    why = traffic.over() => Err(why),
                },
                // What a command has written before it was killed may be half of an answer.
                None => return Ok(Ended { status: Some(status), connection: Ok(()) }),
            };
            if connection.is_ok() {
                unfinished.disarm();
            }
            return Ok(Ended { status: Some(status), connection: guard.judge(connection) });
        }
        cause = socket.lost() => Error::from_io("reading", cause),
        why = guard.closed() => why,
        why = traffic.over() => why,
    };
    drop(unfinished);
    child.end().await;
    Ok(Ended { status: None, connection: Err(lost) })
}

/// Aborts the connection, so that what was cut short does not look complete to the peer.
struct Unfinished<'a>(&'a AsyncSocket);

impl Unfinished<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.reset();
    }
}
