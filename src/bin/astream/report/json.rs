//! Writes JSON (RFC 8259): objects on one line, with their members in order.

use std::fmt::{Display, Write};

/// An object that is being written.
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self("{".to_owned())
    }

    /// A member whose value is text.
    pub fn text(self, name: &str, value: &(impl Display + ?Sized)) -> Self {
        self.raw(name, &quoted(&value.to_string()))
    }

    /// A member that is text or null.
    pub fn maybe(self, name: &str, value: Option<&(impl Display + ?Sized)>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.raw(name, "null"),
        }
    }

    /// A member that is a number or null.
    pub fn number(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.raw(name, &value),
            None => self.raw(name, "null"),
        }
    }

    /// A member that is a list of texts.
    pub fn texts<T: Display>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.list(name, values.into_iter().map(|value| quoted(&value.to_string())))
    }

    /// A member that is a list of objects.
    pub fn objects(self, name: &str, values: impl IntoIterator<Item = Object>) -> Self {
        self.list(name, values.into_iter().map(Object::end))
    }

    /// A member that is an object or null.
    pub fn object(self, name: &str, value: Option<Object>) -> Self {
        self.raw(name, &value.map_or_else(|| "null".to_owned(), Object::end))
    }

    /// A member whose value is JSON already: a number, `true`, `null`.
    pub fn raw(mut self, name: &str, value: &(impl Display + ?Sized)) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "{}:{value}", quoted(name));
        self
    }

    pub fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn list(self, name: &str, values: impl Iterator<Item = String>) -> Self {
        self.raw(name, &format!("[{}]", values.collect::<Vec<_>>().join(",")))
    }
}

/// A string in which everything is escaped that must be (RFC 8259, 7), and control characters that a terminal
/// would act upon.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            _ if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_written_is_read_again_by_others() {
        let all: String = ('\0'..='\u{2fff}').chain(['\u{fffd}', '𝄞', '"', '\\', '/']).collect();
        let object = Object::new()
            .text("text", &all)
            .text("\"", "")
            .maybe("none", None::<&str>)
            .maybe("some", Some("x"))
            .number("no number", None::<u64>)
            .number("a number", Some(1))
            .texts("texts", ["a", "b\n"])
            .texts("no texts", [""; 0])
            .objects("objects", [Object::new().raw("number", &1.5), Object::new()])
            .object("object", Some(Object::new().raw("yes", &true)))
            .object("no object", None)
            .end();
        assert!(!object.contains(char::is_control), "{object}");
        let wanted = json!({
            "text": all, "\"": "", "none": null, "some": "x", "no number": null, "a number": 1, "texts": ["a", "b\n"], "no texts": [],
            "objects": [{"number": 1.5}, {}], "object": {"yes": true}, "no object": null,
        });
        assert_eq!(serde_json::from_str::<Value>(&object).unwrap(), wanted);
    }

    #[test]
    fn members_keep_their_order() {
        assert_eq!(Object::new().text("event", "z").raw("a", &1).end(), r#"{"event":"z","a":1}"#);
    }
}
