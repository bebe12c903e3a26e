//! The walls of the house: floors, homes of foreign names, and the size of a file.

use std::path::{Path, PathBuf};

/// Top to bottom; the leaves share the last one.
const FLOORS: [&[&str]; 5] = [
    &["handlers"],
    &["relay"],
    &["stream"],
    &["transport"],
    &["certificate", "endpoint", "error", "policy", "observe"],
];

/// A foreign name, and where alone it may stand.
const HOMES: [(&str, &str); 10] = [
    ("clap", "src/bin/astream/cli/"),
    ("anyhow", "src/bin/"),
    ("rustls", "src/transport/tls/"),
    ("tokio_rustls", "src/transport/tls/"),
    ("webpki", "src/transport/tls/"),
    ("rcgen", "src/transport/tls/"),
    ("aws_lc_rs", "src/certificate/"),
    ("base64", "src/certificate/"),
    ("socket2", "src/transport/"),
    ("dns_lookup", "src/"),
];

/// Every source file with its path from the root of the project.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    assert!(files.len() > 30, "the sources were found");
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Code without comments, since those may name anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or_default()))
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn no_floor_names_a_higher_one() {
    for (path, text) in sources() {
        let module = path.strip_prefix("src/").unwrap().split(['/', '.']).next().unwrap();
        let Some(own) = floor(module) else { continue };
        for (line, code) in code(&text) {
            for named in code.split("crate::").skip(1) {
                let named = named.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                let other =
                    floor(named).unwrap_or_else(|| panic!("{path}:{line}: crate::{named} is on no floor"));
                assert!(other >= own, "{path}:{line}: {module} looks up to {named}");
            }
        }
    }
}

#[test]
fn every_foreign_name_stays_at_home() {
    for (path, text) in sources() {
        for (line, code) in code(&text) {
            for (name, home) in HOMES {
                let is_named = code.match_indices(&format!("{name}::")).any(|(at, _)| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                assert!(!is_named || path.starts_with(home), "{path}:{line}: {name} lives in {home}");
            }
        }
    }
}

#[test]
fn no_message_of_the_library_names_an_option_of_the_program() {
    for (path, text) in sources() {
        if path.starts_with("src/bin/") || path == "src/build.rs" {
            continue;
        }
        for (line, code) in code(&text) {
            // Inside of quotes.
            for text in code.split('"').skip(1).step_by(2) {
                let starts = |start: &str| {
                    text.match_indices(start)
                        .any(|(at, _)| text[at + start.len()..].starts_with(|c: char| c.is_ascii_lowercase()))
                };
                assert!(!starts("--") && !starts("(-"), "{path}:{line}: {text}");
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{path} does not begin with what it is for");
        let lines = text.lines().count();
        assert!(lines <= 310, "{path} has {lines} lines");
    }
}
