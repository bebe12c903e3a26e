//! Real proxies: dante, microsocks, tinyproxy and squid; and ssh through them by way of us.

use std::fs::{Permissions, create_dir_all, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use md5::compute;
use rustix::process::getuid;
use tempfile::TempDir;

use crate::listening::{Daemon, on_free_port, peer};
use crate::site::site;
use crate::support::certs::arg;
use crate::support::{Program, Running, astream, noise, tool};
use crate::transfer::{DOWN, both_ways, download, upload};

const AUTH: &str = "ASTREAM_PROXY_AUTH";

/// A folder that servers which change their user can read.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    folder
}

fn microsocks(login: &[&str]) -> (Running, String) {
    on_free_port(|port| peer("microsocks").args(["-i", "127.0.0.1", "-p", port]).args(login))
}

/// dante, which forbids one port.
fn dante(folder: &Path) -> (Daemon, String) {
    let user = if getuid().is_root() { "user.privileged: root\nuser.unprivileged: nobody\n" } else { "" };
    let (server, port) = on_free_port(|port| {
        let config = folder.join(format!("danted-{port}.conf"));
        let text = format!(
            "errorlog: stderr\nlogoutput: stderr\ninternal: 127.0.0.1 port = {port}\nexternal: 127.0.0.1\n\
             socksmethod: none\nclientmethod: none\n{user}\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks block {{ from: 0.0.0.0/0 to: 127.0.0.0/8 port = 9 }}\n\
             socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 protocol: tcp }}\n"
        );
        write(&config, text).unwrap();
        peer("danted").args(["-N", "1", "-f", arg(&config)])
    });
    (Daemon::new(server), port)
}

fn tinyproxy(folder: &Path, more: &str) -> (Daemon, String) {
    let (server, port) = on_free_port(|port| {
        let config = folder.join(format!("tinyproxy-{port}.conf"));
        write(&config, format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\n{more}")).unwrap();
        peer("tinyproxy").args(["-d", "-c", arg(&config)])
    });
    (Daemon::new(server), port)
}

/// squid that asks for "me" and "hunter2" by this scheme.
fn squid(folder: &Path, scheme: &str) -> (Daemon, String) {
    let users = folder.join(scheme);
    let (helper, line) = match scheme {
        "digest" => ("digest_file_auth -c", format!("me:squid:{:x}\n", compute("me:squid:hunter2"))),
        _ => ("basic_ncsa_auth", format!("me:{}\n", encrypted("hunter2"))),
    };
    write(&users, line).unwrap();
    let (server, port) = on_free_port(|port| {
        let config = folder.join(format!("squid-{port}.conf"));
        let text = format!(
            "http_port 127.0.0.1:{port}\npid_filename none\ncache deny all\naccess_log none\n\
             cache_log stdio:/dev/stderr\ncache_store_log none\ncoredump_dir {folder}\nshutdown_lifetime 0 seconds\n\
             auth_param {scheme} program /usr/lib/squid/{helper} {users}\nauth_param {scheme} realm squid\n\
             auth_param {scheme} children 1\nacl me proxy_auth REQUIRED\nhttp_access allow me\nhttp_access deny all\n",
            folder = folder.display(),
            users = users.display()
        );
        write(&config, text).unwrap();
        // The name of its shared memory, which another one on this machine may have left behind.
        peer("squid").args(["-N", "-n", &format!("astream{port}"), "-f", arg(&config)])
    });
    (Daemon::new(server), port)
}

fn encrypted(secret: &str) -> String {
    let made = peer("openssl").args(["passwd", "-apr1", secret]).run().status(0);
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// Five megabytes each way, at once and with an end of its own each.
fn both_ways_through(client: impl FnOnce(&str) -> Program) {
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    both_ways(client(&server.port()), server);
}

/// The same one after the other: a proxy that takes an end for a hang-up passes on what came before it.
fn one_way_through(client: impl Fn(&str) -> Program) {
    let server = astream(["listen", "127.0.0.1", "0"]).start();
    upload(client(&server.port()), server);
    let server = astream(["listen", "127.0.0.1", "0"]).input(DOWN.as_slice()).start();
    download(client(&server.port()).args(["--recv-only"]), server);
}

/// Us through a proxy to a port of this machine, by name.
fn through(url: &str, port: &str) -> Program {
    astream(["connect", "-4", "-x", url, "localhost", port])
}

#[test]
fn dante_passes_on_every_byte_and_each_end() {
    let folder = folder();
    let (_dante, port) = dante(folder.path());
    both_ways_through(|target| through(&format!("socks5://127.0.0.1:{port}"), target));
    both_ways_through(|target| through(&format!("socks4://127.0.0.1:{port}"), target));
    let refused = through(&format!("socks5://127.0.0.1:{port}"), "9").run().status(4);
    refused.says(&["it did not connect to localhost:9: its rules forbid it"]);
    let closed = through(&format!("socks5://127.0.0.1:{port}"), "1").run().status(4);
    closed.says(&["it did not connect to localhost:1: connection refused"]);
    let closed = through(&format!("socks4://127.0.0.1:{port}"), "1").run().status(4);
    closed.says(&["it did not connect to 127.0.0.1:1: rejected or failed"]);
    through(&format!("http://127.0.0.1:{port}"), "1").run().status(4).says(&["socks5://"]);
}

#[test]
fn microsocks_is_told_who_we_are_when_it_asks() {
    let (_proxy, port) = microsocks(&["-u", "me", "-P", "hunter2"]);
    let url = format!("socks5://127.0.0.1:{port}");
    one_way_through(|target| through(&url, target).env(AUTH, "me:hunter2"));
    through(&url, "1").run().status(4).says(&["it demands a user and a secret", AUTH]);
    through(&url, "1").env(AUTH, "me:x").run().status(4).says(&["it rejects the user or the secret"]);
    through(&url, "1").env(AUTH, "me:hunter2").run().status(4).says(&["connection refused"]);
}

#[test]
fn tinyproxy_is_told_who_we_are_when_it_asks_and_forbids_ports() {
    let folder = folder();
    let (_proxy, port) = tinyproxy(folder.path(), "BasicAuth me hunter2\n");
    let url = format!("http://127.0.0.1:{port}");
    one_way_through(|target| through(&url, target).env(AUTH, "me:hunter2"));
    through(&url, "1").run().status(4).says(&["407 Proxy Authentication Required", AUTH]);
    through(&url, "1")
        .env(AUTH, "me:x")
        .run()
        .status(4)
        .says(&["it rejects the user or the secret: it answered \"401 Unauthorized\"", AUTH]);
    let (_proxy, port) = tinyproxy(folder.path(), "ConnectPort 2\n");
    let refused = through(&format!("http://127.0.0.1:{port}"), "1").run().status(4);
    refused.says(&["it answered \"403 Access violation\", and said \"<?xml "]);
}

#[test]
fn squid_is_told_who_we_are_by_basic_and_by_digest() {
    for scheme in ["basic", "digest"] {
        let folder = folder();
        let (_proxy, port) = squid(folder.path(), scheme);
        let url = format!("http://127.0.0.1:{port}");
        one_way_through(|target| through(&url, target).env(AUTH, "me:hunter2"));
        through(&url, "1").run().status(4).says(&["it demands a user and a secret", AUTH]);
        through(&url, "1")
            .env(AUTH, "me:x")
            .run()
            .status(4)
            .says(&["it rejects the user or the secret", AUTH]);
        through(&url, "1")
            .env(AUTH, "me:hunter2")
            .run()
            .status(4)
            .says(&["503 Service Unavailable", "<!DOCTYPE"]);
    }
}

#[test]
fn under_tls_an_answer_after_our_end_comes_through_every_proxy() {
    let (site, folder) = (site(), folder());
    let (_dante, dante) = dante(folder.path());
    let (_microsocks, microsocks) = microsocks(&[]);
    let (_tinyproxy, tinyproxy) = tinyproxy(folder.path(), "");
    let (_squid, squid) = squid(folder.path(), "digest");
    for (scheme, port) in [("socks5", dante), ("socks5", microsocks), ("http", tinyproxy), ("http", squid)] {
        let server = site.listen().args(["--echo", "--once"]).start();
        let bytes = noise(1_000_000);
        let url = format!("{scheme}://127.0.0.1:{port}");
        let client =
            through(&url, &server.port()).args(["--tls", "--cacert", site.ca()]).env(AUTH, "me:hunter2");
        client.input(bytes.clone()).run().status(0).stdout(&bytes).silent();
        server.wait().status(0);
    }
}

#[test]
fn a_chain_of_three_real_proxies_passes_on_every_byte() {
    let folder = folder();
    let (_dante, dante) = dante(folder.path());
    let (_microsocks, microsocks) = microsocks(&["-u", "me", "-P", "hunter2"]);
    let (_tinyproxy, tinyproxy) = tinyproxy(folder.path(), "");
    let urls = [
        format!("http://127.0.0.1:{tinyproxy}"),
        format!("socks5://localhost:{microsocks}"),
        format!("socks5://127.0.0.1:{dante}"),
    ];
    one_way_through(|target| {
        let chain = urls.iter().flat_map(|url| ["-x", url]);
        let client = astream(["connect", "-4", "localhost", target]).args(chain);
        client.env("ASTREAM_PROXY_AUTH_2", "me:hunter2")
    });
}

#[test]
fn ssh_goes_through_a_proxy_by_way_of_us() {
    let folder = folder();
    let (_sshd, port) = sshd(folder.path());
    let (_dante, dante) = dante(folder.path());
    let bytes = noise(5_000_000);
    let user = String::from_utf8(tool("id").args(["-un"]).run().stdout).unwrap();
    let astream = env!("CARGO_BIN_EXE_astream");
    // With a relay in between, and with the socket handed over.
    for (pass_fd, use_fdpass) in [("", "ProxyUseFdpass=no"), ("--pass-fd ", "ProxyUseFdpass=yes")] {
        let proxy = format!("ProxyCommand={astream} connect {pass_fd}-x socks5://127.0.0.1:{dante} %h %p");
        let options = [
            &proxy,
            use_fdpass,
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ];
        let options = options.iter().flat_map(|option| ["-o", option]);
        let client = peer("ssh")
            .args(["-F", "none", "-i", arg(&folder.path().join("key")), "-p", &port])
            .args(options);
        let client =
            client.args([&format!("{}@localhost", user.trim()), "cat; exit 3"]).input(bytes.clone()).run();
        client.status(3).stdout(&bytes).silent();
    }
}

/// An ssh server of this user for this user.
fn sshd(folder: &Path) -> (Daemon, String) {
    for key in ["host", "key"] {
        let made = peer("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", arg(&folder.join(key))]);
        made.run().status(0);
    }
    if getuid().is_root() {
        create_dir_all("/run/sshd").unwrap();
    }
    let (server, port) = on_free_port(|port| {
        let config = folder.join("sshd.conf");
        let text = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/key.pub\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n",
            folder = folder.display()
        );
        write(&config, text).unwrap();
        peer("sshd").args(["-D", "-e", "-f", arg(&config)])
    });
    (Daemon::new(server), port)
}
