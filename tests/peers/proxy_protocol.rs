//! The PROXY protocol with haproxy and nginx, each before us and behind us.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::site::site;
use crate::support::peer::read_all;
use crate::support::{DEADLINE, Running, astream};
use crate::{haproxy, nginx};

/// Sends this and an end to a port, and returns what comes back, with our own address.
fn exchange(port: &str, sent: &[u8]) -> (SocketAddr, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let own = stream.local_addr().unwrap();
    (own, String::from_utf8(read_all(&mut stream)).unwrap())
}

/// Us behind a proxy, with a command that prints who the client is, and then what it sends.
fn behind(more: &[&str]) -> Running {
    let args = ["listen", "-v", "127.0.0.1", "0", "--proxy-protocol", "127.0.0.1"];
    let script = ["--", "sh", "-c", "echo $TCPREMOTEIP:$TCPREMOTEPORT; cat"];
    astream(args).args(more).args(script).start()
}

#[track_caller]
fn knows_us(port: &str) {
    let (own, said) = exchange(port, b"hello");
    assert_eq!(said, format!("{own}\nhello"));
}

#[test]
fn haproxy_says_who_its_client_is_and_when_it_asks_for_itself() {
    for how in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl"] {
        let (site, server) = (site(), behind(&[]));
        let to = format!("{} {how} check check-send-proxy inter 1s", server.address());
        let (_haproxy, port) = haproxy::relay(&site, "", &to);
        knows_us(&port);
        if how.starts_with("send-proxy-v2") {
            server.stderr_line("the proxy names no client");
        }
    }
}

#[test]
fn haproxy_says_it_before_tls() {
    for how in ["send-proxy", "send-proxy-v2"] {
        let site = site();
        let server = behind(&["--tls", "--cert", site.cert(), "--key", site.key()]);
        let to = format!("{} {how} ssl verify required ca-file ca.pem", server.address());
        let (_haproxy, port) = haproxy::relay(&site, "", &to);
        knows_us(&port);
    }
}

#[test]
fn nginx_says_who_its_client_is() {
    let (site, server) = (site(), behind(&[]));
    let to = server.address();
    let (_nginx, port) =
        nginx::stream(&site, |port| format!("listen 127.0.0.1:{port}; proxy_pass {to}; proxy_protocol on;"));
    knows_us(&port);
}

/// Us before a proxy, which answers with whom it takes the client for.
#[track_caller]
fn is_known_behind_us(port: &str, sent: &[u8]) {
    for version in ["v1", "v2"] {
        let to = format!("127.0.0.1:{port}");
        let args = ["listen", "127.0.0.1", "0", "--forward", &to, "--forward-proxy-protocol", version];
        let relay = astream(args).start();
        let (own, said) = exchange(&relay.port(), sent);
        assert!(said.ends_with(&format!("<{own}>")), "{version}: {said}");
    }
}

#[test]
fn haproxy_learns_from_us_who_the_client_is() {
    let site = site();
    let page = "http-request return status 200 content-type text/plain lf-string '<%[src]:%[src_port]>'";
    let (_haproxy, port) = haproxy::start(&site, &format!("mode http\n {page}"), "accept-proxy");
    is_known_behind_us(&port, b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn nginx_learns_from_us_who_the_client_is() {
    let site = site();
    let (_nginx, port) = nginx::stream(&site, |port| {
        format!(
            "listen 127.0.0.1:{port} proxy_protocol; return '<$proxy_protocol_addr:$proxy_protocol_port>';"
        )
    });
    is_known_behind_us(&port, b"");
}
