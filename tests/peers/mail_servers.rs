//! Exim and Dovecot, each in a folder of the test's own.

use std::fs::{Permissions, create_dir, set_permissions, write};
use std::os::unix::fs::PermissionsExt;

use rustix::process::getuid;

use crate::listening::{Daemon, on_free_port, peer};
use crate::site::Site;
use crate::support::certs::arg;
use crate::support::tool;

/// Exim, or None: it can only be started by root. With a certificate that is missing it offers TLS all the
/// same.
pub fn exim(site: &Site, certificate: &str) -> Option<(Daemon, String)> {
    exim_with(site, certificate, &[])
}

/// The same with TLS from the start.
pub fn exim_under_tls(site: &Site) -> Option<(Daemon, String)> {
    exim_with(site, site.cert(), &["-tls-on-connect"])
}

fn exim_with(site: &Site, certificate: &str, more: &[&str]) -> Option<(Daemon, String)> {
    if !getuid().is_root() {
        eprintln!("exim4 is not tried: it wants to be started by root");
        return None;
    }
    let folder = site.authority.folder();
    // It reads them as a user of its own.
    set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let (config, spool) = (folder.join("exim.conf"), folder.join("spool"));
    create_dir(&spool).unwrap();
    set_permissions(&spool, Permissions::from_mode(0o777)).unwrap();
    let text = format!(
        "primary_hostname = mail.test\nkeep_environment =\nhost_lookup =\n\
         spool_directory = {spool}\nlog_file_path = {spool}/%slog\npid_file_path = {spool}/pid\n\
         tls_advertise_hosts = *\ntls_certificate = {certificate}\ntls_privatekey = {key}\n",
        spool = spool.display(),
        key = site.key()
    );
    write(&config, text).unwrap();
    let (server, port) = on_free_port(|port| {
        peer("exim4").args(["-C", arg(&config)]).args(more).args([
            "-bdf",
            "-oX",
            &format!("127.0.0.1.{port}"),
        ])
    });
    Some((Daemon::new(server), port))
}

/// Dovecot with one protocol, one of its services and the name of that one's listener; `ssl` is `yes` or
/// `no`.
pub fn dovecot(site: &Site, [protocol, service, listener]: [&str; 3], ssl: &str) -> (Daemon, String) {
    let folder = site.authority.folder().join(format!("dovecot-{listener}-{ssl}"));
    create_dir(&folder).unwrap();
    let config = folder.join("dovecot.conf");
    let (server, port) = on_free_port(|port| {
        let text = format!(
            "base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = /dev/stderr\n\
             protocols = {protocol}\nlisten = 127.0.0.1\n\
             ssl = {ssl}\nssl_cert = <{cert}\nssl_key = <{key}\n{users}\
             passdb {{\n driver = static\n args = nopassword=y\n}}\n\
             service {service} {{\n inet_listener {listener} {{\n  port = {port}\n }}\n \
             inet_listener {listener}s {{\n  port = 0\n }}\n}}\n",
            folder = folder.display(),
            cert = site.cert(),
            key = site.key(),
            users = without_root(),
        );
        write(&config, text).unwrap();
        peer("dovecot").args(["-F", "-c", arg(&config)])
    });
    (Daemon::new(server), port)
}

/// Makes Dovecot run as the user who runs the tests, if that is not root.
fn without_root() -> String {
    if getuid().is_root() {
        return String::new();
    }
    let name = |which| String::from_utf8(tool("id").args([which]).run().status(0).stdout).unwrap();
    let (user, group) = (name("-un"), name("-gn"));
    let users =
        format!("default_internal_user = {user}default_login_user = {user}default_internal_group = {group}");
    let chroots = ["anvil", "imap-login", "pop3-login", "managesieve-login"]
        .map(|service| format!("service {service} {{\n chroot =\n}}\n"));
    users + &chroots.concat()
}
