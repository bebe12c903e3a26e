//! Finding separators.

use std::ops::Range;

use memchr::{memchr, memmem};

/// The separator that ends first in `data[from..]`; of those that end together the shortest.
pub(super) fn first_match(data: &[u8], from: usize, separators: &[&[u8]]) -> Option<Range<usize>> {
    let rest = data.get(from..)?;
    let matches = separators.iter().filter_map(|separator| {
        let at = match separator {
            [byte] => memchr(*byte, rest),
            _ => memmem::find(rest, separator),
        }?;
        Some(from + at..from + at + separator.len())
    });
    matches.min_by_key(|found| (found.end, found.len()))
}
