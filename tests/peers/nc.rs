//! nc.openbsd and nc.traditional, which know neither TLS nor, some of them, a half-close.

use crate::listening::{on_any_port, on_path, peer};
use crate::support::astream;
use crate::transfer::{DOWN, Parcels, both_ways, download, upload};

#[test]
fn nc_openbsd_listens_and_five_megabytes_go_each_way_at_once() {
    let (server, port) =
        on_any_port(peer("nc.openbsd").args(["-N", "-l", "127.0.0.1", "0"]).input(DOWN.as_slice()));
    // As a listener it may leave at our end, with its file unsent: ours must come after its own.
    both_ways(astream(["connect", "--no-shutdown", "127.0.0.1", &port]), server);
}

#[test]
fn nc_openbsd_connects_and_five_megabytes_go_each_way_at_once() {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let client = peer("nc.openbsd").args(["-N", "127.0.0.1", &server.port()]);
    both_ways(client, server);
}

#[test]
fn nc_openbsd_connects_and_sixty_four_mebibytes_go_each_way_at_once() {
    let parcels = Parcels::new();
    let server = parcels.server(astream(["listen", "127.0.0.1", "0"])).start();
    parcels.client(peer("nc.openbsd").args(["-N", "127.0.0.1", &server.port()])).run().status(0);
    server.wait().status(0);
    parcels.have_arrived();
}

#[test]
fn nc_openbsd_uploads_to_a_listener_without_stdin() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = peer("nc.openbsd").args(["-N", "127.0.0.1", &server.port()]);
    upload(client, server);
}

#[test]
fn nc_openbsd_listens_and_takes_an_upload() {
    let (server, port) = on_any_port(peer("nc.openbsd").args(["-N", "-l", "127.0.0.1", "0"]));
    upload(astream(["connect", "127.0.0.1", &port]), server);
}

#[test]
fn nc_openbsd_listens_on_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket").display().to_string();
    let server = on_path(peer("nc.openbsd").args(["-N", "-l", "-U", &path]).input(DOWN.as_slice()), &path);
    both_ways(astream(["connect", "--no-shutdown", &format!("unix:{path}")]), server);
}

#[test]
fn nc_openbsd_connects_to_an_abstract_unix_socket() {
    let name = format!("@astream-{}", std::process::id());
    let server = astream(["listen", &format!("unix:{name}")]).input(DOWN.as_slice()).start();
    server.stderr_line("listening on ");
    both_ways(peer("nc.openbsd").args(["-N", "-U", &name]), server);
}

#[test]
fn nc_traditional_listens_and_takes_an_upload() {
    // At our end it leaves, so it has nothing to send here.
    let (server, port) = on_any_port(peer("nc.traditional").args(["-l", "-s", "127.0.0.1"]));
    upload(astream(["connect", "127.0.0.1", &port]), server);
}

#[test]
fn nc_traditional_listens_and_its_file_is_printed() {
    let (server, port) =
        on_any_port(peer("nc.traditional").args(["-q", "0", "-l", "-s", "127.0.0.1"]).input(DOWN.as_slice()));
    // At our end it leaves, with its file unsent: ours must come after its own.
    download(astream(["connect", "--recv-only", "127.0.0.1", &port]), server);
}

#[test]
fn nc_traditional_uploads_to_a_listener_without_stdin() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = peer("nc.traditional").args(["-q", "0", "127.0.0.1", &server.port()]);
    upload(client, server);
}

#[test]
fn nc_traditional_connects_and_prints_what_a_listener_has() {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    // It never half-closes, but leaves at our end.
    let client = peer("nc.traditional").args(["127.0.0.1", &server.port()]);
    download(client, server);
}
