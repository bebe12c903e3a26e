//! `--forward` in the middle: real TLS clients in front of it, real TLS servers behind it. A violation of
//! either is passed on as what it is.

use crate::gnutls::{SOME, ends_last, gnutls_cli, gnutls_serv, text};
use crate::http_server::tls_server;
use crate::listening::on_any_port;
use crate::ncat::{ends_cleanly, ncat_tls_client};
use crate::nginx::pages;
use crate::openssl::{s_client, s_server};
use crate::pages::{PAGE, has_body, request};
use crate::python::{ANSWER, ASYNCIO, python, tls};
use crate::site::{Site, VERSIONS, site};
use crate::support::{Program, astream, noise};
use crate::transfer::{DOWN, UP, both_ways, download, upload};
use crate::{haproxy, socat};

/// Us in front of a plain server on this port, for one client.
pub fn takes_off(site: &Site, port: &str) -> Program {
    site.listen().args(["--once", "--forward", &format!("127.0.0.1:{port}")])
}

/// Us behind a plain client, for once, and a TLS server on this port.
pub fn puts_on(site: &Site, port: &str) -> Program {
    astream(["listen", "-v", "127.0.0.1", "0", "--once", "--forward", &format!("localhost:{port}")]).args([
        "--forward-tls",
        "--forward-cacert",
        site.ca(),
    ])
}

pub fn plain_server() -> Program {
    astream(["listen", "127.0.0.1", "0"])
}

pub fn plain_client(port: &str) -> Program {
    astream(["connect", "127.0.0.1", port])
}

#[test]
fn socat_in_front_sends_and_receives_at_once() {
    for version in VERSIONS {
        let site = site();
        let server = plain_server().input(DOWN.as_slice()).start();
        let relay = takes_off(&site, &server.port()).start();
        both_ways(socat::socat(&socat::connect(&site, version, &relay.port())), server);
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn socat_behind_sends_and_receives_at_once() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = on_any_port(socat::socat(&socat::listen(&site, version)).input(DOWN.as_slice()));
        let relay = puts_on(&site, &port).start();
        both_ways(plain_client(&relay.port()), server);
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn openssl_in_front_uploads_and_downloads() {
    // It reads its commands in stdin, at the start of a chunk: Q, R, k, K. Digits are none.
    let digits: Vec<u8> = noise(3_000_000).iter().map(|byte| b'0' + byte % 10).collect();
    for version in VERSIONS {
        let site = site();
        let server = plain_server().start();
        let relay = takes_off(&site, &server.port()).start();
        s_client(&site, version, &relay).input(digits.as_slice()).run().status(0);
        server.wait().status(0).stdout(&digits);
        version.was_spoken(&relay.wait().status(0).stderr);

        let server = plain_server().input(DOWN.as_slice()).start();
        let relay = takes_off(&site, &server.port()).start();
        s_client(&site, version, &relay).args(["-quiet"]).run().status(0).stdout(&DOWN);
        server.wait().status(0);
        relay.wait().status(0);
    }
}

#[test]
fn openssl_behind_takes_an_upload() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = s_server(&site, version, |server| server.args(["-quiet"]).open_stdin());
        let relay = puts_on(&site, &port).start();
        upload(plain_client(&relay.port()), server);
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn gnutls_in_front_sends_and_receives() {
    for version in VERSIONS {
        let site = site();
        let server = ends_last(plain_server()).input(&DOWN[..SOME]).start();
        let relay = takes_off(&site, &server.port()).start();
        let client = gnutls_cli(&site, version, &relay.port()).input(UP.as_slice());
        client.run().status(0).stdout(&DOWN[..SOME]);
        server.wait().status(0).stdout(&UP);
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn gnutls_behind_sends_everything_back_after_our_end_too() {
    for version in VERSIONS {
        let site = site();
        let (_server, port) = gnutls_serv(&site, version);
        let relay = puts_on(&site, &port).start();
        plain_client(&relay.port()).input(text()).run().status(0).stdout(&text());
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn ncat_in_front_uploads_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        for (options, is_clean) in [(&[][..], ends_cleanly()), (&["--ignore-unexpected-eof"], true)] {
            let site = site();
            let server = plain_server().start();
            let relay = takes_off(&site, &server.port()).args(options).start();
            ncat_tls_client(&site, version, &relay).input(UP.as_slice()).run().status(0);
            // All of it has come, and no end that would make it look complete.
            server.wait().stdout(&UP).status(i32::from(!is_clean));
            version.was_spoken(&relay.wait().status(if is_clean { 0 } else { 7 }).stderr);
        }
    }
}

#[test]
fn python_in_front_uploads_and_behind_answers_after_our_end() {
    for version in VERSIONS {
        let site = site();
        let server = plain_server().start();
        let relay = takes_off(&site, &server.port()).start();
        upload(tls(python(ASYNCIO, &relay.port()), &site, version), server);
        version.was_spoken(&relay.wait().status(0).stderr);

        let server = plain_server().input(DOWN.as_slice()).start();
        let relay = takes_off(&site, &server.port()).start();
        download(tls(python(ASYNCIO, &relay.port()), &site, version), server);
        relay.wait().status(0);

        let answer = tls(python(ANSWER, "0"), &site, version).input(DOWN.as_slice());
        let (server, port) = on_any_port(answer);
        let relay = puts_on(&site, &port).start();
        both_ways(plain_client(&relay.port()), server);
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn a_page_of_haproxy_behind_is_complete_after_our_end() {
    for version in VERSIONS {
        let site = site();
        let (_haproxy, port) = haproxy::page(&site, version);
        let relay = puts_on(&site, &port).start();
        let client = plain_client(&relay.port()).input(request("/")).run().status(0);
        has_body(&client, b"A page.");
        version.was_spoken(&relay.wait().status(0).stderr);
    }
}

#[test]
fn a_page_of_nginx_behind_is_complete_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        let site = site();
        let (_nginx, port) = pages(&site, Some(version));
        for (path, body) in [("/", PAGE), ("/long", &DOWN)] {
            let relay = puts_on(&site, &port).start();
            let client = plain_client(&relay.port()).args(["--no-shutdown"]).input(request(path));
            has_body(&client.run().status(0), body);
            version.was_spoken(&relay.wait().status(0).stderr);
        }
        // Its bare FIN after our end is allowed.
        let relay = puts_on(&site, &port).args(["--ignore-unexpected-eof"]).start();
        has_body(&plain_client(&relay.port()).input(request("/")).run().status(0), PAGE);
        relay.wait().status(0);
        // It depends on whether nginx sees our end before its own.
        let relay = puts_on(&site, &port).start();
        let client = plain_client(&relay.port()).input(request("/")).run();
        has_body(&client, PAGE);
        assert!([(0, 0), (1, 7)].contains(&(client.code(), relay.wait().code())), "{}", client.description());
    }
}

#[test]
fn a_page_of_python_behind_is_complete_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        let (site, _server, port) = tls_server(version);
        for (path, body) in [("/", PAGE), ("/long", &DOWN)] {
            for (options, status, ours) in [(&[][..], 1, 7), (&["--ignore-unexpected-eof"], 0, 0)] {
                let relay = puts_on(&site, &port).args(options).start();
                let client = plain_client(&relay.port()).args(["--no-shutdown"]).input(request(path));
                // The reset comes after all of it.
                has_body(&client.run().status(status), body);
                version.was_spoken(&relay.wait().status(ours).stderr);
            }
        }
    }
}
