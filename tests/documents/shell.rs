//! What bash makes of a text.

use std::process::{Command, Stdio};

use crate::page::Step;

/// Takes a script apart into its complete commands.
pub fn commands(script: &str, first_line: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut code, mut began) = (String::new(), first_line);
    for (line, text) in (first_line..).zip(script.lines()) {
        if code.is_empty() {
            began = line;
        }
        code += text;
        if code.trim().is_empty() || code.starts_with('#') {
            code.clear();
        } else if text.ends_with('\\') || complaint(&code).is_some() {
            code.push('\n');
        } else {
            steps.push(Step { line: began, code: std::mem::take(&mut code), shown: None });
        }
    }
    if let Some(complaint) = complaint(&code) {
        panic!("line {began}: {complaint}: {code}");
    }
    steps
}

/// What bash finds wrong with a command: that it is not complete, for example.
fn complaint(code: &str) -> Option<String> {
    let mut bash = Command::new("bash");
    let said = bash.args(["-n", "-c", code]).stdin(Stdio::null()).output().expect("bash is there");
    let words = String::from_utf8_lossy(&said.stderr).trim().to_owned();
    (!said.status.success() || !words.is_empty()).then_some(words)
}

/// Whether a command goes on beside those after it: it listens.
pub fn is_listener(code: &str) -> bool {
    let last = code.rsplit(" | ").next().unwrap_or(code);
    let begins = |part: &str| part.starts_with("astream listen ");
    (begins(code) || begins(last)) && !code.ends_with('&')
}

/// Whether a listener serves until it is stopped.
pub fn is_server(code: &str) -> bool {
    let has = |word: &str| code.split_whitespace().any(|part| part == word);
    let serves = ["-k", "--echo", "--discard", "--broker", "--forward", "--", "-u"];
    serves.into_iter().any(has) && !has("--once")
}
