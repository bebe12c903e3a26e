//! Names that `nss_wrapper` makes up for the program alone.

use std::fs;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::process::Signal;

use crate::listening::missing;
use crate::support::{Program, astream, tool};

#[test]
fn a_signal_ends_a_listener_whose_name_is_still_being_looked_up() {
    for more in [&[][..], &["-k"]] {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        assert!(tool("mkfifo").args([&hosts]).run().code() == 0);
        let listener = with_names(astream(["listen", "silent.test", "0"]), &hosts).args(more).start();
        // The other end of its names is never opened.
        listener.until_thread("resolver", true);
        listener.signal(Signal::TERM);
        assert_eq!(listener.wait().code(), 128 + 15);
    }
}

#[test]
fn a_name_that_appears_later_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "127.0.0.1 other.test\n").unwrap();
    // The file is read again when the second in which it was changed is another one.
    File::options().write(true).open(&hosts).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let client = astream(["connect", "later.test", &port, "--retry-for", "60s"]);
    let client = with_names(client, &hosts).start();
    client.stderr_line("cannot resolve 'later.test': name or service not known; trying again for up to 60 s");
    fs::write(&hosts, "127.0.0.1 later.test\n").unwrap();
    drop(listener.accept().unwrap());
    let said = client.wait().status(0);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.description());
}

/// A program for which these names are all there is.
pub fn with_names(program: Program, hosts: &Path) -> Program {
    let library = "libnss_wrapper.so";
    let is_there = |folder: PathBuf| folder.join(library).exists();
    // Without it the name would be looked up in the network.
    if !fs::read_dir("/usr/lib").unwrap().any(|entry| is_there(entry.unwrap().path())) {
        missing(library, "libnss-wrapper");
    }
    program.env("LD_PRELOAD", library).env("NSS_WRAPPER_HOSTS", hosts)
}
