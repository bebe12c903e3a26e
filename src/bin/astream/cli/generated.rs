//! Completions and man pages are made from this definition and compared with the files.
//!
//! `SNAPSHOTS=overwrite cargo test --bin astream generated` writes them.

use std::path::Path;

use clap_complete::{Shell, generate};
use clap_mangen::Man;
use snapbox::{Assert, Data};

use super::definition;

/// Compares `made` with a file of the project.
fn is_in_file(made: Vec<u8>, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let made = String::from_utf8(made).expect("it is text");
    let known = Data::read_from(&path, Some(snapbox::data::DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(made, known);
}

#[test]
fn generated_completions_are_up_to_date() {
    for (shell, file) in [
        (Shell::Bash, "astream.bash"),
        (Shell::Zsh, "_astream"),
        (Shell::Fish, "astream.fish"),
        (Shell::PowerShell, "_astream.ps1"),
        (Shell::Elvish, "astream.elv"),
    ] {
        let mut made = Vec::new();
        generate(shell, &mut definition(), "astream", &mut made);
        is_in_file(made, &format!("completions/{file}"));
    }
}

#[test]
fn generated_man_pages_are_up_to_date() {
    let mut program = definition().disable_help_subcommand(true);
    program.build();
    // What the short help leaves out, a man page tells.
    let whole = |page: &clap::Command| page.clone().mut_args(|arg| arg.hide_short_help(false));
    let pages = std::iter::once(&program).chain(program.get_subcommands()).map(whole);
    for page in pages {
        let name = page.get_display_name().unwrap_or(page.get_name()).to_owned();
        let mut made = Vec::new();
        Man::new(page).render(&mut made).expect("memory takes everything");
        is_in_file(made, &format!("docs/{name}.1"));
    }
}
