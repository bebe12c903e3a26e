//! Two connected pairs of streams in memory.

use std::sync::Arc;

use super::{StreamReader, StreamWriter, fresh};
use crate::transport::Transport;

/// Two ends of a connection that exists in memory only, each direction holding up to `capacity`
/// bytes (at least 1) on the way: for tests, a small capacity finds what a large one hides.
pub fn pair(capacity: usize) -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let (one, other) = tokio::io::duplex(capacity.max(1));
    let end = |io| fresh(Transport::memory(io), Arc::default());
    (end(one), end(other))
}
