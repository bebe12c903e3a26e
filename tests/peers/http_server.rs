//! Pages of Python's `http.server`, which never says `close_notify` and leaves ours unread.

use crate::listening::{on_any_port, peer};
use crate::pages::{PAGE, has_body, request, write_pages};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Running, astream};
use crate::transfer::DOWN;

const SERVER: &str = r#"
import http.server, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
version, cert, key = sys.argv[1:]
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[test]
fn pages_of_python_are_printed() {
    let site = site();
    write_pages(site.authority.folder());
    let (_server, port) = on_any_port(
        peer("python3").args(["-m", "http.server", "0", "--bind", "127.0.0.1"]).dir(site.authority.folder()),
    );
    for (path, body) in [("/", PAGE), ("/long", &DOWN)] {
        let client = astream(["connect", "127.0.0.1", &port]).input(request(path)).run().status(0).silent();
        has_body(&client, body);
    }
}

#[test]
fn pages_of_python_are_printed_over_tls_and_its_end_is_called_what_it_is() {
    for version in VERSIONS {
        let (site, _server, port) = tls_server(version);
        for (path, body) in [("/", PAGE), ("/long", &DOWN)] {
            for (options, status) in [(&[][..], 7), (&["--ignore-unexpected-eof"], 0)] {
                let client = site.connect(&port).args(["--no-shutdown"]).args(options);
                let client = client.input(request(path)).run().status(status);
                has_body(&client, body);
                version.was_spoken(&client.stderr);
            }
        }
    }
}

#[test]
fn a_page_of_python_is_printed_over_tls_also_after_our_end() {
    for version in VERSIONS {
        let (site, _server, port) = tls_server(version);
        let client = site.connect(&port).input(request("/")).run();
        has_body(&client, PAGE);
        // It closes with our close_notify unread: a reset may follow its bare FIN, and be seen first.
        assert!([7, 1].contains(&client.code()), "{}", client.description());
    }
}

pub fn tls_server(version: Version) -> (Site, Running, String) {
    let site = site();
    write_pages(site.authority.folder());
    let name = version.name().replace('.', "_");
    let (server, port) = on_any_port(
        peer("python3").args(["-c", SERVER, &name, site.cert(), site.key()]).dir(site.authority.folder()),
    );
    (site, server, port)
}
