//! Generates completions and man pages from the definition of the options, and compares them with the files.
//!
//! `SNAPSHOTS=overwrite cargo test --bin astream generated` writes them.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use snapbox::{Assert, Data};

use super::definition;
use super::manual::{self, Section};

/// Compares `made` with a file of the project.
pub fn is_in_file(made: String, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
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
        let script = String::from_utf8(made).expect("it is text");
        is_in_file(with_addresses(shell, script), &format!("completions/{file}"));
    }
}

/// clap completes options and their values. The completion of addresses is written by hand in
/// `completions/by_hand`, for each shell that supports it, and inserted into its script.
fn with_addresses(shell: Shell, script: String) -> String {
    match shell {
        Shell::Bash => bash(&script),
        Shell::Zsh => zsh(&script),
        Shell::Fish => fish(&script),
        _ => script,
    }
}

fn bash(script: &str) -> String {
    let ours = include_str!("../../../../completions/by_hand/addresses.bash")
        .replace("@VALUES@", &value_options("|"));
    let (functions, registration) = script.split_once("\nif [[ \"${BASH_VERSINFO").expect("it is registered");
    let registration =
        replaced(registration, "complete -F _astream ", "complete -F _astream_with_addresses ");
    format!("{functions}{ours}\nif [[ \"${{BASH_VERSINFO{registration}")
}

fn zsh(script: &str) -> String {
    let script = replaced(script, "unix\\:@NAME:_hosts'", "unix\\:@NAME:_astream_address'");
    let script = replaced(&script, ":ADDRESS:_hosts'", ":ADDRESS:_astream_address'");
    let registration = "if [ \"$funcstack[1]\" = \"_astream\" ]";
    replaced(
        &script,
        registration,
        &format!("{}{registration}", include_str!("../../../../completions/by_hand/addresses.zsh")),
    )
}

fn fish(script: &str) -> String {
    let address = "Relay to ADDRESS, HOST:PORT or unix:PATH' -r -f -a \"(__fish_";
    let script =
        replaced(script, &format!("{address}print_hostnames)"), &format!("{address}astream_addresses)"));
    script
        + &include_str!("../../../../completions/by_hand/addresses.fish")
            .replace("@VALUES@", &value_options(" "))
}

/// Replaces a text that must be there.
fn replaced(script: &str, from: &str, to: &str) -> String {
    assert!(script.contains(from), "{from}");
    script.replace(from, to)
}

/// The options that are followed by a value.
fn value_options(separator: &str) -> String {
    let commands = definition();
    let names: BTreeSet<_> = commands
        .get_subcommands()
        .flat_map(Command::get_arguments)
        .filter(|arg| !arg.is_positional() && arg.get_action().takes_values())
        .flat_map(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            arg.get_short().map(|short| format!("-{short}")).into_iter().chain(long)
        })
        .collect();
    names.into_iter().collect::<Vec<_>>().join(separator)
}

#[test]
fn generated_man_pages_are_up_to_date() {
    let mut program = definition().disable_help_subcommand(true);
    program.build();
    // A man page includes what the short help leaves out.
    let whole = |page: &Command| page.clone().mut_args(|arg| arg.hide_short_help(false));
    let pages = std::iter::once(&program).chain(program.get_subcommands()).map(whole);
    for page in pages {
        let (command, name) =
            (page.get_name().to_owned(), page.get_display_name().unwrap_or("astream").to_owned());
        let made = String::from_utf8(man_page(page, &command, &name)).expect("it is text");
        is_in_file(made, &format!("docs/{name}.1"));
    }
}

fn man_page(page: Command, command: &str, name: &str) -> Vec<u8> {
    let (has_commands, page) = (page.has_subcommands(), Man::new(page));
    let mut made = Vec::new();
    let mut render = || {
        page.render_title(&mut made)?;
        page.render_name_section(&mut made)?;
        page.render_synopsis_section(&mut made)?;
        page.render_description_section(&mut made)?;
        page.render_options_section(&mut made)?;
        if has_commands {
            page.render_subcommands_section(&mut made)?;
        }
        let sections = [
            &manual::ADDRESSES,
            &manual::REPEATED,
            &manual::EXIT_STATUS,
            &manual::ENVIRONMENT,
            &manual::FILES,
            manual::examples(command),
        ];
        for section in sections {
            render_section(section, &mut made)?;
        }
        let others = ["astream", "astream-connect", "astream-listen", "nc", "openssl", "socat"];
        let others = others.into_iter().filter(|other| *other != name).map(|other| format!("{other}(1)"));
        let mut roff = Roff::new();
        roff.control("SH", ["SEE ALSO"]).text([roman(others.collect::<Vec<_>>().join(", "))]);
        roff.to_writer(&mut made)
    };
    render().expect("memory takes everything");
    made
}

fn render_section(section: &Section, made: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [section.heading.to_uppercase().as_str()]);
    for (term, explanation) in section.entries {
        roff.control("TP", []).text([bold(*term)]).text([roman(*explanation)]);
    }
    roff.to_writer(made)
}
