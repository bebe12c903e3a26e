//! Runs every command of the documents, on a machine of its own in which the names of the documents are at home: a
//! reader may paste each of them. docs/contributing.md describes the marks.
#![cfg(target_os = "linux")]

mod claims;
mod machine;
mod page;
mod run;
mod servers;
mod shell;
mod shown;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use page::{Block, Section, sections};

/// The page with the options of other programs in its first columns.
const FOREIGN: &str = "docs/coming-from.md";

/// The pages whose commands are run.
const PAGES: [&str; 9] = [
    "README.md",
    "docs/guide.md",
    "docs/recipes.md",
    FOREIGN,
    "docs/exit-status.md",
    "docs/tls.md",
    "docs/security.md",
    "docs/out-of-scope.md",
    "docs/library.md",
];

/// How many sections run at once.
const AT_ONCE: usize = 4;

/// The options of the program, from its own help.
fn options() -> Vec<String> {
    let help = |command| support::astream([command, "--help"]).run().status(0).stdout;
    let help = String::from_utf8([help("connect"), help("listen")].concat()).unwrap();
    let words = help.split(|c: char| c.is_whitespace() || ",[]".contains(c));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned);
    options.chain(["--version".to_owned()]).collect()
}

fn is_installed(tool: &str) -> bool {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut bash = Command::new("bash");
    bash.args(["-c", "command -v \"$1\" > /dev/null", "bash", tool]).env("PATH", path);
    bash.status().unwrap().success()
}

/// Whether a block is left out, for which there must be a reason.
fn leaves_out(block: &Block, options: &[String]) -> bool {
    let marks = &block.marks;
    if marks.not_run.is_some() {
        return true;
    }
    if marks.awaits.iter().any(|option| !options.contains(option)) {
        return true;
    }
    let missing = marks.needs.iter().find(|tool| !is_installed(tool));
    if let Some(tool) = missing.filter(|_| is_complete()) {
        panic!("line {}: {tool} is not installed: see .ci/run", block.line);
    }
    !marks.needs.is_empty() && !is_complete()
}

/// Whether commands are run that need what not every machine has.
fn is_complete() -> bool {
    cfg!(feature = "peers")
}

/// Runs all sections of a page, several at once, and fails with all that failed.
fn works(page: &'static str) {
    let (sections, options) = (sections(page), options());
    // They are taken apart in any case, so that a mistake in one that is left out is noticed.
    sections.iter().flat_map(|section| &section.blocks).for_each(|block| drop(block.steps()));
    if !machine::is_possible() {
        assert!(!is_complete(), "this system lets this user make no network: unshare -rnm true");
        eprintln!("{page} is not run: this system lets this user make no network (unshare -rnm true)");
        return;
    }
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(section) = sections.get(next.fetch_add(1, Ordering::Relaxed)) {
            let run = || run::run(section, |block| leaves_out(block, &options));
            if let Err(failure) = catch_unwind(AssertUnwindSafe(run)) {
                let text = failure.downcast_ref::<String>().cloned().unwrap_or_else(|| "?".to_owned());
                failures.lock().unwrap().push(format!("## {}\n{text}", section.title));
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} sections of {page} failed\n{}", failures.len(), failures.join("\n"));
}

/// The blocks of commands in these sections.
fn blocks(sections: &[Section]) -> usize {
    sections.iter().map(|section| section.blocks.len()).sum()
}

#[test]
fn the_commands_of_the_readme_work() {
    works("README.md");
}

#[test]
fn the_commands_of_the_guide_work() {
    works("docs/guide.md");
}

#[test]
fn the_recipes_work() {
    assert!(blocks(&sections("docs/recipes.md")) > 60);
    works("docs/recipes.md");
}

#[test]
fn what_stands_beside_the_commands_of_others_works() {
    assert!(blocks(&sections(FOREIGN)) > 100);
    works(FOREIGN);
}

#[test]
fn the_commands_of_the_other_pages_work() {
    PAGES
        .iter()
        .filter(|page| !["README.md", "docs/guide.md", "docs/recipes.md", FOREIGN].contains(page))
        .for_each(|page| works(page));
}

#[test]
#[should_panic(expected = "a block of commands is `sh` or `console`")]
fn a_block_without_a_language_is_noticed() {
    page::parse("a page", "```\nastream connect host 9000\n```\n");
}

#[test]
#[should_panic(expected = "no such mark")]
fn an_unknown_mark_is_noticed() {
    page::parse("a page", "<!-- skip: this -->\n");
}

#[test]
#[should_panic(expected = "a mark stands before the block")]
fn a_mark_without_a_block_is_noticed() {
    page::parse("a page", "<!-- status: 4 -->\n## Another section\n");
}

#[test]
fn a_command_that_fails_is_noticed() {
    if !machine::is_possible() {
        return;
    }
    for (wrong, why) in [
        ("```sh\nastream connect host 9999\n```\n", "status 4, not 0"),
        ("```sh\nastream connect host 9000 --no-such-option\n```\n", "status 2, not 0"),
        ("```sh\nfalse\ntrue\n```\n", "status 1, not 0"),
        ("<!-- status: 5 -->\n```sh\ntrue\n```\n", "status 0, not 5"),
        ("<!-- prints: you -->\n```sh\necho me\n```\n", "has not printed"),
        ("<!-- then: false -->\n```sh\ntrue\n```\n", "status 1, not 0"),
        ("```console\n$ echo me\nyou\n```\n", "was not printed: you"),
        ("```sh\nastream listen no-such-name.test 9000\n```\n", "has not printed \"istening on \""),
        ("| a | b | c |\n|---|---|---|\n| `nc` | `astream connect host 9999` | |\n", "status 4, not 0"),
    ] {
        let sections = page::parse("a page", wrong);
        let failure = catch_unwind(|| run::run(&sections[0], |_| false)).expect_err(wrong);
        let text = failure.downcast_ref::<String>().unwrap();
        assert!(text.contains(why), "{wrong}{text}");
    }
}
