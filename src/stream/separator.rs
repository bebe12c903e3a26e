//! Finding separators.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;
use memchr::{memchr, memmem};

/// The separator that ends first in `data[from..]`; of those that end together the shortest.
pub(super) fn first_match(data: &[u8], from: usize, separators: &[&[u8]]) -> Option<Range<usize>> {
    if let [only] = separators {
        return find(data, from, only);
    }
    // One that is not there is not looked for beyond the one that is most likely there.
    let shortest = separators.iter().min_by_key(|separator| separator.len())?;
    let until = find(data, from, shortest).map_or(data.len(), |found| found.end);
    let matches = separators.iter().filter_map(|separator| find(&data[..until], from, separator));
    matches.min_by_key(|found| (found.end, found.len()))
}

/// The first match in `data[from..]`.
#[expect(clippy::inline_always, reason = "the call costs as much as the search of a line")]
#[inline(always)]
pub(super) fn find(data: &[u8], from: usize, separator: &[u8]) -> Option<Range<usize>> {
    let rest = data.get(from..)?;
    let at = match separator {
        [] => None,
        [byte] => position(rest, *byte),
        // Cheaper than what memmem does before it begins to search.
        [first, last] => pair(rest, *first, *last),
        _ => longer(rest, separator),
    }?;
    Some(from + at..from + at + separator.len())
}

#[inline(never)]
fn longer(data: &[u8], separator: &[u8]) -> Option<usize> {
    memmem::find(data, separator)
}

/// Where `last` follows `first`.
#[inline]
fn pair(data: &[u8], first: u8, last: u8) -> Option<usize> {
    let mut from = 1;
    loop {
        let at = from + position(data.get(from..)?, last)?;
        if data[at - 1] == first {
            return Some(at - 1);
        }
        from = at + 1;
    }
}

/// Where `byte` is. memchr chooses at run time among what the processor can, which is for long data; a line
/// is found sooner by what every such processor can, inlined.
#[cfg(target_arch = "x86_64")]
#[inline]
fn position(data: &[u8], byte: u8) -> Option<usize> {
    match One::new(byte) {
        Some(searcher) => searcher.find(data),
        None => memchr(byte, data),
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn position(data: &[u8], byte: u8) -> Option<usize> {
    memchr(byte, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All data of `length` bytes, of two kinds.
    fn all(length: u32) -> impl Iterator<Item = Vec<u8>> {
        (0..1_u32 << length).map(move |bits| (0..length).map(|at| b'a' + (bits >> at & 1) as u8).collect())
    }

    #[test]
    fn the_first_match_is_found_whatever_comes_before() {
        for data in (0..8).flat_map(all) {
            for separator in (1..4).flat_map(all) {
                for from in 0..=data.len() {
                    let plain = data[from..].windows(separator.len()).position(|at| at == separator);
                    let expected = plain.map(|at| from + at..from + at + separator.len());
                    assert_eq!(
                        find(&data, from, &separator),
                        expected,
                        "{separator:?} in {data:?}[{from}..]"
                    );
                }
            }
        }
    }
}
