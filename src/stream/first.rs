//! The first of several targets that can be reached.

use super::connect::{ForClient, open_once};
use super::{ConnectOptions, StreamReader, StreamWriter};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::policy::Deadline;

/// Opens a connection to the first of these targets that can be reached, in this order, and says which one it is. Each
/// has its own time limit. [`ConnectOptions::retry_for`] is that of the first: all are tried, and then all again.
/// May be cancelled.
///
/// # Errors
/// As [`open_connection`](super::open_connection); of several targets it is one that names them all.
pub(crate) async fn open_first<'a>(
    targets: &[(&'a Endpoint, &ConnectOptions)],
    client: ForClient<'_>,
) -> Result<(&'a Endpoint, (StreamReader, StreamWriter)), Error> {
    let Some((_, first)) = targets.first() else { return Err(Error::invalid("", "there is no target")) };
    let round = |end: Deadline| async move {
        let mut failed = Vec::new();
        for &(target, options) in targets {
            let deadline = Deadline::after(options.timeout).or(end);
            match open_once(target, options, deadline, client).await {
                Ok((streams, _)) => return Ok((target, streams)),
                Err(error) => failed.push((target, error)),
            }
            if let Some((_, error)) = failed.last().filter(|_| failed.len() < targets.len()) {
                tracing::warn!("{error}; trying the next target");
            }
        }
        Err(Error::of_targets(failed))
    };
    first.in_tries(None, round).await
}
