//! stunnel: in front of us, behind us, and two tunnels in a row. It passes on an end in each direction.
//! One direction at a time: where both are busy, its 5.68 leaves unread what its plain side said last
//! ("read hangup" in its log, and a count of bytes that is short), and ends TLS cleanly.

use std::fs;

use crate::forward::{plain_client, plain_server, puts_on, takes_off};
use crate::listening::{on_free_port, peer};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::Running;
use crate::transfer::{DOWN, download, upload};

#[test]
fn stunnel_takes_tls_off_what_we_send_and_puts_it_on_what_we_receive() {
    for version in VERSIONS {
        let site = site();
        let server = plain_server().start();
        let (_stunnel, port) = taking_off(&site, version, &server.port());
        let (client, _) = upload(site.connect(&port), server);
        version.was_spoken(&client.stderr);

        let server = plain_server().input(DOWN.as_slice()).start();
        let (_stunnel, port) = taking_off(&site, version, &server.port());
        download(site.connect(&port).args(["--recv-only"]), server);
    }
}

#[test]
fn stunnel_puts_tls_on_what_we_send_and_takes_it_off_what_we_receive() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let (_stunnel, port) = putting_on(&site, version, &server.port());
        let (_, server) = upload(plain_client(&port), server);
        version.was_spoken(&server.stderr);

        let server = site.listen().input(DOWN.as_slice()).start();
        let (_stunnel, port) = putting_on(&site, version, &server.port());
        download(plain_client(&port).args(["--recv-only"]), server);
    }
}

#[test]
fn what_stunnel_puts_on_we_take_off() {
    for version in VERSIONS {
        let site = site();
        let server = plain_server().start();
        let relay = takes_off(&site, &server.port()).start();
        let (_stunnel, port) = putting_on(&site, version, &relay.port());
        upload(plain_client(&port), server);
        version.was_spoken(&relay.wait().status(0).stderr);

        let server = plain_server().input(DOWN.as_slice()).start();
        let relay = takes_off(&site, &server.port()).start();
        let (_stunnel, port) = putting_on(&site, version, &relay.port());
        download(plain_client(&port).args(["--recv-only"]), server);
        relay.wait().status(0);
    }
}

#[test]
fn what_we_put_on_stunnel_takes_off() {
    for version in VERSIONS {
        let site = site();
        let server = plain_server().start();
        let (_stunnel, port) = taking_off(&site, version, &server.port());
        let relay = puts_on(&site, &port).start();
        upload(plain_client(&relay.port()), server);
        version.was_spoken(&relay.wait().status(0).stderr);

        let server = plain_server().input(DOWN.as_slice()).start();
        let (_stunnel, port) = taking_off(&site, version, &server.port());
        let relay = puts_on(&site, &port).start();
        download(plain_client(&relay.port()).args(["--recv-only"]), server);
        relay.wait().status(0);
    }
}

fn taking_off(site: &Site, version: Version, to: &str) -> (Running, String) {
    let (cert, key) = (site.cert(), site.key());
    stunnel(site, version, to, &format!("cert = {cert}\nkey = {key}\n"))
}

fn putting_on(site: &Site, version: Version, to: &str) -> (Running, String) {
    let ca = site.ca();
    stunnel(
        site,
        version,
        to,
        &format!("client = yes\nCAfile = {ca}\nverifyChain = yes\ncheckHost = localhost\n"),
    )
}

/// In the foreground, logging to stderr, without a file of its own.
fn stunnel(site: &Site, version: Version, to: &str, tls: &str) -> (Running, String) {
    let file = site.authority.folder().join("stunnel.conf");
    let version = version.name();
    on_free_port(|port| {
        let config = format!(
            "foreground = yes\npid =\nsyslog = no\n[tunnel]\naccept = 127.0.0.1:{port}\n\
             connect = 127.0.0.1:{to}\nsslVersionMin = {version}\nsslVersionMax = {version}\n{tls}"
        );
        fs::write(&file, config).unwrap();
        peer("stunnel4").args([&file])
    })
}
