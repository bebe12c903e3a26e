//! systemd: its sockets, one connection or all of them, and the unit files of docs/.

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

use crate::listening::{on_free_port, peer};
use crate::support::peer::read_all;
use crate::support::{DEADLINE, tool};

/// What a server behind this port sends back.
fn echoed(port: &str) {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream), b"hello");
}

#[test]
fn its_socket_is_served_by_one_process_for_all_connections() {
    let (_server, port) = on_free_port(|port| {
        let activate =
            peer("systemd-socket-activate").args(["-l", &format!("127.0.0.1:{port}"), "--fdname=web"]);
        activate.args([env!("CARGO_BIN_EXE_astream"), "listen", "fd:web", "--echo"])
    });
    (0..3).for_each(|_| echoed(&port));
}

#[test]
fn each_connection_is_served_by_a_process_of_its_own() {
    let (_server, port) = on_free_port(|port| {
        let activate =
            peer("systemd-socket-activate").args(["--accept", "--inetd", "-l", &format!("127.0.0.1:{port}")]);
        activate.args([env!("CARGO_BIN_EXE_astream"), "listen", "-", "--echo"])
    });
    (0..3).for_each(|_| echoed(&port));
}

#[test]
fn the_unit_files_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    let units = ["astream@.socket", "astream@.service"].map(|name| {
        let text = fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        // It is checked that the program is there.
        let text = text.replace("/usr/bin/astream", env!("CARGO_BIN_EXE_astream"));
        let path = folder.path().join(name.replace('@', "@5432"));
        fs::write(&path, text).unwrap();
        path
    });
    // The manual page that it names is perhaps not installed.
    tool("systemd-analyze").args(["verify", "--man=no"]).args(units).run().status(0).silent();
}
