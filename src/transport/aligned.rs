//! Buffers that bulk data is copied through.

use std::ops::{Deref, DerefMut};

/// How many bytes a processor fetches at once.
const CACHE_LINE: usize = 64;

/// A buffer that begins with a cache line. A large allocation begins 16 bytes after one, and copying to and
/// from it takes two to three times as long on some processors (AMD's Zen 3).
#[derive(Default)]
pub(crate) struct Aligned {
    allocated: Vec<u8>,
    skipped: usize,
}

impl Aligned {
    pub(crate) fn new(size: usize) -> Self {
        let mut allocated = vec![0; size + CACHE_LINE];
        // If the offset cannot be computed, any will do.
        let skipped = allocated.as_ptr().align_offset(CACHE_LINE) % CACHE_LINE;
        allocated.truncate(skipped + size);
        Self { allocated, skipped }
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.allocated[self.skipped..]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.allocated[self.skipped..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_with_a_cache_line() {
        for size in [0, 1, 1000, 256 * 1024, 768 * 1024] {
            let mut buffer = Aligned::new(size);
            assert_eq!(buffer.as_ptr().addr() % CACHE_LINE, 0);
            assert_eq!(buffer.len(), size);
            assert_eq!(buffer.as_mut_ptr(), buffer.as_ptr().cast_mut());
        }
        assert!(Aligned::default().is_empty());
    }
}
