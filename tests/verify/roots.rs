//! Which roots are trusted: the system's, or instead exactly those that the environment names.

use std::path::Path;

use crate::support::certs::arg;
use crate::support::{Finished, astream};
use crate::workshop::{Made, Plan, make};

fn connect(made: &Made, variables: &[(&str, &Path)]) -> Finished {
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).input("hello").start();
    let client = astream(["connect", "localhost", &server.port(), "-4", "--tls"]);
    variables.iter().fold(client, |client, (name, path)| client.env(name, path)).run()
}

/// A folder with the certificates to trust, beside other files.
fn folder(made: &Made) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // As a Windows editor writes it.
    let text = format!("\u{feff}{}", std::fs::read_to_string(&made.trusted).unwrap());
    std::fs::write(folder.path().join("root.pem"), text).unwrap();
    std::fs::write(folder.path().join("README"), "no certificate").unwrap();
    folder
}

#[test]
fn the_file_the_folders_and_both_are_honoured_and_nothing_else() {
    let (one, other) = (make(&Plan::new(&["localhost"])), make(&Plan::new(&["localhost"])));
    let (its_folder, other_folder) = (folder(&one), folder(&other));
    let both = format!("{}:{}", other_folder.path().display(), its_folder.path().display());
    let with_a_missing_one = format!("/nonexistent:{}:/nonexistent", its_folder.path().display());
    let file = ("SSL_CERT_FILE", one.trusted.as_path());
    let other_file = ("SSL_CERT_FILE", other.trusted.as_path());
    let its = ("SSL_CERT_DIR", its_folder.path());
    let others = ("SSL_CERT_DIR", other_folder.path());
    for (variables, status) in [
        (&[file][..], 0),
        (&[its], 0),
        (&[("SSL_CERT_DIR", Path::new(&both))], 0),
        (&[file, others], 0),
        (&[("SSL_CERT_DIR", Path::new(&with_a_missing_one))], 0),
        (&[file, ("SSL_CERT_DIR", Path::new("/nonexistent"))], 0),
        (&[other_file, its], 0),
        (&[other_file], 6),
        (&[others], 6),
        (&[other_file, others], 6),
        (&[], 6),
    ] {
        let client = connect(&one, variables).status(status);
        assert!(status == 0 || client.stderr.contains("not trusted"), "{}", client.description());
    }
}

#[test]
fn a_variable_that_names_nothing_is_an_error_and_the_systems_roots_are_no_substitute() {
    let made = make(&Plan::new(&["localhost"]));
    let (its_folder, empty_folder) = (folder(&made), tempfile::tempdir().unwrap());
    let (empty, missing) = (made.folder().join("empty.pem"), made.folder().join("missing"));
    std::fs::write(&empty, "").unwrap();
    for (variables, expected) in [
        (&[("SSL_CERT_FILE", missing.as_path())][..], &["no such file", "SSL_CERT_FILE"][..]),
        (
            &[("SSL_CERT_FILE", &missing), ("SSL_CERT_DIR", its_folder.path())],
            &["no such file", "SSL_CERT_FILE"],
        ),
        (&[("SSL_CERT_FILE", &empty)], &["no certificate", "SSL_CERT_FILE"]),
        (&[("SSL_CERT_FILE", Path::new(""))], &["SSL_CERT_FILE", "empty"]),
        (&[("SSL_CERT_DIR", &missing)], &["no such file", "SSL_CERT_DIR"]),
        (&[("SSL_CERT_DIR", empty_folder.path())], &["no certificate", "SSL_CERT_DIR"]),
        (&[("SSL_CERT_DIR", Path::new(""))], &["SSL_CERT_DIR", "empty"]),
        (&[("SSL_CERT_DIR", Path::new("/nonexistent:/neither"))], &["/nonexistent: cannot", "no such file"]),
    ] {
        connect(&made, variables).status(2).stdout(b"").says(expected);
    }
}

#[test]
fn insecure_says_what_it_has_skipped() {
    let mut plan = Plan::new(&["www.example.org"]);
    let made = make(&plan);
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let skipped = |made: &Made, shown: &[&str]| {
        let server = astream(["listen", "127.0.0.1", "0", "--tls"]).args(shown).input("hello").start();
        let client = astream(["connect", "localhost", &server.port(), "-4", "--tls", "--insecure"]);
        client.env("SSL_CERT_FILE", &made.trusted).run().status(0).stdout(b"hello")
    };
    skipped(&made, &shown).says(&["--insecure", "not for 'localhost'", "www.example.org"]);
    plan = Plan::new(&["localhost"]);
    let made = make(&plan);
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    skipped(&made, &shown).says(&["--insecure", "verification would have succeeded"]);
}

#[test]
fn a_relay_reads_the_systems_roots_before_it_listens() {
    let relay = ["listen", "127.0.0.1", "0", "--forward", "localhost:1", "--forward-tls"];
    let finished = astream(relay).env("SSL_CERT_FILE", "/nonexistent").run().status(2);
    finished.says(&["/nonexistent", "no such file", "SSL_CERT_FILE"]);
}

#[test]
fn where_nothing_is_verified_the_systems_roots_may_be_missing_for_every_connection() {
    let made = make(&Plan::new(&["localhost"]));
    let shown = ["--cert", arg(&made.shown.cert), "--key", arg(&made.shown.key)];
    let server = astream(["listen", "127.0.0.1", "0", "--tls", "--echo"]).args(shown).start();
    let (target, without) = (format!("127.0.0.1:{}", server.port()), ("SSL_CERT_FILE", "/nonexistent"));
    let probe = ["connect", &target, "-z", "--tls", "--insecure", "--every", "1ms", "--count", "3"];
    let probed = astream(probe).env(without.0, without.1).run().status(0);
    let open = String::from_utf8_lossy(&probed.stdout).matches(": open").count();
    assert_eq!(open, 3, "{}", probed.description());
    let relay = ["listen", "127.0.0.1", "0", "--forward", &target, "--forward-tls", "--forward-insecure"];
    let relay = astream(relay).env(without.0, without.1).start();
    let port = relay.port();
    for _ in 0..3 {
        astream(["connect", "127.0.0.1", &port]).input("hello").run().status(0).stdout(b"hello");
    }
}
