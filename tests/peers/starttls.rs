//! STARTTLS with real servers: what is said after it is answered, and a server without TLS declines.

use crate::databases::{mariadb, postgres, slapd};
use crate::listening::{on_any_port, peer};
use crate::mail_ftp::vsftpd;
use crate::mail_servers::{dovecot, exim, exim_under_tls};
use crate::site::{Site, site};
use crate::support::{Finished, Program, astream};

#[test]
fn exim_is_greeted_anew_under_tls() {
    let site = site();
    let Some((_server, port)) = exim(&site, site.cert()) else { return };
    let client = talk(&site, "smtp", &port, b"EHLO me.test\r\nQUIT\r\n").status(0);
    let said = verified(&client);
    assert!(said.starts_with("250-mail.test Hello me.test [127.0.0.1]\r\n"), "{}", client.description());
    assert!(!said.contains("STARTTLS") && said.ends_with("221 mail.test closing connection\r\n"));
}

#[test]
fn exim_without_a_certificate_declines() {
    let site = site();
    let Some((_server, port)) = exim(&site, "/nowhere") else { return };
    declines(&site, "smtp", &port, "454 TLS currently unavailable");
}

#[test]
fn aiosmtpd_is_greeted_anew_under_tls() {
    let site = site();
    let server = peer("aiosmtpd").args(["-n", "-l", "127.0.0.1:0", "--tlscert", site.cert()]);
    let (_server, port) = on_any_port(server.args(["--tlskey", site.key()]));
    let client = talk(&site, "smtp", &port, b"EHLO me.test\r\nQUIT\r\n").status(0);
    let said = verified(&client);
    assert!(said.starts_with("250-") && said.contains("\r\n221 "), "{}", client.description());
}

#[test]
fn a_mail_server_without_tls_does_not_offer_it() {
    let (_server, port) = on_any_port(peer("aiosmtpd").args(["-n", "-l", "127.0.0.1:0"]));
    declines(&site(), "smtp", &port, "does not offer it: \"250-");
}

const IMAP: [&str; 3] = ["imap", "imap-login", "imap"];
const POP3: [&str; 3] = ["pop3", "pop3-login", "pop3"];
const LMTP: [&str; 3] = ["lmtp", "lmtp", "lmtp"];
const SIEVE: [&str; 3] = ["sieve", "managesieve-login", "sieve"];

#[test]
fn dovecot_speaks_imap_under_tls_or_declines() {
    let site = site();
    let (_server, port) = dovecot(&site, IMAP, "yes");
    let client = talk(&site, "imap", &port, b"b CAPABILITY\r\nc LOGOUT\r\n").status(0);
    let said = verified(&client);
    assert!(
        said.starts_with("* CAPABILITY IMAP4rev1 ") && said.contains("\r\nc OK "),
        "{}",
        client.description()
    );
    assert!(!said.contains("STARTTLS"));
    let probed = connect(&site, "imap", &port).args(["--expires-within", "30d"]).run().status(0);
    assert!(
        String::from_utf8_lossy(&probed.stdout).contains(": open, TLSv1.3 with "),
        "{}",
        probed.description()
    );
    let (_server, port) = dovecot(&site, IMAP, "no");
    declines(&site, "imap", &port, "declined: \"a BAD ");
}

#[test]
fn dovecot_speaks_pop3_under_tls_or_declines() {
    let site = site();
    let (_server, port) = dovecot(&site, POP3, "yes");
    let client = talk(&site, "pop3", &port, b"CAPA\r\nQUIT\r\n").status(0);
    let said = verified(&client);
    assert!(
        said.starts_with("+OK\r\nCAPA\r\n") && said.contains("\r\n.\r\n+OK "),
        "{}",
        client.description()
    );
    let (_server, port) = dovecot(&site, POP3, "no");
    declines(&site, "pop3", &port, "declined: \"-ERR ");
}

#[test]
fn dovecot_speaks_lmtp_under_tls_or_does_not_offer_it() {
    let site = site();
    let (_server, port) = dovecot(&site, LMTP, "yes");
    let client = talk(&site, "lmtp", &port, b"LHLO me.test\r\nQUIT\r\n").status(0);
    let said = verified(&client);
    assert!(said.starts_with("250-") && said.contains("\r\n221 "), "{}", client.description());
    let (_server, port) = dovecot(&site, LMTP, "no");
    declines(&site, "lmtp", &port, "does not offer it: \"250-");
}

#[test]
fn dovecot_repeats_its_sieve_capabilities_under_tls_or_does_not_offer_it() {
    let site = site();
    let (_server, port) = dovecot(&site, SIEVE, "yes");
    let client = talk(&site, "sieve", &port, b"NOOP \"hello\"\r\nLOGOUT\r\n").status(0);
    let said = verified(&client);
    assert!(
        said.starts_with("\"IMPLEMENTATION\" ") && said.contains("\"hello\""),
        "{}",
        client.description()
    );
    let (_server, port) = dovecot(&site, SIEVE, "no");
    declines(&site, "sieve", &port, "does not offer it: \"\\\"IMPLEMENTATION\\\"");
}

#[test]
fn vsftpd_logs_in_under_tls_or_declines() {
    let site = site();
    let folder = tempfile::tempdir().unwrap();
    let tls = format!(
        "ssl_enable=YES\nallow_anon_ssl=YES\nrsa_cert_file={}\nrsa_private_key_file={}\n",
        site.cert(),
        site.key()
    );
    let (_server, port) = vsftpd(&folder, &tls);
    // It ends without close_notify.
    let client = talk(&site, "ftp", &port, b"USER anonymous\r\nPASS me@me.test\r\nQUIT\r\n").status(7);
    let said = verified(&client);
    assert!(said.starts_with("331 ") && said.contains("\r\n230 "), "{}", client.description());
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = vsftpd(&folder, "");
    declines(&site, "ftp", &port, "declined: \"530 Please login");
}

#[test]
fn postgresql_lets_in_under_tls_or_declines() {
    let site = site();
    let (_server, port) = postgres(&site, "on");
    let startup = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0X\0\0\0\x04";
    let client = talk(&site, "postgres", &port, startup).status(0);
    verified(&client);
    // AuthenticationOk.
    assert!(client.stdout.starts_with(b"R\0\0\0\x08\0\0\0\0"), "{}", client.description());
    let (_server, port) = postgres(&site, "off");
    declines(&site, "postgres", &port, "declined: \"N\"");
}

#[test]
fn mariadb_answers_a_query_under_tls_or_does_not_offer_it() {
    let site = site();
    let (_server, port) = mariadb(&site, true);
    // CLIENT_LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH; root without a password.
    let login = [&b"\x01\x8a\x08\0\0\0\0\x01\x2d"[..], &[0; 23], b"root\0\0mysql_native_password\0"].concat();
    let header = [u8::try_from(login.len()).unwrap(), 0, 0, 2];
    let talked = [&header[..], &login, b"\x0b\0\0\0\x03select 6*7", b"\x01\0\0\0\x01"].concat();
    // It ends without close_notify.
    let client = talk(&site, "mysql", &port, &talked).status(7);
    verified(&client);
    let has_answer = client.stdout.windows(3).any(|bytes| bytes == b"\x0242");
    assert!(has_answer, "{}", client.description());
    let (_server, port) = mariadb(&site, false);
    declines(&site, "mysql", &port, "does not offer it: \"5.5.5-");
}

#[test]
fn openldap_answers_a_bind_under_tls_or_declines() {
    let site = site();
    let (server, port) = slapd(&site, true);
    let mut client = connect(&site, "ldap", &port).open_stdin().start();
    client.write_stdin(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0");
    // A BindResponse with success.
    client.until_stdout(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0");
    // An UnbindRequest, at which the server ends.
    client.write_stdin(b"\x30\x05\x02\x01\x02\x42\0");
    client.close_stdin();
    client.wait().status(0).silent();
    drop(server);
    let (_server, port) = slapd(&site, false);
    declines(&site, "ldap", &port, "unsupported extended operation");
}

/// Says these words; the last ones ask the server to leave.
fn talk(site: &Site, protocol: &str, port: &str, words: &[u8]) -> Finished {
    connect(site, protocol, port).args(["-v"]).input(words).run()
}

#[test]
fn the_mail_examples_of_the_readme_work_as_they_are_printed() {
    let site = site();
    let Some((_server, port)) = exim(&site, site.cert()) else { return };
    example(&site, "mail.example.org 587", &port);
    let (other, tls) = (crate::site::site(), exim_under_tls);
    let Some((_server, port)) = tls(&other) else { return };
    example(&other, "mail.example.org 465", &port);
}

/// Runs README's line with this address in it, but with a server of this machine.
fn example(site: &Site, address: &str, port: &str) {
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.contains(&format!("astream connect {address}"))).unwrap();
    let code = line.replace(address, &format!("localhost {port}"));
    let code = format!("astream() {{ {} \"$@\"; }}; set -o pipefail; {code}", env!("CARGO_BIN_EXE_astream"));
    let said = peer("bash").args(["-c", &code]).env("SSL_CERT_FILE", site.ca()).run().status(0).silent();
    let answers = String::from_utf8_lossy(&said.stdout);
    assert!(answers.contains("250-mail.test Hello me.example.org"), "{}", said.description());
    assert!(answers.ends_with("221 mail.test closing connection\r\n"), "{}", said.description());
}

fn connect(site: &Site, protocol: &str, port: &str) -> Program {
    astream(["connect", "localhost", port, "--starttls", protocol, "--cacert", site.ca()])
}

/// What was said under TLS to a client that had verified the server.
#[track_caller]
fn verified(client: &Finished) -> String {
    assert!(client.stderr.contains("TLSv1.3 with "), "{}", client.description());
    String::from_utf8_lossy(&client.stdout).into_owned()
}

#[track_caller]
fn declines(site: &Site, protocol: &str, port: &str, expected: &str) {
    let client = connect(site, protocol, port).input("secret").run().status(6).stdout(b"");
    client.says(&[&format!("STARTTLS ({protocol}) with localhost:{port}"), expected]);
}
