//! ncat, plain and over TLS. Before 7.95 its end under TLS is a bare FIN, which is reported as status 7
//! unless it is explicitly allowed; what arrived before it must be complete all the same.

use std::sync::LazyLock;

use crate::listening::{on_any_port, peer};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Program, Running, astream};
use crate::transfer::{DOWN, UP, both_ways, upload};

#[test]
fn ncat_listens_and_five_megabytes_go_each_way_at_once() {
    let (server, port) = on_any_port(peer("ncat").args(["-l", "127.0.0.1", "0"]).input(DOWN.as_slice()));
    // As a listener it leaves at a client's end, with its file unsent: ours must come after its own.
    both_ways(astream(["connect", "--no-shutdown", "127.0.0.1", &port]), server);
}

#[test]
fn an_upload_to_ncat_that_ends_first_is_complete() {
    let (server, port) = on_any_port(peer("ncat").args(["-l", "127.0.0.1", "0"]));
    upload(astream(["connect", "127.0.0.1", &port]), server);
}

#[test]
fn ncat_connects_and_five_megabytes_go_each_way_at_once() {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let client = peer("ncat").args(["127.0.0.1", &server.port()]);
    both_ways(client, server);
}

#[test]
fn ncat_uploads_to_a_listener_without_stdin() {
    // ncat since 7.96 throws away what it has not sent when it sees an end: ours must come last.
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = peer("ncat").args(["127.0.0.1", &server.port()]);
    upload(client, server);
}

#[test]
fn ncat_only_sends_and_every_byte_is_received() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = peer("ncat").args(["--send-only", "127.0.0.1", &server.port()]);
    upload(client, server);
}

#[test]
fn ncat_uploads_over_tls_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let client = ncat_tls_client(&site, version, &server);
        client.input(UP.as_slice()).run().status(0);
        let server = server.wait().stdout(&UP).status(if ends_cleanly() { 0 } else { 7 });
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn ncat_uploads_over_tls_with_status_0_where_its_end_is_allowed() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().args(["--ignore-unexpected-eof"]).start();
        let client = ncat_tls_client(&site, version, &server);
        let (_, server) = upload(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn ncat_only_receives_over_tls_and_gets_it_all() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        let client = ncat_tls_client(&site, version, &server).args(["--recv-only"]);
        client.run().status(0).stdout(&DOWN);
        let server = server.wait().status(0);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn ncat_has_nothing_to_send_over_tls_and_gets_all_where_its_early_end_is_allowed() {
    let site = site();
    let server = site.listen().args(["--ignore-unexpected-eof"]).input(DOWN.as_slice()).start();
    let client = ncat_tls_client(&site, Version::Tls13, &server);
    client.run().status(0).stdout(&DOWN);
    server.wait().status(0);
}

#[test]
fn an_upload_to_ncat_over_tls_is_complete_with_status_0() {
    for version in VERSIONS {
        let site = site();
        // With an open stdin: at the end of it, it would end the connection under our upload.
        let (server, port) = ncat_tls_server(&site, version, Program::open_stdin);
        let client = site.connect(&port).input(UP.as_slice()).run().status(0);
        server.wait().status(0).stdout(&UP);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn what_ncat_has_is_printed_over_tls_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = ncat_tls_server(&site, version, |ncat| ncat.input(DOWN.as_slice()));
        // At our end it leaves, with its file unsent: ours must come after its own.
        let client = site.connect(&port).args(["--recv-only"]).run().stdout(&DOWN);
        let client = client.status(if ends_cleanly() { 0 } else { 7 });
        server.wait().status(0);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn ncat_listens_with_tls_and_both_send_at_once_where_its_end_is_allowed() {
    let site = site();
    let (server, port) = ncat_tls_server(&site, Version::Tls13, |ncat| ncat.input(DOWN.as_slice()));
    let client = site.connect(&port).args(["--no-shutdown", "--ignore-unexpected-eof"]);
    both_ways(client, server);
}

pub fn ncat_tls_client(site: &Site, version: Version, server: &Running) -> Program {
    let ncat = peer("ncat").args(["--ssl-verify", "--ssl-trustfile", site.ca(), "localhost", &server.port()]);
    site.capped(ncat, version)
}

fn ncat_tls_server(
    site: &Site,
    version: Version,
    stdin: impl FnOnce(Program) -> Program,
) -> (Running, String) {
    let ncat = peer("ncat").args(["-l", "127.0.0.1", "0", "--ssl", "--ssl-cert", site.cert()]);
    on_any_port(stdin(site.capped(ncat.args(["--ssl-key", site.key()]), version)))
}

/// Whether this ncat ends TLS with `close_notify`, as it does since 7.95.
pub fn ends_cleanly() -> bool {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let finished = peer("ncat").args(["--version"]).run();
        let text = String::from_utf8_lossy(&finished.stdout).into_owned() + &finished.stderr;
        text.split("Version ").nth(1).unwrap_or_default().chars().take(4).collect()
    });
    VERSION.as_str() >= "7.95"
}
