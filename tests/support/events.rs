//! What a program prints with `--json`: each line must be an event of docs/json-schema.json. Every program that a
//! test starts is judged so.

use std::process::Command;
use std::sync::LazyLock;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

/// Says what is wrong with a line.
pub type Judge = fn(&[u8]) -> Option<String>;

/// Who judges the lines of stdout and of stderr.
pub fn judges(command: &Command) -> [Option<Judge>; 2] {
    let has = |options: &[&str]| {
        let mut words = command.get_args().take_while(|word| *word != "--");
        words.any(|word| options.iter().any(|option| word == *option))
    };
    if !has(&["--json"]) {
        return [None; 2];
    }
    let is_probe = has(&["-z", "--expires-within"]) && !has(&["--show-certs"]);
    // What it runs for a connection has the same stderr.
    let has_command = command.get_args().any(|word| word == "--");
    [is_probe.then_some(flaw), Some(if has_command { flaw_of_event } else { flaw })]
}

/// What is wrong with a line that looks like an event.
fn flaw_of_event(line: &[u8]) -> Option<String> {
    line.starts_with(b"{\"event\":").then(|| flaw(line))?
}

/// The schema, read once.
pub static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/json-schema.json")).expect("docs/json-schema.json is JSON")
});

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).expect("docs/json-schema.json is a schema"));

/// What is wrong with a line, which must be an event.
pub fn flaw(line: &[u8]) -> Option<String> {
    let event: Value = match serde_json::from_slice(line) {
        Ok(event) => event,
        Err(error) => return Some(format!("no event: {error}: {}", line.escape_ascii())),
    };
    let reasons: Vec<_> = VALIDATOR.iter_errors(&event).flat_map(reasons).collect();
    (!reasons.is_empty())
        .then(|| format!("no event of docs/json-schema.json: {}\n{event}", reasons.join("; ")))
}

/// The reasons of the event that has its name, and not why it is no other event.
fn reasons(error: jsonschema::ValidationError<'_>) -> Vec<String> {
    let named = |error: &jsonschema::ValidationError<'_>| format!("{error} ({})", error.instance_path());
    let ValidationErrorKind::OneOfNotValid { context } = error.kind() else { return vec![named(&error)] };
    let has_name = |errors: &&Vec<jsonschema::ValidationError<'_>>| {
        errors.iter().all(|error| error.instance_path().as_str() != "/event")
    };
    let of_its_name = context.iter().find(has_name);
    of_its_name.map_or_else(|| vec!["unknown name".to_owned()], |errors| errors.iter().map(named).collect())
}
