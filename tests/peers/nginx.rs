//! nginx: its pages, and its stream module between two of us. It takes an early end for an
//! abandonment while it still sends, and answers our `close_notify` with a bare FIN.

use std::fs;

use rustix::process::Signal;

use crate::listening::{FIN_WAIT2, connections, missing, on_free_port, peer, until};
use crate::pages::{PAGE, has_body, request, write_pages};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::certs::arg;
use crate::support::{Program, Running, astream};
use crate::transfer::{DOWN, UP};

#[test]
fn a_page_of_nginx_is_printed() {
    let site = site();
    let (_nginx, port) = pages(&site, None);
    let client = astream(["connect", "127.0.0.1", &port]).input(request("/")).run().status(0).silent();
    has_body(&client, PAGE);
}

#[test]
fn a_page_of_nginx_is_printed_over_tls() {
    for version in VERSIONS {
        let site = site();
        let (_nginx, port) = pages(&site, Some(version));
        let client = site.connect(&port).args(["--no-shutdown"]).input(request("/")).run().status(0);
        has_body(&client, PAGE);
        version.was_spoken(&client.stderr);

        let client =
            site.connect(&port).args(["--ignore-unexpected-eof"]).input(request("/")).run().status(0);
        has_body(&client, PAGE);

        // It depends on whether nginx sees our end before its own.
        let client = site.connect(&port).input(request("/")).run();
        has_body(&client, PAGE);
        assert!([0, 7].contains(&client.code()), "{}", client.description());
    }
}

#[test]
fn nginx_answers_our_close_notify_without_its_own_which_is_reported() {
    for (options, status) in [(&[][..], 7), (&["--ignore-unexpected-eof"], 0)] {
        let site = site();
        let (nginx, port) = pages(&site, Some(Version::Tls13));
        let mut client = site.connect(&port).args(options).open_stdin().start();
        client.stderr_line("TLSv1.3 with");
        // While it stands still, it gets the request and our end: it sees them at once.
        nginx.signal(Signal::STOP);
        client.write_stdin(&request("/"));
        client.close_stdin();
        let is_ours = |remote: u16| remote.to_string() == port;
        until("both have come to nginx", || {
            connections().iter().any(|one| is_ours(one.remote) && one.state == FIN_WAIT2)
        });
        nginx.signal(Signal::CONT);
        let client = client.wait().status(status);
        has_body(&client, PAGE);
    }
}

#[test]
fn nginx_is_probed_and_its_chain_is_printed() {
    for version in VERSIONS {
        let site = site();
        let (_nginx, port) = pages(&site, Some(version));
        // It answers our close_notify without its own, which is no fault of an open port.
        let said =
            site.connect(&port).args(["-z", "--show-certs", "--expires-within", "90d"]).run().status(0);
        version.was_spoken(&said.stderr);
        let file = site.authority.folder().join("shown.pem");
        fs::write(&file, &said.stdout).unwrap();
        let read = peer("openssl").args(["x509", "-in", arg(&file), "-outform", "pem"]).run().status(0);
        assert!(
            fs::read_to_string(site.cert())
                .unwrap()
                .replace('\r', "")
                .starts_with(&*String::from_utf8_lossy(&read.stdout))
        );
    }
}

#[test]
fn a_long_page_of_nginx_is_complete_when_our_end_waits() {
    let site = site();
    let (_nginx, port) = pages(&site, None);
    let connect = ["connect", "--no-shutdown", "127.0.0.1", &port];
    has_body(&astream(connect).input(request("/long")).run().status(0).silent(), &DOWN);

    let (_nginx, port) = pages(&site, Some(Version::Tls13));
    let client = site.connect(&port).args(["--no-shutdown"]).input(request("/long")).run().status(0);
    has_body(&client, &DOWN);
}

#[test]
fn nginx_takes_tls_off_our_upload_and_the_answer_after_its_end_comes_back() {
    for version in VERSIONS {
        let site = site();
        let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
        let to = server.port();
        let (_nginx, port) = stream(&site, |port| {
            format!("listen 127.0.0.1:{port} ssl; proxy_pass 127.0.0.1:{to}; {}", ssl(&site, Some(version)))
        });
        // Its own end is a bare FIN then, as with pages.
        let client = site.connect(&port).args(["--ignore-unexpected-eof"]).input(UP.as_slice());
        let client = client.run().status(0).stdout(&DOWN);
        server.wait().status(0).stdout(&UP);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn nginx_puts_tls_on_an_upload_and_its_end_is_called_what_it_is() {
    for (options, status) in [(&[][..], 7), (&["--ignore-unexpected-eof"], 0)] {
        let site = site();
        let server = site.listen().args(options).start();
        let to = server.port();
        let (_nginx, port) = stream(&site, |port| {
            format!(
                "listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{to}; proxy_ssl on; proxy_ssl_verify on; \
                 proxy_ssl_name localhost; proxy_ssl_trusted_certificate {};",
                site.ca()
            )
        });
        astream(["connect", "127.0.0.1", &port]).input(UP.as_slice()).run().status(0).stdout(b"");
        server.wait().status(status).stdout(&UP);
    }
}

/// A server of two pages.
pub fn pages(site: &Site, tls: Option<Version>) -> (Running, String) {
    let folder = site.authority.folder();
    write_pages(folder);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {what}; "))
        .concat();
    on_free_port(|port| {
        let (root, ssl) = (folder.display(), ssl(site, tls));
        let on = if tls.is_some() { "ssl" } else { "" };
        let server = format!("server {{ listen 127.0.0.1:{port} {on}; root {root}; {ssl} }}");
        nginx(site, &format!("http {{ access_log off; {temporary}\n{server} }}"))
    })
}

/// A relay that passes on ends, one direction at a time.
pub fn stream(site: &Site, server: impl Fn(&str) -> String) -> (Running, String) {
    let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
    if !fs::exists(module).unwrap() {
        missing(module, "libnginx-mod-stream");
    }
    on_free_port(|port| {
        let server = server(port);
        nginx(
            site,
            &format!("load_module {module};\nstream {{ server {{ proxy_half_close on; {server} }} }}"),
        )
    })
}

fn ssl(site: &Site, version: Option<Version>) -> String {
    version.map_or_else(String::new, |version| {
        let (cert, key, version) = (site.cert(), site.key(), version.name());
        format!("ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols {version};")
    })
}

/// One process, in the foreground, with all its files in the site's folder.
fn nginx(site: &Site, config: &str) -> Program {
    let folder = site.authority.folder();
    let file = folder.join("nginx.conf");
    let config =
        format!("{config}\ndaemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\n");
    fs::write(&file, config).unwrap();
    peer("nginx").args(["-e", "stderr"]).args([
        "-p".as_ref(),
        folder.as_os_str(),
        "-c".as_ref(),
        file.as_os_str(),
    ])
}
