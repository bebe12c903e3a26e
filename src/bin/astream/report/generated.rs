//! Makes docs/json.md from docs/json-schema.json, and compares it with the file.
//!
//! `SNAPSHOTS=overwrite cargo test --bin astream generated` writes it.

use serde_json::Value;

use crate::cli::is_in_file;

const NOTE: &str =
    "<!-- Made from json-schema.json by: SNAPSHOTS=overwrite cargo test --bin astream generated -->";

#[test]
fn generated_page_of_events_is_up_to_date() {
    let schema = include_str!("../../../../docs/json-schema.json");
    is_in_file(page(&serde_json::from_str(schema).expect("it is JSON")), "docs/json.md");
}

fn page(schema: &Value) -> String {
    let events: Vec<_> = items(&schema["oneOf"]).map(|event| named(schema, event)).collect();
    let mut page = format!("# `--json`\n\n{NOTE}\n\n{}\n\n", description(schema));
    page += &examples(schema);
    page += "## Events\n\nEach has `event`, `time` and `connection`, and these members:\n\n";
    page += "| event | when | members |\n|---|---|---|\n";
    for (name, event) in &events {
        let members: Vec<_> = own_members(event).map(|(name, member)| inline(name, member)).collect();
        page += &row(&[&format!("`{name}`"), description(event), &members.join(", ")]);
    }
    page += "\n## What is the same in every event\n\n";
    page += &table(shared(&events).into_iter().map(|reference| named(schema, reference)));
    for (_, object) in schema["$defs"].as_object().into_iter().flatten() {
        if let Some(title) = object["title"].as_str() {
            page += &["\n## ", title, "\n\n", description(object), "\n\n", &table(members(object))].concat();
        }
    }
    page
}

fn examples(schema: &Value) -> String {
    let lines: Vec<_> = items(&schema["examples"]).map(|event| in_order(schema, event)).collect();
    format!("```json\n{}\n```\n\n", lines.join("\n"))
}

/// An event as the program prints it, with its members in their order.
fn in_order(schema: &Value, event: &Value) -> String {
    let name = event["event"].as_str().expect("an event has a name");
    let members = members(&schema["$defs"][name]).map(|(name, _)| format!("\"{name}\":{}", event[name]));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The references of members that have no description of their own, each once.
fn shared<'a>(events: &[(&str, &'a Value)]) -> Vec<&'a Value> {
    let mut shared = Vec::new();
    for (_, member) in events.iter().flat_map(|(_, event)| members(event)) {
        let reference = member["$ref"].as_str().unwrap_or_default();
        // Those of an object are in its table.
        let is_of_object = reference.contains("/properties/");
        if is_shared(member) && !is_of_object && !shared.contains(&member) {
            shared.push(member);
        }
    }
    shared
}

fn is_shared(member: &Value) -> bool {
    member["description"].is_null() && member["$ref"].is_string()
}

/// The definition that is referred to, with its name.
fn named<'a>(schema: &'a Value, reference: &Value) -> (&'a str, &'a Value) {
    let path = reference["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    let (name, definition) = schema["$defs"]
        .as_object()
        .and_then(|all| all.get_key_value(path.expect("it refers to a definition")))
        .expect("it is defined");
    (name, definition)
}

/// The members in the order in which they are printed.
fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let names = items(&object["required"]).map(|name| name.as_str().expect("a name is text"));
    names.map(|name| (name, &object["properties"][name]))
}

/// Those that not every event has.
fn own_members(event: &Value) -> impl Iterator<Item = (&str, &Value)> {
    members(event).filter(|(name, _)| !["event", "time", "connection"].contains(name))
}

fn inline(name: &str, member: &Value) -> String {
    if is_shared(member) { format!("`{name}`") } else { format!("`{name}` ({})", description(member)) }
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let rows = rows.map(|(name, member)| row(&[&format!("`{name}`"), &kind(member), description(member)]));
    "| member | type | what |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The type in words.
fn kind(member: &Value) -> String {
    match &member["type"] {
        Value::String(kind) => kind.clone(),
        kinds => items(kinds).filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
    }
}

fn description(of: &Value) -> &str {
    of["description"].as_str().expect("everything is described")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
