//! How much to have in hand at once.

use std::sync::OnceLock;

/// How much is read at once by the plain loop: what was copied in shall still be in the processor's own cache
/// when it is copied out, and beside it the pages that it comes from and goes to. Larger pieces mean fewer
/// turns, as long as that holds: of 512 KiB, 128 at once were fine, and with 160 a stream was half as fast.
pub(super) fn chunk() -> usize {
    static CHUNK: OnceLock<usize> = OnceLock::new();
    *CHUNK.get_or_init(|| fitting(own_cache()))
}

/// Beyond it nothing is gained.
const MOST: usize = 768 * 1024;
/// With less, the turns cost more than the cache brings.
const LEAST: usize = 64 * 1024;

fn fitting(cache: Option<usize>) -> usize {
    cache.map_or(2 * LEAST, |size| (size / 16 * 3).clamp(LEAST, MOST))
}

/// The bytes of the largest cache that a core shares with no other, where the system tells; Linux does.
fn own_cache() -> Option<usize> {
    kibibytes(&std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index2/size").ok()?)
}

fn kibibytes(told: &str) -> Option<usize> {
    let size: usize = told.trim_end().strip_suffix('K')?.parse().ok()?;
    size.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_hand_fits_into_the_cache() {
        let chunk_of = |told| fitting(kibibytes(told)) / 1024;
        assert_eq!(chunk_of("256K\n"), 64);
        assert_eq!(chunk_of("512K\n"), 96);
        assert_eq!(chunk_of("2048K\n"), 384);
        assert_eq!(chunk_of("8192K\n"), 768);
        assert_eq!(chunk_of("no size\n"), 128);
    }
}
