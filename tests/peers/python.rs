//! Python: asyncio's own streams, which cannot half-close under TLS, and its blocking `ssl`, which can.

use crate::listening::{on_any_port, peer};
use crate::site::{Site, VERSIONS, Version, site};
use crate::support::{Program, astream};
use crate::transfer::{DOWN, both_ways, download, upload};

/// What every script begins with: `tls(server)` is its context, or None without arguments.
const PREAMBLE: &str = r"
import asyncio, socket, ssl, sys
data, out = sys.stdin.buffer.read(), sys.stdout.buffer

def tls(server):
    if len(sys.argv) == 2:
        return None
    version, ca, cert, key = sys.argv[2:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if server:
        context.load_cert_chain(cert, key)
    else:
        context.load_verify_locations(ca)
    return context
";

/// One connection of asyncio's: all of stdin to the peer, all from the peer to stdout. Under TLS the
/// only end that can be sent is a close.
pub const ASYNCIO: &str = r#"
async def exchange(reader, writer):
    got = asyncio.create_task(reader.read())
    writer.write(data)
    await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    elif data:
        writer.close()
    out.write(await got)
    out.flush()
    writer.close()
    await writer.wait_closed()

async def listen():
    done = asyncio.Event()
    async def serve(reader, writer):
        try:
            await exchange(reader, writer)
        finally:
            done.set()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls(True))
    await done.wait()

async def connect():
    await exchange(*await asyncio.open_connection("localhost", int(sys.argv[1]), ssl=tls(False)))

asyncio.run(connect() if int(sys.argv[1]) else listen())
"#;

/// A server of blocking sockets that answers after its peer's end.
pub const ANSWER: &str = r#"
listener = socket.create_server(("127.0.0.1", 0))
connection = tls(True).wrap_socket(listener.accept()[0], server_side=True, suppress_ragged_eofs=False)
while chunk := connection.recv(65536):
    out.write(chunk)
out.flush()
connection.sendall(data)
connection.unwrap()
"#;

/// A client of blocking sockets that sends, ends, and waits for the other end.
const SEND: &str = r#"
connection = socket.create_connection(("localhost", int(sys.argv[1])))
connection = tls(False).wrap_socket(connection, server_hostname="localhost", suppress_ragged_eofs=False)
connection.sendall(data)
connection.unwrap()
"#;

/// A client of blocking sockets that receives, and ends after the other end.
const RECEIVE: &str = r#"
connection = socket.create_connection(("localhost", int(sys.argv[1])))
connection = tls(False).wrap_socket(connection, server_hostname="localhost", suppress_ragged_eofs=False)
while chunk := connection.recv(65536):
    out.write(chunk)
out.flush()
connection.unwrap()
"#;

#[test]
fn asyncio_listens_and_five_megabytes_go_each_way_at_once() {
    let (server, port) = on_any_port(python(ASYNCIO, "0").input(DOWN.as_slice()));
    both_ways(astream(["connect", "127.0.0.1", &port]), server);
}

#[test]
fn asyncio_connects_and_five_megabytes_go_each_way_at_once() {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    let client = python(ASYNCIO, &server.port());
    both_ways(client, server);
}

#[test]
fn asyncio_uploads_to_a_listener_without_stdin() {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    let client = python(ASYNCIO, &server.port());
    upload(client, server);
}

#[test]
fn an_upload_to_asyncio_over_tls_is_complete() {
    for version in VERSIONS {
        let site = site();
        let (server, port) = on_any_port(tls(python(ASYNCIO, "0"), &site, version));
        let (client, _) = upload(site.connect(&port), server);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn what_asyncio_has_is_printed_over_tls() {
    for version in VERSIONS {
        let site = site();
        let server = tls(python(ASYNCIO, "0"), &site, version).input(DOWN.as_slice());
        let (server, port) = on_any_port(server);
        // Our end would end its side too: it has no half-close here.
        let (client, _) = download(site.connect(&port).args(["--recv-only"]), server);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn asyncio_uploads_over_tls_to_a_listener_without_stdin() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let client = tls(python(ASYNCIO, &server.port()), &site, version);
        let (_, server) = upload(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn asyncio_prints_what_a_listener_has_over_tls() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        let client = tls(python(ASYNCIO, &server.port()), &site, version);
        let (_, server) = download(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn blocking_ssl_answers_after_our_end() {
    for version in VERSIONS {
        let site = site();
        let server = tls(python(ANSWER, "0"), &site, version).input(DOWN.as_slice());
        let (server, port) = on_any_port(server);
        let (client, _) = both_ways(site.connect(&port), server);
        version.was_spoken(&client.stderr);
    }
}

#[test]
fn blocking_ssl_uploads_to_a_listener_without_stdin() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().start();
        let client = tls(python(SEND, &server.port()), &site, version);
        let (_, server) = upload(client, server);
        version.was_spoken(&server.stderr);
    }
}

#[test]
fn blocking_ssl_receives_what_a_listener_has() {
    for version in VERSIONS {
        let site = site();
        let server = site.listen().input(DOWN.as_slice()).start();
        let client = tls(python(RECEIVE, &server.port()), &site, version);
        let (_, server) = download(client, server);
        version.was_spoken(&server.stderr);
    }
}

pub fn python(script: &str, port: &str) -> Program {
    peer("python3").args(["-c", &format!("{PREAMBLE}{script}"), port])
}

pub fn tls(script: Program, site: &Site, version: Version) -> Program {
    let version = version.name().replace('.', "_");
    script.args([&version, site.ca(), site.cert(), site.key()])
}
