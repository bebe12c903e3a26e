//! Finds separators in data that has arrived.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use memchr::arch::x86_64::sse2::memchr::One;
use memchr::{memchr, memmem};

/// The separator that ends first in `data[from..]`; of several that end together, the shortest.
pub(super) fn first_match(data: &[u8], from: usize, separators: &[&[u8]]) -> Option<Range<usize>> {
    if let [only] = separators {
        return find(data, from, only);
    }
    // The shortest is the most likely one; the others are not searched for beyond its end.
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
        // Cheaper than what memmem prepares for a search.
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

/// Where `byte` is. memchr chooses at run time among the instructions of the processor, which pays for long
/// data; the end of a line is found sooner with those that every such processor has, inlined.
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

    /// All texts of `length` bytes that consist of two letters.
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
