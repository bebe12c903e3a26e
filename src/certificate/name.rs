//! Distinguished names: as text (RFC 4514), and whether two are the same.

use super::hex;
use super::tlv::Value;

/// The attributes that RFC 4514, 3 writes by name, and three more that other tools write by name.
const ATTRIBUTES: [(&str, &str); 12] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The attributes of each part of a name: their kinds and their values.
fn parts<'a>(name: Value<'a>) -> Option<Vec<Vec<[Value<'a>; 2]>>> {
    let attribute = |attribute: Value<'a>| attribute.items()?.try_into().ok();
    let part = |part: Value<'a>| part.items()?.into_iter().map(attribute).collect();
    name.items()?.into_iter().map(part).collect()
}

/// `CN=name,O=organisation,C=country`: the last part of the name is written first.
pub(super) fn text(name: Value<'_>) -> Option<String> {
    let part = |part: Vec<_>| Some(part.into_iter().map(attribute).collect::<Option<Vec<_>>>()?.join("+"));
    Some(parts(name)?.into_iter().rev().map(part).collect::<Option<Vec<_>>>()?.join(","))
}

fn attribute([kind, value]: [Value<'_>; 2]) -> Option<String> {
    let kind = kind.object_identifier()?;
    let known = ATTRIBUTES.iter().find(|(id, _)| *id == kind);
    Some(match known.zip(string(value)) {
        Some(((_, name), value)) => format!("{name}={}", escaped(&value)),
        None => format!("{kind}=#{}", hex(value.whole)),
    })
}

/// The text of a value of one of X.680's string types.
fn string(value: Value<'_>) -> Option<String> {
    const UTF8: u8 = 12;
    const NUMERIC: u8 = 18;
    const PRINTABLE: u8 = 19;
    const TELETEX: u8 = 20;
    const IA5: u8 = 22;
    const VISIBLE: u8 = 26;
    const UNIVERSAL: u8 = 28;
    const BMP: u8 = 30;
    let bytes = value.content;
    match value.tag {
        UTF8 | NUMERIC | PRINTABLE | IA5 | VISIBLE => String::from_utf8(bytes.to_vec()).ok(),
        // Latin-1 in practice.
        TELETEX => Some(bytes.iter().copied().map(char::from).collect()),
        BMP => {
            let units = bytes.chunks(2).map(|unit| Some(u16::from_be_bytes(unit.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
        }
        UNIVERSAL => {
            bytes.chunks(4).map(|unit| char::from_u32(u32::from_be_bytes(unit.try_into().ok()?))).collect()
        }
        _ => None,
    }
}

/// Whether two names are the same, however their strings are encoded (RFC 5280, 7.1): an authority may encode
/// its own name differently in its certificate and in its revocation lists.
pub(super) fn is_same(one: Value<'_>, other: Value<'_>) -> bool {
    let known = |name| folded(name).filter(|parts| !parts.is_empty());
    one.whole == other.whole || known(one).is_some_and(|one| known(other) == Some(one))
}

/// The kind of an attribute, and its value without differences of case and white space.
type Folded<'a> = (&'a [u8], String);

/// The attributes of each part.
fn folded(name: Value<'_>) -> Option<Vec<Vec<Folded<'_>>>> {
    let part = |part: Vec<_>| {
        let mut attributes: Vec<_> = part.into_iter().map(folded_attribute).collect();
        attributes.sort();
        attributes
    };
    Some(parts(name)?.into_iter().map(part).collect())
}

fn folded_attribute([kind, value]: [Value<'_>; 2]) -> Folded<'_> {
    let text = match string(value) {
        Some(text) => text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "),
        None => format!("#{}", hex(value.whole)),
    };
    (kind.content, text)
}

/// RFC 4514, 2.4. Characters that a terminal would act upon are escaped as NUL is: each byte as `\XX`.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            '#' if at == 0 => text.push_str("\\#"),
            ' ' if at == 0 || at == last => text.push_str("\\ "),
            '\'' => text.push(letter),
            _ if letter.escape_debug().len() == 1 => text.push(letter),
            _ => {
                let bytes = letter.to_string().into_bytes();
                text.extend(bytes.iter().map(|byte| format!("\\{byte:02X}")));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tlv::der as value;

    #[test]
    fn special_and_control_characters_are_escaped() {
        for (value, written) in [
            ("James \"Jim\" Smith, III", r#"James \"Jim\" Smith\, III"#),
            ("# a ", r"\# a\ "),
            (" ", r"\ "),
            ("a+b;c<d>e\\f=g'h", r"a\+b\;c\<d\>e\\f=g'h"),
            ("Before\rAfter\0\u{1b}[31m", r"Before\0DAfter\00\1B[31m"),
            ("right\u{202e}left", r"right\E2\80\AEleft"),
            ("Lučić 東京", "Lučić 東京"),
            ("", ""),
        ] {
            assert_eq!(escaped(value), written);
        }
    }

    /// A name of one part, the common name.
    fn named(string: &[u8]) -> Vec<u8> {
        value(0x30, &value(0x31, &value(0x30, &[&[6, 3, 0x55, 4, 3][..], string].concat())))
    }

    #[test]
    fn a_universal_string_is_read() {
        let east = named(&value(28, &[0, 0, 0x67, 0x71, 0, 1, 0xf6, 0]));
        assert_eq!(text(Value::only(&east).unwrap()).as_deref(), Some("CN=東😀"));
        let none = named(&value(28, &[0, 0x11, 0, 0]));
        assert_eq!(text(Value::only(&none).unwrap()).as_deref(), Some("2.5.4.3=#1c0400110000"));
    }

    #[test]
    fn names_are_the_same_whatever_the_case_and_the_type_of_their_strings() {
        let name = named(&value(19, b"The Authority"));
        for (other, same) in [
            (named(&value(19, b"The Authority")), true),
            (named(&value(12, b"the  authority ")), true),
            (named(&value(30, b"\0T\0h\0e\0 \0A\0u\0t\0h\0o\0r\0i\0t\0y")), true),
            (named(&value(12, b"The Authoritie")), false),
            (named(&value(4, b"The Authority")), false),
            (value(0x30, &[]), false),
        ] {
            assert_eq!(is_same(Value::only(&name).unwrap(), Value::only(&other).unwrap()), same);
        }
    }
}
