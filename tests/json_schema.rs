//! docs/json-schema.json: it is a schema, it describes all, and it allows nothing else. That the events of the other
//! tests are as it says is checked where they are read (`support::events`).

mod support;

use serde_json::{Value, json};
use support::events::{SCHEMA, flaw};
use support::{astream, tool};

/// An event as it must be.
fn reloaded() -> Value {
    json!({"event": "reloaded", "time": "2026-11-26T21:55:00.123Z", "connection": null, "not_after": null})
}

/// Whether an event is refused after this change, with these words.
#[track_caller]
fn is_refused(change: impl FnOnce(&mut Value), words: &str) {
    let mut event = reloaded();
    change(&mut event);
    let flaw = flaw(event.to_string().as_bytes()).unwrap_or_else(|| panic!("it is an event: {event}"));
    assert!(flaw.contains(words), "{flaw}");
}

#[test]
fn an_event_has_all_of_its_members_and_no_other() {
    assert_eq!(flaw(reloaded().to_string().as_bytes()), None);
    is_refused(|event| event["more"] = json!(1), "'more'");
    is_refused(|event| drop(event.as_object_mut().unwrap().remove("time")), "\"time\"");
    is_refused(|event| drop(event.as_object_mut().unwrap().remove("connection")), "\"connection\"");
    is_refused(|event| event["event"] = json!("unloaded"), "unknown name");
    is_refused(|event| event["time"] = json!("2026-11-26T21:55:00Z"), "/time");
    is_refused(|event| event["time"] = json!("2026-11-26T22:55:00.123+01:00"), "/time");
    is_refused(|event| event["connection"] = json!(0), "/connection");
    is_refused(|event| event["connection"] = json!("1"), "/connection");
    assert!(flaw(b"astream: words").is_some_and(|flaw| flaw.contains("no event")));
}

#[test]
fn it_is_a_schema_whose_examples_are_events() {
    assert!(jsonschema::meta::is_valid(&SCHEMA));
    let examples = SCHEMA["examples"].as_array().unwrap();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(flaw(example.to_string().as_bytes()), None);
    }
}

#[test]
fn every_definition_and_every_member_is_described_and_no_other_member_is_allowed() {
    for (name, definition) in SCHEMA["$defs"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "{name}");
        let Some(members) = definition["properties"].as_object() else { continue };
        assert_eq!(definition["additionalProperties"], false, "{name}");
        let mut required: Vec<_> = definition["required"].as_array().unwrap().iter().collect();
        required.sort_by_key(|member| member.as_str());
        assert!(required.iter().copied().eq(members.keys()), "{name}: all members are always present");
        for (member, what) in members {
            let described = described(what);
            assert!(described.is_some() || member == "event", "{name}: {member}");
            let may_be_null = what["type"].as_array().is_some_and(|kinds| kinds.contains(&json!("null")))
                || what["anyOf"].is_array();
            let says = described.is_some_and(|text| text.contains("null"));
            assert!(!may_be_null || says, "{name}: {member}: when it is null");
        }
    }
}

/// The description of a member, or of what it refers to.
fn described(member: &Value) -> Option<&str> {
    let referred = || SCHEMA.pointer(member["$ref"].as_str()?.strip_prefix('#')?)?["description"].as_str();
    member["description"].as_str().or_else(referred)
}

#[test]
fn every_event_of_the_schema_is_one_that_the_program_prints() {
    let program = include_str!("../src/bin/astream/report/event.rs");
    for event in SCHEMA["oneOf"].as_array().unwrap() {
        let name = event["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_eq!(SCHEMA["$defs"][name]["properties"]["event"]["const"], name);
        assert!(program.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// A program that prints words in place of events.
fn unlike_json(script: &str, more: &[&str]) -> support::Program {
    tool("sh").args(["-c", script, "--json"]).args(more)
}

#[test]
#[should_panic(expected = "no event")]
fn words_on_stderr_fail_the_test_that_waits_for_the_end() {
    unlike_json("echo words >&2", &[]).run();
}

#[test]
#[should_panic(expected = "no event")]
fn words_on_the_stdout_of_a_probe_fail_the_test_too() {
    unlike_json("echo words", &["-z"]).run();
}

#[test]
#[should_panic(expected = "no event")]
fn an_event_that_ends_without_a_line_feed_fails_the_test_too() {
    unlike_json("printf '{' >&2", &[]).run();
}

#[test]
#[should_panic(expected = "no event")]
fn words_fail_the_test_that_only_waits_for_a_line() {
    unlike_json("echo words >&2; exec sleep 60", &[]).start().stderr_line("words");
}

#[test]
#[should_panic(expected = "no event")]
fn words_fail_the_test_that_kills_the_program() {
    let program = unlike_json("echo words >&2; echo ready; exec sleep 60", &[]).start();
    program.stdout_line("ready");
    drop(program);
}

#[test]
fn without_json_there_are_only_words() {
    let said = astream(["connect", "127.0.0.1", "0"]).run().status(2);
    assert!(flaw(said.stderr.trim_end().as_bytes()).is_some(), "{}", said.description());
}
