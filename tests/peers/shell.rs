//! Real pipelines of bash, with `pipefail`: every status and every byte of a pipe's two ends.

use std::fs;
use std::path::Path;

use crate::listening::peer;
use crate::support::{Program, astream, noise};
use crate::transfer::{DOWN, UP};

#[test]
fn a_folder_is_packed_on_one_side_and_unpacked_on_the_other() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir_all(from.path().join("deep/er")).unwrap();
    for (name, len) in [("deep/er/big", 3_000_000), ("deep/empty", 0), ("small", 7)] {
        fs::write(from.path().join(name), noise(len)).unwrap();
    }
    // Without B, tar takes what a read gives, and may leave before the zeros that fill the last record.
    let listener = bash(r#""$ASTREAM" listen 127.0.0.1 0 | tar xB"#).dir(to.path()).start();
    let connect = r#"tar c . | "$ASTREAM" connect 127.0.0.1 "$PORT""#;
    bash(connect).env("PORT", listener.port()).dir(from.path()).run().status(0).stdout(b"").silent();
    listener.wait().status(0).stdout(b"");
    bash(r#"diff -r "$FROM" ."#).env("FROM", from.path()).dir(to.path()).run().status(0).stdout(b"");
}

#[test]
fn a_folder_is_fetched_by_a_client() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("file"), &*DOWN).unwrap();
    let listener = bash(r#"tar c . | "$ASTREAM" listen 127.0.0.1 0"#).dir(from.path()).start();
    let connect = r#""$ASTREAM" connect 127.0.0.1 "$PORT" < /dev/null | tar xB"#;
    bash(connect).env("PORT", listener.port()).dir(to.path()).run().status(0).silent();
    listener.wait().status(0).stdout(b"");
    assert!(fs::read(to.path().join("file")).unwrap() == *DOWN);
}

#[test]
fn a_reader_that_has_enough_ends_the_program_as_it_ends_cat() {
    for (listen, connect) in [
        (r#""$ASTREAM" listen 127.0.0.1 0 < /dev/zero"#, r#""$ASTREAM" connect 127.0.0.1 "$PORT""#),
        (
            r#""$ASTREAM" listen --tls 127.0.0.1 0 < /dev/zero"#,
            r#""$ASTREAM" connect --tls --insecure --quiet 127.0.0.1 "$PORT""#,
        ),
    ] {
        let listener = bash(listen).start();
        let script = format!("{connect} | head -c1 | wc -c; echo ${{PIPESTATUS[0]}}");
        bash(&script).env("PORT", listener.port()).run().stdout(b"1\n141\n").silent();
        // The endless zeros were not handed over.
        listener.wait().status(1);
    }
}

#[test]
fn a_full_disk_is_status_2() {
    let listener = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let connect = r#""$ASTREAM" connect 127.0.0.1 "$PORT" > /dev/full"#;
    bash(connect).env("PORT", listener.port()).run().status(2).says(&["stdout", "no space left"]);
    listener.wait();
}

#[test]
fn a_slow_reader_gets_every_byte() {
    for (tls, options) in [("", ""), ("", "-i 500ms"), ("--tls", "--tls --insecure --quiet -i 500ms")] {
        let listen = ["listen", "127.0.0.1", "0"];
        let listener = astream(listen).args(tls.split_whitespace()).input(DOWN.as_slice()).start();
        let connect = format!(r#""$ASTREAM" connect {options} 127.0.0.1 "$PORT" | (sleep 1; sha256sum)"#);
        let client = bash(&connect).env("PORT", listener.port()).run().status(0).silent();
        assert_eq!(client.stdout, sha256sum(&DOWN));
        listener.wait().status(0);
    }
}

#[test]
fn a_slow_writer_is_waited_for() {
    let listener = bash(r#""$ASTREAM" listen 127.0.0.1 0 | sha256sum"#).start();
    let connect = r#"(sleep 1; cat) | "$ASTREAM" connect 127.0.0.1 "$PORT""#;
    bash(connect).env("PORT", listener.port()).input(UP.as_slice()).run().status(0).stdout(b"").silent();
    assert_eq!(listener.wait().status(0).stdout, sha256sum(&UP));
}

#[test]
fn a_client_in_the_middle_of_a_script_leaves_the_rest_of_its_stdin_alone() {
    let listener = astream(["listen", "127.0.0.1", "0"]).input("from the peer\n").start();
    let script =
        r#"read first; "$ASTREAM" connect --recv-only 127.0.0.1 "$PORT"; read second; echo "$first $second""#;
    bash(script)
        .env("PORT", listener.port())
        .input("one\ntwo\n")
        .run()
        .status(0)
        .stdout(b"from the peer\none two\n")
        .silent();
    listener.wait().status(0);
}

fn sha256sum(bytes: &[u8]) -> Vec<u8> {
    bash("sha256sum").input(bytes).run().status(0).stdout
}

fn bash(script: &str) -> Program {
    let program = Path::new(env!("CARGO_BIN_EXE_astream"));
    peer("bash").args(["-c", &format!("set -o pipefail; {script}")]).env("ASTREAM", program)
}
