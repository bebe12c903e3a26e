//! Reads DER (X.690) value by value. Any tag is accepted: certificates hold strings of types that DER
//! libraries do not know.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The context-specific tag of a constructed field with this number.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The context-specific tag of a primitive field with this number.
pub(super) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// The content with its tag and its length.
    pub(super) whole: &'a [u8],
}

impl<'a> Value<'a> {
    /// The value, if the bytes are exactly one.
    pub(super) fn only(bytes: &'a [u8]) -> Option<Self> {
        let mut values = Values(bytes);
        values.next().filter(|_| values.is_empty())
    }

    /// The values that it holds, if it is a sequence.
    pub(super) fn sequence(self) -> Option<Values<'a>> {
        (self.tag == SEQUENCE).then_some(Values(self.content))
    }

    /// The values that it holds, whatever its own tag is.
    pub(super) fn items(self) -> Option<Vec<Self>> {
        let mut values = Values(self.content);
        let mut items = Vec::new();
        while !values.is_empty() {
            items.push(values.next()?);
        }
        Some(items)
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match (self.tag, self.content) {
            (BOOLEAN, [0]) => Some(false),
            (BOOLEAN, [0xff]) => Some(true),
            _ => None,
        }
    }

    /// A number that is not negative.
    pub(super) fn number(self) -> Option<u64> {
        let is_number = self.tag == INTEGER && self.content.first().is_some_and(|first| first & 0x80 == 0);
        let bytes = without_zeros(self.content);
        (is_number && bytes.len() <= 8)
            .then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// An object identifier in dotted form, `2.5.4.3`.
    pub(super) fn object_identifier(self) -> Option<String> {
        object_identifier(self.content).filter(|_| self.tag == OBJECT_IDENTIFIER)
    }
}

/// The dotted form of the content of an object identifier.
pub(super) fn object_identifier(content: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc: u128 = 0;
    for byte in content {
        arc = arc.checked_mul(0x80)? | u128::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(std::mem::take(&mut arc));
        }
    }
    let is_whole = content.last().is_some_and(|last| last & 0x80 == 0);
    let (first, rest) = arcs.split_first().filter(|_| is_whole)?;
    // The first number holds two arcs (X.690, 8.19.4).
    let top = (first / 40).min(2);
    let arcs = [top, first - top * 40].into_iter().chain(rest.iter().copied());
    Some(arcs.map(|arc| arc.to_string()).collect::<Vec<_>>().join("."))
}

/// Values that follow one another.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl<'a> Values<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one, which must be whole.
    pub(super) fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        // No certificate uses a tag of several bytes.
        let is_short = tag & 0x1f != 0x1f;
        let (length, rest) = length(rest).filter(|_| is_short)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Some(Value { tag, content, whole })
    }

    /// The next one, if it has this tag.
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Value<'a>> {
        if self.0.first() == Some(&tag) { self.next() } else { None }
    }
}

/// A length in its shortest form, as DER demands, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((first.into(), rest));
    }
    let (digits, rest) =
        rest.split_at_checked((first & 0x7f).into()).filter(|(digits, _)| digits.len() <= 4)?;
    let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
    let is_shortest = digits.first().is_some_and(|digit| *digit != 0) && length >= 0x80;
    is_shortest.then_some((length, rest))
}

/// The digits of a number, without the zeros before it.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// For tests: a value in DER, of up to 255 bytes.
#[cfg(test)]
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(content.len()).unwrap() {
        short @ ..0x80 => vec![short],
        long => vec![0x81, long],
    };
    [&[tag], &length[..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_in_its_shortest_form_only() {
        assert_eq!(Value::only(&[4, 1, 7]).unwrap().content, [7]);
        let long = [&[4, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Value::only(&long).unwrap().content.len(), 0x80);
        for bytes in [
            &[4][..],
            &[4, 1],
            &[4, 1, 7, 7],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 1, 7],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x1f, 0x81, 1, 7],
        ] {
            assert_eq!(Value::only(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn object_identifiers_are_written_with_dots() {
        for (bytes, text) in [
            (&[6, 3, 0x55, 4, 3][..], Some("2.5.4.3")),
            (&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], Some("1.2.840.113549.1.1.1")),
            (&[6, 3, 0x88, 0x37, 3], Some("2.999.3")),
            (&[6, 1, 0x27], Some("0.39")),
            (&[6, 0], None),
            (&[6, 2, 0x55, 0x84], None),
            (&[4, 1, 0x55], None),
        ] {
            assert_eq!(Value::only(bytes).unwrap().object_identifier().as_deref(), text);
        }
    }

    #[test]
    fn numbers_are_not_negative_and_have_eight_bytes_at_most() {
        for (bytes, number) in [
            (&[2, 1, 0][..], Some(0)),
            (&[2, 2, 0, 0x80], Some(0x80)),
            (&[2, 1, 0x80], None),
            (&[2, 0], None),
            (&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0], None),
        ] {
            assert_eq!(Value::only(bytes).unwrap().number(), number);
        }
    }
}
