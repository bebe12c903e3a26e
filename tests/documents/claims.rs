//! What the documents claim beside their commands: tests, options and links that must be there.

use std::path::Path;

use crate::page::{cells, text_of};
use crate::{FOREIGN, PAGES};

/// Parts of a text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_test_that_the_threat_model_names_exists() {
    let text = text_of("docs/security.md");
    let mut found = 0;
    for test in quoted(&text) {
        let Some((file, name)) = test.split_once(".rs: ") else { continue };
        let source = text_of(&format!("{file}.rs"));
        assert!(source.contains(&format!("fn {name}(")), "{test}");
        found += 1;
    }
    assert!(found > 50, "the tests are found by their form: {found}");
}

/// Whether it is a command or an option of ours, and not one of the tools beside it.
fn is_ours(code: &&str) -> bool {
    !["cargo", "git", "SNAPSHOTS", "---"].iter().any(|other| code.starts_with(other))
}

#[test]
fn each_option_that_is_named_is_one_of_ours() {
    let mut known = crate::options();
    // What is yet to come is marked as such.
    for page in PAGES {
        let text = text_of(page);
        let awaited = text.lines().filter_map(|line| line.strip_prefix("<!-- awaits: "));
        known.extend(awaited.flat_map(str::split_whitespace).map(str::to_owned));
    }
    for page in PAGES {
        let text = text_of(page);
        let is_prose = |line: &&str| !line.starts_with('|') && !line.starts_with("<!--");
        let prose: String =
            text.split("```").step_by(2).flat_map(str::lines).filter(is_prose).collect::<Vec<_>>().join("\n");
        let rows = text.lines().filter(|line| line.starts_with('|'));
        // The first column is the other tool's.
        let ours: Vec<String> =
            rows.map(|row| cells(row)[usize::from(page == FOREIGN)..].join(" ")).collect();
        for code in quoted(&prose).chain(ours.iter().flat_map(|row| quoted(row))).filter(is_ours) {
            for word in
                code.split([' ', '\n', '=', '"']).filter(|word| word.starts_with("--") && word.len() > 2)
            {
                assert!(known.iter().any(|option| option == word), "{page}: {word} in `{code}`");
            }
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn each_link_leads_somewhere() {
    let mut found = 0;
    for page in PAGES {
        let text = text_of(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(page).parent().unwrap();
            let target = if file.is_empty() {
                page.to_owned()
            } else {
                folder.join(file).to_str().unwrap().to_owned()
            };
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target);
            assert!(whole.exists(), "{page}: {link}");
            let is_there = place.is_empty()
                || text_of(&target).lines().any(|line| line.starts_with('#') && anchor(line) == place);
            assert!(is_there, "{page}: no heading for {link}");
            found += 1;
        }
    }
    assert!(found > 20, "links are found by their form: {found}");
}

/// The beginnings of the lines that the user types in a picture of a session.
fn typed(svg: &str) -> Vec<String> {
    let lines = svg.lines().filter_map(|line| line.split(">$ ").nth(1));
    lines.map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_picture_of_a_session_is_small_and_what_its_script_writes() {
    let kept = text_of("docs/session.svg");
    assert!(kept.len() < 30_000, "{}", kept.len());
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("session.svg");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/session.sh");
    let run =
        crate::support::tool("sh").args([&script, &new]).env("ASTREAM", env!("CARGO_BIN_EXE_astream")).run();
    run.status(0);
    let new = std::fs::read_to_string(new).unwrap();
    assert_eq!(typed(&kept), typed(&new));
    assert!(
        new.contains("the copy is the original") && new.contains("status 6") && new.contains("status 4"),
        "{new}"
    );
}
