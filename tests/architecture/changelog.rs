//! CHANGELOG.md has the form of keepachangelog.com.

use std::collections::HashSet;

const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

#[test]
fn the_changelog_has_its_form() {
    let changelog = include_str!("../../CHANGELOG.md");
    assert_eq!(flaws(changelog), [""; 0]);
    for (wrong, words) in [
        ("## [Unreleased]", "## Unreleased"),
        ("### Fixed", "### Repaired"),
        ("[Unreleased]: ", "[Other]: "),
        ("## [Unreleased]", "## [0.1.0]"),
        ("### Fixed\n", "### Fixed\n- The same.\n- The same.\n"),
    ] {
        assert!(changelog.contains(wrong));
        assert!(!flaws(&changelog.replace(wrong, words)).is_empty(), "{words}");
    }
}

/// The headings that are none of a changelog, the versions without a link, and what is listed twice.
fn flaws(changelog: &str) -> Vec<&str> {
    let versions = changelog.lines().filter(|line| line.starts_with("## "));
    let kinds = changelog.lines().filter(|line| line.starts_with("### "));
    let is_linked = |name: &str| changelog.lines().any(|line| line.starts_with(&format!("[{name}]: ")));
    let is_version = |line: &&str| name(line).is_some_and(is_linked);
    let wrong = versions.filter(|line| !is_version(line));
    let wrong = wrong.chain(kinds.filter(|line| !KINDS.contains(&&line[4..])));
    let mut seen = HashSet::new();
    let twice = changelog.lines().filter(|line| line.starts_with("- ") && !seen.insert(*line));
    wrong.chain(twice).collect()
}

/// `Unreleased`, or the version that was released on a day.
fn name(heading: &str) -> Option<&str> {
    let (name, rest) = heading.strip_prefix("## [")?.split_once(']')?;
    let is_day =
        |text: &str| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = rest.strip_prefix(" - ");
    (day.is_some_and(is_day) || (name == "Unreleased" && rest.is_empty())).then_some(name)
}
