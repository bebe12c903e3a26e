//! haproxy, which says `close_notify`, and as a relay between two of us passes on an end in each
//! direction. One direction at a time: where both are busy, its 2.6 loses the tail of one now and then,
//! between two socats too.

use std::fs;

use crate::listening::{on_free_port, peer};
use crate::pages::{has_body, request};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Running, astream};
use crate::transfer::{DOWN, download, upload};

#[test]
fn haproxy_answers_our_close_notify_with_its_own() {
    for version in VERSIONS {
        let site = site();
        let (_haproxy, port) = page(&site, version);
        let client = site.connect(&port).input(request("/")).run().status(0);
        has_body(&client, b"A page.");
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn haproxy_takes_tls_off_what_we_send_and_puts_it_on_what_we_receive() {
    for version in VERSIONS {
        let site = site();
        let plain = || astream(["listen", "127.0.0.1", "0"]);
        let take_off = |server: &Running| relay(&site, &tls(&site, version), &at(server));

        let server = plain().start();
        let (_haproxy, port) = take_off(&server);
        let (client, _) = upload(site.connect(&port), server);
        version.was_spoken(&client.stderr);

        let server = plain().input(DOWN.as_slice()).start();
        let (_haproxy, port) = take_off(&server);
        download(site.connect(&port).args(["--recv-only"]), server);
    }
}

#[test]
fn haproxy_puts_tls_on_what_we_send_and_takes_it_off_what_we_receive() {
    for version in VERSIONS {
        let site = site();
        let put_on = |server: &Running| {
            let (to, version) = (at(server), version.name());
            let verify = "verify required verifyhost localhost sni str(localhost) ca-file ca.pem";
            relay(&site, "", &format!("{to} ssl {verify} ssl-min-ver {version} ssl-max-ver {version}"))
        };
        let plain = |port: &str| astream(["connect", "127.0.0.1", port]);

        let server = site.listen().start();
        let (_haproxy, port) = put_on(&server);
        let (_, server) = upload(plain(&port), server);
        version.was_spoken(&server.stderr);

        let server = site.listen().input(DOWN.as_slice()).start();
        let (_haproxy, port) = put_on(&server);
        download(plain(&port).args(["--recv-only"]), server);
    }
}

/// A server of one page.
pub fn page(site: &Site, version: Version) -> (Running, String) {
    let page = "http-request return status 200 content-type text/html string 'A page.'";
    start(site, &format!("mode http\n {page}"), &tls(site, version))
}

fn at(server: &Running) -> String {
    server.address().to_string()
}

/// A relay to this server, with these settings of its own side.
pub fn relay(site: &Site, listen: &str, server: &str) -> (Running, String) {
    start(site, &format!("mode tcp\n server one {server}"), listen)
}

pub fn start(site: &Site, handling: &str, listen: &str) -> (Running, String) {
    let folder = site.authority.folder();
    on_free_port(|port| {
        let config = format!(
            "defaults\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n\
             listen here\n bind 127.0.0.1:{port} {listen}\n {handling}\n"
        );
        fs::write(folder.join("haproxy.cfg"), config).unwrap();
        peer("haproxy").args(["-db", "-f", "haproxy.cfg"]).dir(folder)
    })
}

/// It wants certificate and key in one file.
fn tls(site: &Site, version: Version) -> String {
    let both = [fs::read(site.cert()).unwrap(), fs::read(site.key()).unwrap()].concat();
    fs::write(site.authority.folder().join("both.pem"), both).unwrap();
    let version = version.name();
    format!("ssl crt both.pem ssl-min-ver {version} ssl-max-ver {version}")
}
