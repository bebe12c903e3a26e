//! The completions in the shells they are for.

use std::fs;
use std::path::Path;

use crate::listening::peer;
use crate::support::Program;
use crate::support::certs::arg;

/// What is typed, and what is offered for its last word.
const OFFERS: &[(&str, &[&str])] = &[
    ("connect alp", &["alpha.test", "alps.test"]),
    ("connect gw", &["gw.test"]),
    ("connect unix", &["unix:"]),
    ("connect unix:{}/so", &["unix:{}/socket"]),
    ("listen unix:{}/so", &["unix:{}/socket"]),
    ("listen --forward alph", &["alpha.test"]),
    ("listen --forward unix:{}/so", &["unix:{}/socket"]),
    ("connect --servername alph", &["alpha.test"]),
    ("connect --cacert {}/so", &["{}/socket"]),
    ("connect -w 5 -i 10 gw", &["gw.test"]),
    ("connect --starttls s", &["sieve", "smtp"]),
    // No files where a time or a port belongs.
    ("connect -w ", &[]),
    ("connect localhost ", &[]),
];

/// Names as ssh keeps them, those it has hashed among them, and a file to complete.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let names = "# comment\n|1|hash= ssh-rsa A\n@cert-authority *.test ssh-rsa A\n\
                 [gw.test]:2222,alpha.test ssh-ed25519 A\nalps.test,10.0.0.1 ssh-rsa A\n";
    fs::create_dir(home.path().join(".ssh")).unwrap();
    fs::write(home.path().join(".ssh/known_hosts"), names).unwrap();
    fs::write(home.path().join("socket"), "").unwrap();
    home
}

fn script(file: &str) -> String {
    arg(&Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(file)).to_owned()
}

fn shell(name: &str, code: &str, home: &tempfile::TempDir) -> Program {
    peer(name).args(["-c", code]).env("HOME", home.path()).dir(home.path())
}

#[track_caller]
fn are_offered(shell: impl Fn(&str, &tempfile::TempDir) -> Vec<String>) {
    let home = home();
    for (typed, wanted) in OFFERS {
        let here = |text: &str| text.replace("{}", arg(home.path()));
        let mut offered = shell(&format!("astream {}", here(typed)), &home);
        offered.sort();
        assert_eq!(offered, wanted.iter().map(|word| here(word)).collect::<Vec<_>>(), "{typed}");
    }
}

#[test]
fn bash_offers_host_names_and_the_paths_of_sockets() {
    are_offered(|line, home| {
        // As bash calls it, to which a colon ends a word.
        let code = format!(
            "source '{}'; compopt() {{ :; }}; HOSTFILE=/dev/null; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}\n\
             read -ra COMP_WORDS <<< \"${{COMP_LINE//:/ : }}\"\n\
             [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); prefix=; [[ $COMP_LINE == *unix:* ]] && prefix=unix:\n\
             _astream_with_addresses astream \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             for word in \"${{COMPREPLY[@]}}\"; do [[ $word ]] && printf '%s\\n' \"$prefix$word\"; done; true",
            script("astream.bash")
        );
        lines(&shell("bash", &code, home).run().status(0).silent().stdout)
    });
}

#[test]
fn fish_offers_host_names_and_the_paths_of_sockets() {
    are_offered(|line, home| {
        let code = format!("source '{}'; complete -C '{line}'", script("astream.fish"));
        lines(&shell("fish", &code, home).run().status(0).silent().stdout)
    });
}

/// The first column of each line.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    // The files of this machine's /etc are none of ours.
    text.lines().map(word).filter(|word| !word.ends_with("localhost")).collect()
}

#[test]
fn zsh_reads_its_completions() {
    let home = home();
    peer("zsh").args(["-n", &script("_astream")]).dir(home.path()).run().status(0).silent();
}
