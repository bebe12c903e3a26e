//! `PostgreSQL`, Redis, `MariaDB` and `OpenLDAP`, each with nothing in it, in a folder of the test's own.

use std::fs::{Permissions, copy, create_dir, read_dir, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::process::getuid;

use crate::listening::{Daemon, missing, on_free_port, peer};
use crate::site::Site;
use crate::support::certs::arg;
use crate::support::{Program, Running, tool};

pub fn postgres(site: &Site, ssl: &str) -> (Daemon, String) {
    let folder = site.authority.folder().join(format!("postgres-{ssl}"));
    create_dir(&folder).unwrap();
    set_permissions(site.authority.folder(), Permissions::from_mode(0o755)).unwrap();
    belongs_to_postgres(&folder);
    let data = folder.join("data");
    let made = postgresql("initdb").args(["-A", "trust", "-U", "postgres", "--no-sync", "-D", arg(&data)]);
    made.run().status(0);
    // It reads no key that others could have read.
    let key = folder.join("key");
    copy(&site.issued.key, &key).unwrap();
    set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    belongs_to_postgres(&key);
    let settings = |port: &str| {
        [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            format!("ssl={ssl}"),
            format!("ssl_cert_file={}", site.cert()),
            format!("ssl_key_file={}", arg(&key)),
            "lc_messages=C".to_owned(),
        ]
    };
    let (server, port) = on_free_port(|port| {
        let server = postgresql("postgres").args(["-F", "-D", arg(&data)]);
        settings(port).iter().fold(server, |server, setting| server.args(["-c", setting]))
    });
    // It listens before it serves, and refuses the clients of that time.
    server.stderr_line("ready to accept connections");
    (Daemon::new(server), port)
}

/// One of its programs; the server refuses to be run by root.
pub fn postgresql(program: &str) -> Program {
    let versions = read_dir("/usr/lib/postgresql").ok().into_iter().flatten();
    let found: Option<PathBuf> =
        versions.map(|version| version.unwrap().path().join("bin").join(program)).find(|path| path.is_file());
    let program = found.unwrap_or_else(|| missing(program, "postgresql"));
    if getuid().is_root() {
        tool("setpriv")
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .args([&program])
            .dir(Path::new("/"))
    } else {
        tool(arg(&program))
    }
}

fn belongs_to_postgres(path: &Path) {
    if getuid().is_root() {
        let line = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = line.lines().find(|line| line.starts_with("postgres:"));
        let mut ids = line.expect("Debian makes the user").split(':').skip(2).map(|id| id.parse().unwrap());
        chown(path, ids.next(), ids.next()).unwrap();
    }
}

pub fn redis(site: &Site) -> (Running, String) {
    on_free_port(|port| {
        let server = peer("redis-server").args(["--bind", "127.0.0.1", "--port", port, "--save", ""]);
        server.args(["--dir", arg(site.authority.folder())])
    })
}

pub fn mariadb(site: &Site, with_tls: bool) -> (Daemon, String) {
    let folder = site.authority.folder().join(format!("mariadb-{with_tls}"));
    create_dir(&folder).unwrap();
    let (server, port) = on_free_port(|port| {
        // It has no users, and every client is let in.
        let server = peer("mariadbd")
            .args(["--no-defaults", "--user=root", "--skip-grant-tables", "--skip-innodb"])
            .args(["--default-storage-engine=MyISAM", "--bind-address=127.0.0.1", "--port", port])
            .args(["--datadir", arg(&folder), "--socket", arg(&folder.join("socket"))]);
        if with_tls { server.args(["--ssl-cert", site.cert(), "--ssl-key", site.key()]) } else { server }
    });
    (Daemon::new(server), port)
}

pub fn slapd(site: &Site, with_tls: bool) -> (Daemon, String) {
    let config = site.authority.folder().join("slapd.conf");
    let tls = format!("TLSCertificateFile {}\nTLSCertificateKeyFile {}\n", site.cert(), site.key());
    write(&config, if with_tls { tls } else { String::new() }).unwrap();
    let (server, port) = on_free_port(|port| {
        let address = format!("ldap://127.0.0.1:{port}");
        peer("slapd").args(["-d", "0", "-h", &address, "-f", arg(&config)])
    });
    (Daemon::new(server), port)
}
