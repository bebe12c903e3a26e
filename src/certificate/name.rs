//! Distinguished names as text (RFC 4514).

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Encode, Tag, Tagged};

use super::fields::items;
use super::hex;

/// The attributes that are written by name (RFC 4514, 3), and those that everybody else names too.
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

/// `CN=name,O=organisation,C=land`: the last part of the name comes first.
pub(super) fn text(name: AnyRef<'_>) -> Option<String> {
    let parts: Option<Vec<_>> = items(name)?.into_iter().rev().map(part).collect();
    Some(parts?.join(","))
}

fn part(part: AnyRef<'_>) -> Option<String> {
    let attributes: Option<Vec<_>> = items(part)?.into_iter().map(attribute).collect();
    Some(attributes?.join("+"))
}

fn attribute(attribute: AnyRef<'_>) -> Option<String> {
    let [kind, value] = items(attribute)?[..] else { return None };
    let kind = kind.decode_as::<ObjectIdentifier>().ok()?.to_string();
    let known = ATTRIBUTES.iter().find(|(id, _)| *id == kind);
    Some(match known.zip(string(value)) {
        Some(((_, name), value)) => format!("{name}={}", escaped(&value)),
        None => format!("{kind}=#{}", hex(&value.to_der().ok()?)),
    })
}

fn string(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // Latin-1 in practice.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units = bytes.chunks(2).map(|unit| Some(u16::from_be_bytes(unit.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
        }
        _ => None,
    }
}

/// RFC 4514, 2.4. What a terminal would act upon is escaped like NUL: each byte as `\XX`.
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

    #[test]
    fn what_means_something_and_what_a_terminal_acts_upon_is_escaped() {
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
}
