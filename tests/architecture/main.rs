//! The walls between modules: floors, circles, homes of foreign names, and the size of a file. Each wall is
//! also broken on purpose, to prove that the test notices.

mod changelog;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use names::{Crate, Modules, Name, Source};

/// The modules of the library, top to bottom: none names one that stands before it.
const FLOORS: [&str; 10] = [
    "handlers",
    "relay",
    "datagram",
    "stream",
    "transport",
    "endpoint",
    "policy",
    "error",
    "certificate",
    "observe",
];

/// The modules of the program, top to bottom.
const PROGRAM_FLOORS: [&str; 15] = [
    "listen",
    "connect",
    "pass",
    "probe",
    "datagrams",
    "observe",
    "signals",
    "service",
    "report",
    "stdout",
    "cli",
    "expiry",
    "descriptors",
    "threads",
    "boxed",
];

/// A foreign name, and where alone it may stand.
const HOMES: [(&str, &[&str]); 17] = [
    ("clap", &["src/bin/astream/cli/"]),
    ("anyhow", &["src/bin/"]),
    ("signal_hook", &["src/bin/"]),
    ("tracing_subscriber", &["src/bin/"]),
    ("rustls", &["src/transport/tls/"]),
    ("tokio_rustls", &["src/transport/tls/"]),
    ("rustls_native_certs", &["src/transport/tls/"]),
    ("webpki", &["src/transport/tls/"]),
    ("rcgen", &["src/transport/tls/"]),
    ("aws_lc_rs", &["src/certificate/", "src/transport/proxy/", "src/bin/astream/observe/"]),
    ("base64", &["src/certificate/", "src/transport/proxy/"]),
    ("socket2", &["src/transport/"]),
    ("http_auth", &["src/transport/proxy/"]),
    ("httparse", &["src/transport/proxy/"]),
    ("ipnet", &["src/endpoint/"]),
    ("md5", &["src/transport/proxy/"]),
    ("nix", &["src/transport/datagram/", "src/bin/astream/service.rs"]),
];

/// The file that may make the system calls that move bytes inside of the kernel.
const KERNEL_MOVER: &str = "src/relay/linux.rs";

const MOST_LINES: usize = 310;

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(files.len() > 30, "the sources were found");
    let relative = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| Source::new(&relative(path), &std::fs::read_to_string(path).unwrap())).collect()
}

/// The complaints about these sources by `check`, which gets each source with its names.
fn complaints(sources: &[Source], check: impl Fn(&Source, &[Name]) -> Vec<String>) -> Vec<String> {
    let modules = Modules::of(sources);
    sources.iter().flat_map(|source| check(source, &source.names(&modules))).collect()
}

fn looks_up(source: &Source, names: &[Name]) -> Vec<String> {
    let floors = if source.is_of_program() { &PROGRAM_FLOORS[..] } else { &FLOORS[..] };
    let floor = |module: &str| floors.iter().position(|floor| *floor == module);
    let module = source.module();
    let Some(own) = module.first().and_then(|module| floor(module)) else { return Vec::new() };
    let is_higher = |name: &&Name| {
        let first = name.segments.first().map_or("", String::as_str);
        name.of == Crate::Own && floor(first).is_some_and(|floor| floor < own)
    };
    let complaint =
        |name: &Name| format!("{}:{}: looks up to {}", source.path, name.line, name.segments.join("::"));
    names.iter().filter(is_higher).map(complaint).collect()
}

fn is_away_from_home(source: &Source, names: &[Name]) -> Vec<String> {
    let homeless = |name: &Name| {
        let first = name.segments.first().filter(|_| name.of == Crate::Foreign)?;
        let (foreign, homes) = HOMES.iter().find(|(foreign, _)| foreign == first)?;
        let is_home = homes.iter().any(|home| source.path.starts_with(home));
        (!is_home).then(|| format!("{}:{}: {foreign} lives in {}", source.path, name.line, homes.join(", ")))
    };
    names.iter().filter_map(homeless).collect()
}

fn moves_by_the_kernel(source: &Source, names: &[Name]) -> Vec<String> {
    let is_mover = |name: &&Name| {
        let last = name.segments.last().map_or("", String::as_str);
        name.of == Crate::Foreign && ["splice", "sendfile", "tee", "vmsplice"].contains(&last)
    };
    let complaint = |name: &Name| format!("{}:{}: {}", source.path, name.line, name.segments.join("::"));
    let is_allowed = source.path == KERNEL_MOVER;
    names.iter().filter(is_mover).filter(|_| !is_allowed).map(complaint).collect()
}

/// Which children of one module name each other in a circle. A child may name its parent, which holds what
/// its children share.
fn circles(sources: &[Source]) -> Vec<String> {
    let modules = Modules::of(sources);
    let mut edges: BTreeMap<(bool, Vec<String>), BTreeSet<Vec<String>>> = BTreeMap::new();
    for source in sources {
        let module = source.module();
        for name in source.names(&modules).iter().filter(|name| name.of == Crate::Own) {
            let common = module.iter().zip(&name.segments).take_while(|(a, b)| a == b).count();
            if common < module.len() && common < name.segments.len() {
                let key = (source.is_of_program(), module[..=common].to_vec());
                edges.entry(key).or_default().insert(name.segments[..=common].to_vec());
            }
        }
    }
    let leads_to = |from: &(bool, Vec<String>), to: &Vec<String>| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.1.clone()]);
        while let Some(module) = waiting.pop() {
            for next in edges.get(&(from.0, module)).into_iter().flatten() {
                if next == to {
                    return true;
                }
                if seen.insert(next.clone()) {
                    waiting.push(next.clone());
                }
            }
        }
        false
    };
    let is_circle = |module: &&(bool, Vec<String>)| leads_to(module, &module.1);
    edges.keys().filter(is_circle).map(|(_, module)| module.join("::")).collect()
}

/// Messages of the library that name an option of the program: a program that depends on it has none.
fn names_an_option(source: &Source) -> Vec<String> {
    let is_of_library = !source.is_of_program() && source.path != "src/build.rs";
    let starts = |text: &str, start: &str| {
        text.match_indices(start)
            .any(|(at, _)| text[at + start.len()..].starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let code = source.text.lines().enumerate().filter(|_| is_of_library);
    code.flat_map(|(line, text)| {
        let code = text.split("//").next().unwrap_or_default();
        let quoted = code.split('"').skip(1).step_by(2);
        let named = quoted.filter(|text| starts(text, "--") || starts(text, "(-"));
        named.map(move |text| format!("{}:{}: {text}", source.path, line + 1)).collect::<Vec<_>>()
    })
    .collect()
}

fn is_unclear(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let mut complaints = Vec::new();
    if !source.text.starts_with("//! ") {
        complaints.push(format!("{} does not begin with what it is for", source.path));
    }
    if lines > MOST_LINES {
        complaints.push(format!("{} has {lines} lines", source.path));
    }
    complaints
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn no_floor_names_a_higher_one() {
    assert_none(&complaints(&sources(), looks_up));
}

#[test]
fn no_modules_name_each_other_in_a_circle() {
    assert_none(&circles(&sources()));
}

#[test]
fn every_foreign_name_stays_at_home() {
    assert_none(&complaints(&sources(), is_away_from_home));
}

#[test]
fn the_kernel_moves_bytes_in_one_place() {
    assert_none(&complaints(&sources(), moves_by_the_kernel));
}

#[test]
fn no_message_of_the_library_names_an_option_of_the_program() {
    assert_none(&sources().iter().flat_map(names_an_option).collect::<Vec<_>>());
}

#[test]
fn a_message_with_an_option_is_noticed() {
    let source = |path: &str| Source::new(path, "//! x\nfn f() { fail(\"try --insecure\") }");
    assert!(!names_an_option(&source("src/error/mod.rs")).is_empty());
    assert_none(&names_an_option(&source("src/bin/astream/connect.rs")));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let all = sources();
    assert_none(&all.iter().flat_map(is_unclear).collect::<Vec<_>>());
}

#[test]
fn every_module_has_a_floor() {
    for source in sources() {
        let floors = if source.is_of_program() { &PROGRAM_FLOORS[..] } else { &FLOORS[..] };
        let module = source.module();
        let is_known = module.first().is_none_or(|module| floors.contains(&module.as_str()));
        assert!(is_known, "{} is on no floor", source.path);
    }
}

/// The real sources with one line more in the file at `path`.
fn with(path: &str, line: &str) -> Vec<Source> {
    let mut all = sources();
    let source = all.iter_mut().find(|source| source.path == path).expect("there is such a file");
    source.text.push_str(line);
    all
}

#[test]
fn a_broken_wall_is_noticed() {
    for (path, line) in [
        ("src/relay/copy.rs", "use super::super::handlers::Echo;"),
        ("src/relay/copy.rs", "use crate::{stream::StreamReader, handlers as above};"),
        ("src/relay/copy.rs", "fn f() { crate::handlers::Echo::new(); }"),
        ("src/relay/copy.rs", "fn f() { tracing::info!(\"{}\", crate::handlers::NAME); }"),
        ("src/relay/copy.rs", "mod inner { use super::super::super::handlers::Echo; }"),
        ("src/observe/mod.rs", "use crate::error::Error;"),
        ("src/bin/astream/cli/units.rs", "use crate::report::tell;"),
        ("src/bin/astream/report/json.rs", "use super::super::listen::run;"),
    ] {
        assert!(!complaints(&with(path, line), looks_up).is_empty(), "{path}: {line}");
    }
}

#[test]
fn a_circle_is_noticed() {
    let all = || vec![Source::new("src/relay/mod.rs", "//! x\nmod a; mod b;")];
    let mut circle = all();
    circle.push(Source::new("src/relay/a.rs", "use super::b::B;"));
    circle.push(Source::new("src/relay/b.rs", "fn f(_: crate::relay::a::A) {}"));
    assert!(!circles(&circle).is_empty());
    let mut line = all();
    line.push(Source::new("src/relay/a.rs", "use super::b::B; use super::Shared;"));
    line.push(Source::new("src/relay/b.rs", "use super::Shared;"));
    assert_none(&circles(&line));
}

#[test]
fn a_foreign_name_away_from_home_is_noticed() {
    for line in [
        "use socket2 as s2;",
        "use socket2::{Socket, Type};",
        "fn f() { ::socket2::Socket::new(); }",
        "fn f(_: rustls::ClientConfig) {}",
    ] {
        assert!(!complaints(&with("src/relay/copy.rs", line), is_away_from_home).is_empty(), "{line}");
    }
    assert_none(&complaints(&with("src/relay/copy.rs", "// socket2::Socket\n"), is_away_from_home));
}

#[test]
fn a_second_place_where_the_kernel_moves_bytes_is_noticed() {
    for line in ["use rustix::pipe::{splice, tee};", "fn f() { rustix::fs::sendfile(a, b, None, 1); }"] {
        assert!(!complaints(&with("src/relay/copy.rs", line), moves_by_the_kernel).is_empty(), "{line}");
    }
}

#[test]
fn a_file_that_is_too_long_or_does_not_say_what_it_is_for_is_noticed() {
    assert!(!is_unclear(&Source::new("src/a.rs", "fn f() {}\n")).is_empty());
    assert!(
        !is_unclear(&Source::new("src/a.rs", &format!("//! A.\n{}", "\n".repeat(MOST_LINES)))).is_empty()
    );
}
