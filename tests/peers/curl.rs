//! curl: its requests at a listener, and pages through `--forward` with TLS on either side.

use crate::forward::{puts_on, takes_off};
use crate::listening::{peer, until};
use crate::nginx::pages;
use crate::pages::PAGE;
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::Program;
use crate::transfer::{DOWN, UP};

#[test]
fn curl_is_answered_by_a_listener() {
    for version in VERSIONS {
        let site = site();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", DOWN.len());
        let server = site.listen().input([head.as_bytes(), &DOWN].concat()).start();
        curl(&site, version, &url("https", &server.port(), "page")).run().status(0).stdout(&DOWN);
        let server = server.wait().status(0);
        assert!(server.stdout.starts_with(b"GET /page HTTP/1.1\r\n"), "{}", server.description());
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn an_answer_without_a_length_ends_with_our_close_notify() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input([b"HTTP/1.1 200 OK\r\n\r\n", DOWN.as_slice()].concat()).start();
        curl(&site, version, &url("https", &server.port(), "")).run().status(0).stdout(&DOWN);
        server.wait().status(0);
    }
}

#[test]
fn curl_uploads_to_a_listener() {
    for version in VERSIONS {
        let site = site();
        let mut server = site.listen().open_stdin().start();
        let file = site.authority.folder().join("up");
        std::fs::write(&file, &*UP).unwrap();
        let upload = curl(&site, version, &url("https", &server.port(), "there"));
        let client = upload.args(["-H", "Expect:", "-T"]).args([&file]).start();
        // It stops sending when the answer comes first.
        until("the upload has come", || server.stdout_so_far().ends_with(&UP));
        server.write_stdin(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nthanks");
        server.close_stdin();
        client.wait().status(0).stdout(b"thanks");
        let server = server.wait().status(0);
        assert!(server.stdout.starts_with(b"PUT /there HTTP/1.1\r\n"), "{}", server.description());
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn a_curl_that_does_not_trust_us_uses_nothing_up() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input("HTTP/1.0 200 OK\r\n\r\nok").start();
        let port = server.port();
        let untrusting = peer("curl").args(["-sS", &url("https", &port, "")]);
        // CURLE_PEER_FAILED_VERIFICATION
        assert_eq!(untrusting.run().code(), 60);
        server.stderr_line("TLS handshake with");
        // The scheme of the wrong port: what it sent is reported.
        peer("curl").args(["-sS", &url("http", &port, "page")]).run();
        server.stderr_line("the peer does not speak TLS; it sent \"GET /page HTTP/1.1\"");
        curl(&site, version, &url("https", &port, "")).run().status(0).stdout(b"ok");
        server.wait().status(0);
    }
}

#[test]
fn curl_gets_a_page_that_we_take_tls_off_for() {
    for version in VERSIONS {
        for (path, body) in [("", PAGE), ("long", &DOWN)] {
            let site = site();
            let (_nginx, port) = pages(&site, None);
            let relay = takes_off(&site, &port).start();
            curl(&site, version, &url("https", &relay.port(), path)).run().status(0).stdout(body);
            version.was_spoken(&relay.wait().status(0).stderr);
        }
    }
}

#[test]
fn curl_gets_a_page_that_we_put_tls_on_for() {
    for version in VERSIONS {
        for (path, body) in [("", PAGE), ("long", &DOWN)] {
            // It hangs up when it has the page, and nginx answers our close_notify with a bare FIN.
            for (options, status) in [(&[][..], 7), (&["--ignore-unexpected-eof"], 0)] {
                let site = site();
                let (_nginx, port) = pages(&site, Some(version));
                let relay = puts_on(&site, &port).args(options).start();
                let client = peer("curl").args(["-sS", &url("http", &relay.port(), path)]);
                client.run().status(0).stdout(body);
                version.was_spoken(&relay.wait().status(status).stderr);
            }
        }
    }
}

fn url(scheme: &str, port: &str, path: &str) -> String {
    format!("{scheme}://localhost:{port}/{path}")
}

fn curl(site: &Site, version: Version, url: &str) -> Program {
    let versions = match version {
        Version::Tls12 => ["--tlsv1.2", "--tls-max", "1.2"],
        Version::Tls13 => ["--tlsv1.3", "--tls-max", "1.3"],
    };
    peer("curl").args(["-sS", "--cacert", site.ca(), url]).args(versions)
}
