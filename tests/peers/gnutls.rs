//! gnutls: `gnutls-serv` echoes text, `gnutls-cli` half-closes as it should, if it ends first.

use crate::listening::{on_any_port, peer};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Program, Running, noise};
use crate::transfer::{DOWN, UP, upload};

#[test]
fn gnutls_serv_sends_everything_back_after_our_end_too() {
    let text = text();
    for version in VERSIONS {
        let site = site();
        let (_server, port) = gnutls_serv(&site, version);
        let client = site.connect(&port).input(text.as_slice()).run().status(0).stdout(&text);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn gnutls_cli_connects_and_both_send_at_once() {
    for version in VERSIONS {
        let site = site();
        let server = ends_last(site.listen()).input(&DOWN[..SOME]).start();
        let client = gnutls_cli(&site, version, &server.port()).input(UP.as_slice());
        client.run().status(0).stdout(&DOWN[..SOME]);
        let server = server.wait().status(0).stdout(&UP);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn gnutls_cli_uploads_to_a_listener_without_stdin() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let (_, server) = upload(gnutls_cli(&site, version, &server.port()), server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn gnutls_cli_prints_what_a_listener_has() {
    for version in VERSIONS {
        let site = site();
        let server = ends_last(site.listen()).input(&DOWN[..SOME]).start();
        gnutls_cli(&site, version, &server.port()).run().status(0).stdout(&DOWN[..SOME]);
        let server = server.wait().status(0).stdout(b"");
        version.was_spoken(&server.stderr);
    }
}

/// How much it is given: it prints each byte for itself.
pub const SOME: usize = 1_000_000;

/// When our end comes first, it drops what it has not sent yet and leaves without `close_notify`.
pub fn ends_last(listener: Program) -> Program {
    listener.args(["--no-shutdown"])
}

/// Its echo is for text: lines without a zero byte.
pub fn text() -> Vec<u8> {
    let letters =
        noise(3_000_000).into_iter().map(|byte| if byte % 64 == 0 { b'\n' } else { b'0' + byte % 64 });
    letters.chain([b'\n']).collect()
}

pub fn gnutls_serv(site: &Site, version: Version) -> (Running, String) {
    on_any_port(peer("gnutls-serv").args(["--port", "0", "--echo", "--priority", only(version)]).args([
        "--x509certfile",
        site.cert(),
        "--x509keyfile",
        site.key(),
    ]))
}

pub fn gnutls_cli(site: &Site, version: Version, port: &str) -> Program {
    // Its messages would be mixed into the data.
    peer("gnutls-cli")
        .args(["--logfile", "/dev/null", "--x509cafile", site.ca(), "--priority", only(version)])
        .args(["--port", port, "localhost"])
}

fn only(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "NORMAL:-VERS-ALL:+VERS-TLS1.2",
        Version::Tls13 => "NORMAL:-VERS-ALL:+VERS-TLS1.3",
    }
}
