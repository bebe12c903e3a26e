//! The definition of the command line: it is sound, and its help fits and leaves nothing out.

use super::*;

#[test]
fn the_definition_is_sound() {
    definition().debug_assert();
}

#[test]
fn short_help_fits_one_screen_with_the_prompt_after_it() {
    for line in ["-h", "connect -h", "listen -h"] {
        let words = once("astream").chain(line.split(' '));
        let help = definition().term_width(manual::WIDTH).try_get_matches_from(words).unwrap_err();
        let help = help.render().to_string();
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
        let lines = help.lines().count();
        assert!(lines < 24 && widest <= manual::WIDTH, "{line}: {lines} lines, {widest} wide\n{help}");
    }
}

#[test]
fn long_help_has_the_examples() {
    for line in ["--help", "connect --help", "listen --help"] {
        let words = once("astream").chain(line.split(' '));
        let help = definition().try_get_matches_from(words).unwrap_err().render().to_string();
        assert!(help.contains("\nExamples:\n  ") && help.contains("\nExit status:\n"), "{line}\n{help}");
    }
}

#[test]
fn every_option_states_its_unit_and_its_default() {
    let program = definition();
    let args = program.get_subcommands().flat_map(clap::Command::get_arguments);
    let valued: Vec<_> = args.filter(|arg| !arg.is_positional() && arg.get_action().takes_values()).collect();
    assert!(valued.len() > 40, "they were found");
    for arg in valued {
        let help = arg.get_long_help().or(arg.get_help()).unwrap().to_string();
        let value = arg.get_value_names().unwrap()[0].as_str();
        let units: &[&str] = match value {
            "TIME" => &["seconds, or has a unit"],
            "TIME|N%" => &["needs a unit"],
            "RATE" => &["bytes a second, or has a unit"],
            "SIZE" => &["bytes, or has a unit"],
            "N" => &["N connections", "N threads", "N times", "the number N"],
            _ => &[""],
        };
        assert!(units.iter().any(|unit| help.contains(unit)), "--{}: {help}", arg.get_id());
        let has_default = help.contains("[default: ") || !arg.get_default_values().is_empty();
        assert!(has_default, "--{}: {help}", arg.get_id());
    }
}

#[test]
fn without_options_a_command_line_means_the_same() {
    for line in [
        "connect host 1",
        "connect host:1",
        "connect unix:/a",
        "connect  1",
        "connect host -1",
        "connect host 1 2",
        "connect",
    ] {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let (fast, whole) = (connect(&words), alone::<Connect>(&words));
        assert_eq!(format!("{fast:?}"), format!("{whole:?}"), "{line}");
    }
}
