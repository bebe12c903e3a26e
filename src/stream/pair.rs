//! Two connected pairs of streams in memory.

use std::sync::Arc;

use super::link::Link;
use super::{StreamReader, StreamWriter, streams};
use crate::endpoint::Address::Memory;
use crate::transport::Transport;

/// Two ends of a connection that exists only in memory. Each direction holds up to `capacity` bytes (at least 1).
/// Useful for tests: a small capacity finds what a large one hides.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), astream::Error> {
/// let ((mut reader, writer), (mut peer_reader, peer_writer)) = astream::pair(64);
/// writer.write(b"question\n");
/// peer_writer.write(b"answer\n");
/// assert_eq!(peer_reader.readline().await?.unwrap(), "question\n");
/// assert_eq!(reader.readline().await?.unwrap(), "answer\n");
/// # Ok(())
/// # }
/// ```
pub fn pair(capacity: usize) -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let (one, other) = tokio::io::duplex(capacity.max(1));
    let end = |io| streams(Transport::over(io), Link::new(Memory, Memory, Arc::default()));
    (end(one), end(other))
}
