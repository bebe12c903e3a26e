//! socat, plain and over TLS: it half-closes, and `-t` gives the other direction its time.

use crate::listening::{on_any_port, peer};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Program, astream};
use crate::transfer::{DOWN, Parcels, both_ways, download, upload};

#[test]
fn socat_listens_and_five_megabytes_go_each_way_at_once() {
    let (server, port) = on_any_port(socat("TCP-LISTEN:0,bind=127.0.0.1").input(DOWN.as_slice()));
    both_ways(astream(["connect", "127.0.0.1", &port]), server);
}

#[test]
fn socat_connects_and_five_megabytes_go_each_way_at_once() {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let client = socat(&format!("TCP:127.0.0.1:{}", server.port()));
    both_ways(client, server);
}

#[test]
fn socat_connects_and_sixty_four_mebibytes_go_each_way_at_once() {
    let parcels = Parcels::new();
    let server = parcels.server(astream(["listen", "127.0.0.1", "0"])).start();
    let client = socat(&format!("TCP:127.0.0.1:{}", server.port()));
    parcels.client(client).run().status(0);
    server.wait().status(0);
    parcels.have_arrived();
}

#[test]
fn socat_uploads_to_a_listener_without_stdin() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    // Without -t, as most write it.
    let client = peer("socat").args(["-", &format!("TCP:127.0.0.1:{}", server.port())]);
    upload(client, server);
}

#[test]
fn socat_only_sends_and_every_byte_is_received() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = peer("socat").args(["-u", "-", &format!("TCP:127.0.0.1:{}", server.port())]);
    upload(client, server);
}

#[test]
fn socat_connects_to_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket").display().to_string();
    let server = astream(["listen", &format!("unix:{path}")]).input(DOWN.as_slice()).start();
    server.stderr_line("listening on ");
    both_ways(socat(&format!("UNIX-CONNECT:{path}")), server);
}

#[test]
fn socat_listens_with_tls_and_both_send_at_once() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = on_any_port(socat(&listen(&site, version)).input(DOWN.as_slice()));
        let (client, _) = both_ways(site.connect(&port), server);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn socat_listens_with_tls_and_an_upload_is_complete() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = on_any_port(socat(&listen(&site, version)));
        let (client, _) = upload(site.connect(&port).args(["--send-only"]), server);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn socat_connects_with_tls_and_both_send_at_once() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        let client = socat(&connect(&site, version, &server.port()));
        let (_, server) = both_ways(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn socat_uploads_over_tls_to_a_listener_without_stdin() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let client = socat(&connect(&site, version, &server.port()));
        let (_, server) = upload(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn socat_prints_what_a_listener_has_over_tls() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        let client = socat(&connect(&site, version, &server.port()));
        let (_, server) = download(client, server);
        version.was_spoken(&server.stderr);
    }
}

/// Between its stdio and this address, with all the time that the other direction may need.
pub fn socat(address: &str) -> Program {
    peer("socat").args(["-t", "60", "-", address])
}

pub fn listen(site: &Site, version: Version) -> String {
    let (cert, key) = (site.cert(), site.key());
    format!("OPENSSL-LISTEN:0,bind=127.0.0.1,cert={cert},key={key},verify=0,{}", only(version))
}

pub fn connect(site: &Site, version: Version, port: &str) -> String {
    format!("OPENSSL:localhost:{port},cafile={},{}", site.ca(), only(version))
}

fn only(version: Version) -> String {
    let version = version.name().replace('v', "");
    format!("openssl-min-proto-version={version},openssl-max-proto-version={version}")
}
