//! Two of us: everything at once in both directions, plain and over TLS.

use crate::support::astream;
use crate::support::certs::{arg, authority};
use crate::transfer::{DOWN, Parcels, both_ways, upload};

#[test]
fn sixty_four_mebibytes_go_each_way_at_once() {
    let parcels = Parcels::new();
    let server = parcels.server(astream(["listen", "127.0.0.1", "0"])).start();
    let client = astream(["connect", "127.0.0.1", &server.port()]);
    parcels.client(client).run().status(0).silent();
    server.wait().status(0);
    parcels.have_arrived();
}

#[test]
fn sixty_four_mebibytes_go_each_way_at_once_over_tls() {
    let authority = authority();
    let issued = authority.localhost();
    let parcels = Parcels::new();
    let listen =
        ["listen", "--tls", "--cert", arg(&issued.cert), "--key", arg(&issued.key), "127.0.0.1", "0"];
    let server = parcels.server(astream(listen)).start();
    let client = astream(["connect", "--tls", "--cacert", arg(&authority.ca), "localhost", &server.port()]);
    parcels.client(client).run().status(0).silent();
    server.wait().status(0);
    parcels.have_arrived();
}

#[test]
fn an_upload_to_a_listener_without_stdin_is_complete() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = astream(["connect", "127.0.0.1", &server.port()]);
    upload(client, server);
}

#[test]
fn five_megabytes_go_each_way_through_a_pin_and_pipes() {
    let server = astream(["listen", "--tls", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let port = server.port();
    let line = server.stderr_line("--pin ");
    let pin = line.split("--pin ").nth(1).unwrap();
    let client = astream(["connect", "--tls", "--pin", pin, "127.0.0.1", &port]);
    both_ways(client, server);
}

#[test]
fn each_presents_a_certificate_to_the_other() {
    let authority = authority();
    let (server_cert, client_cert) = (authority.localhost(), authority.issue("client", &["client.test"]));
    let server = astream(["listen", "--tls", "127.0.0.1", "0", "--cacert", arg(&authority.ca)])
        .args(["--cert", arg(&server_cert.cert), "--key", arg(&server_cert.key)])
        .input(DOWN.as_slice())
        .start();
    let client = astream(["connect", "--tls", "127.0.0.1", &server.port(), "--cacert", arg(&authority.ca)])
        .args(["--cert", arg(&client_cert.cert), "--key", arg(&client_cert.key)]);
    both_ways(client, server);
}
