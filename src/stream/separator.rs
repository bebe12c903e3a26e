//! Finding separators.

use std::ops::Range;

use memchr::{memchr, memmem};

/// The separator that ends first in `data[from..]`; of those that end together the shortest.
pub(super) fn first_match(data: &[u8], from: usize, separators: &[&[u8]]) -> Option<Range<usize>> {
    let find = |separator: &[u8], until: usize| {
        let rest = data.get(from..until)?;
        let at = match separator {
            [byte] => memchr(*byte, rest),
            _ => memmem::find(rest, separator),
        }?;
        Some(from + at..from + at + separator.len())
    };
    if let [only] = separators {
        return find(only, data.len());
    }
    // One that is not there is not looked for beyond the one that is most likely there.
    let shortest = separators.iter().min_by_key(|separator| separator.len())?;
    let until = find(shortest, data.len()).map_or(data.len(), |found| found.end);
    let matches = separators.iter().filter_map(|separator| find(separator, until));
    matches.min_by_key(|found| (found.end, found.len()))
}
