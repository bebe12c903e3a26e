//! Conversations with mail and file servers: a script for stdin, and answers to read.

use std::fs;

use crate::listening::{missing, on_any_port, on_free_port, peer};
use crate::support::{Program, Running, astream};
use crate::transfer::{DOWN, UP};

#[test]
fn a_mail_is_delivered_by_a_script_with_plain_line_feeds() {
    let (server, port) = mail_server();
    let script = "EHLO me.test\nMAIL FROM:<a@me.test>\nRCPT TO:<b@mail.test>\nDATA\n\
                  Subject: greetings\n\nHow are you?\n.\nQUIT\n";
    let client = astream(["connect", "-C", "127.0.0.1", &port]).input(script).run().status(0).silent();
    let codes = codes(&client.stdout);
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"], "{}", client.description());
    server.stdout_line("Subject: greetings");
    server.stdout_line("How are you?");
}

#[test]
fn a_mail_server_is_talked_to_line_by_line() {
    let (_server, port) = mail_server();
    let mut client = astream(["connect", "127.0.0.1", &port]).open_stdin().start();
    client.stdout_line("220 ");
    client.write_stdin(b"EHLO me.test\r\n");
    client.stdout_line("250 ");
    client.write_stdin(b"NOOP\r\n");
    client.stdout_line("250 ");
    client.write_stdin(b"QUIT\r\n");
    client.stdout_line("221 ");
    client.close_stdin();
    client.wait().status(0).silent();
}

#[test]
fn vsftpd_answers_a_script_with_plain_line_feeds() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = vsftpd(&folder, "");
    let script = "USER anonymous\nPASS me@me.test\nSYST\nQUIT\n";
    let client = astream(["connect", "-C", "127.0.0.1", &port]).input(script).run().status(0).silent();
    assert_eq!(codes(&client.stdout), ["220", "331", "230", "215", "221"], "{}", client.description());
}

#[test]
fn a_file_is_fetched_from_vsftpd() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = vsftpd(&folder, "");
    let mut control = astream(["connect", "-C", "127.0.0.1", &port]).open_stdin().start();
    let data_port = log_in(&mut control);
    control.write_stdin(b"RETR file\n");
    astream(["connect", "127.0.0.1", &data_port]).run().status(0).stdout(&DOWN).silent();
    control.stdout_line("226 ");
    control.write_stdin(b"QUIT\n");
    control.stdout_line("221 ");
    control.close_stdin();
    control.wait().status(0).silent();
}

#[test]
fn a_file_is_stored_at_pyftpdlib() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = pyftpdlib(&folder);
    // It waits for a CR before every LF.
    let mut control = astream(["connect", "-C", "127.0.0.1", &port]).open_stdin().start();
    let data_port = log_in(&mut control);
    control.write_stdin(b"STOR file\n");
    astream(["connect", "127.0.0.1", &data_port]).input(UP.as_slice()).run().status(0).stdout(b"").silent();
    control.stdout_line("226 ");
    control.write_stdin(b"QUIT\n");
    control.stdout_line("221 ");
    control.close_stdin();
    control.wait().status(0).silent();
    assert!(fs::read(folder.path().join("file")).unwrap() == *UP);
}

/// The code of each whole answer.
fn codes(answers: &[u8]) -> Vec<String> {
    let answers = String::from_utf8_lossy(answers);
    assert!(answers.ends_with("\r\n"), "{answers:?}");
    answers.lines().filter(|line| line.get(3..4) == Some(" ")).map(|line| line[..3].to_owned()).collect()
}

/// Logs in, and asks for a port for data.
fn log_in(control: &mut Running) -> String {
    control.stdout_line("220 ");
    control.write_stdin(b"USER anonymous\n");
    control.stdout_line("331 ");
    control.write_stdin(b"PASS me@me.test\n");
    control.stdout_line("230 ");
    control.write_stdin(b"TYPE I\n");
    control.stdout_line("200 ");
    control.write_stdin(b"PASV\n");
    let answer = control.stdout_line("227 ");
    let numbers: Vec<u32> =
        answer[4..].split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
    (numbers[4] * 256 + numbers[5]).to_string()
}

fn mail_server() -> (Running, String) {
    let server = peer("aiosmtpd").env("PYTHONUNBUFFERED", "1");
    on_any_port(server.args(["-n", "-l", "127.0.0.1:0", "-c", "aiosmtpd.handlers.Debugging", "stdout"]))
}

/// One that needs no rights: it gives `DOWN` as a file.
pub fn vsftpd(folder: &tempfile::TempDir, more: &str) -> (Running, String) {
    let config = folder.path().join("vsftpd.conf");
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), &*DOWN).unwrap();
    on_free_port(|port| {
        let text = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n\
             run_as_launching_user=YES\nisolate=NO\nisolate_network=NO\nseccomp_sandbox=NO\n\
             anonymous_enable=YES\nanon_root={}\n{more}",
            root.display()
        );
        fs::write(&config, text).unwrap();
        peer("vsftpd").args([&config])
    })
}

/// One that takes what it is given.
fn pyftpdlib(folder: &tempfile::TempDir) -> (Running, String) {
    let python = |args: &[&str]| peer("python3").args(args);
    if python(&["-c", "import pyftpdlib"]).run().code() != 0 {
        missing("pyftpdlib", "python3-pyftpdlib");
    }
    let server: Program = python(&["-m", "pyftpdlib", "-i", "127.0.0.1", "-p", "0", "-w", "-d"]);
    on_any_port(server.args([folder.path()]))
}
