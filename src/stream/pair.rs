//! Two connected pairs of streams in memory.

use std::sync::Arc;

use super::link::Link;
use super::{StreamReader, StreamWriter, streams};
use crate::endpoint::Address::Memory;
use crate::transport::Transport;

/// Two ends of a connection that exists only in memory, each direction of which holds up to `capacity` bytes
/// (at least 1): for tests, because a small capacity finds what a large one hides.
pub fn pair(capacity: usize) -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let (one, other) = tokio::io::duplex(capacity.max(1));
    let end = |io| streams(Transport::over(io), Link::new(Memory, Memory, Arc::default()));
    (end(one), end(other))
}
