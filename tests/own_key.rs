//! `listen --tls --key FILE` without a certificate: a key that is made once, and the command to paste.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use support::certs::{arg, authority};
use support::{Program, Running, astream, tool};

fn listen(key: &Path) -> Program {
    astream(["listen", "127.0.0.1", "0", "--tls", "--key", arg(key)])
}

/// The command that is printed, without the name of the program.
fn pasted(listener: &Running) -> Vec<String> {
    let line = listener.stderr_line("; connect with: astream connect ");
    let command = line.split("; connect with: astream ").nth(1).unwrap();
    command.split(' ').map(str::to_owned).collect()
}

/// The pin of a listener that has served the one who pasted its command.
fn pin_of(listener: Running) -> String {
    let command = pasted(&listener);
    astream(&command).run().status(0).stdout(b"hello").silent();
    listener.wait().status(0);
    command.last().unwrap().clone()
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_the_pin_stays() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("own.key");
    let pins: Vec<_> = (0..3).map(|_| pin_of(listen(&key).input("hello").start())).collect();
    assert!(pins[0].starts_with("sha256//") && pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
    assert_ne!(pin_of(listen(&folder.path().join("other.key")).input("hello").start()), pins[0]);
}

#[test]
fn keys_that_others_have_made_are_taken_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    for pair in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap(),
    ] {
        fs::write(&key, pair.serialize_pem()).unwrap();
        pin_of(listen(&key).input("hello").start());
        assert_eq!(fs::read_to_string(&key).unwrap(), pair.serialize_pem());
    }
}

#[test]
fn many_who_begin_at_once_have_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let listeners: Vec<_> = (0..8).map(|_| listen(&key).args(["--echo"]).start()).collect();
    let pins = listeners.iter().map(|listener| pasted(listener).pop().unwrap());
    let mut pins: Vec<_> = pins.collect();
    pins.dedup();
    assert_eq!(pins.len(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_there_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let [empty, text, link] = ["empty", "text", "link"].map(|name| folder.path().join(name));
    fs::write(&empty, "").unwrap();
    fs::write(&text, "a diary").unwrap();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    let authority = authority();
    let certificate = authority.localhost().cert;
    for (file, found) in [
        (&empty, "no private key"),
        (&text, "no private key"),
        (&link, "no such file"),
        (&certificate, "certificate"),
        (&folder.path().join("no/folder/key"), "it cannot be made: no such file"),
    ] {
        let before = fs::read(file).ok();
        listen(file).run().status(2).stdout(b"").says(&[arg(file), found]);
        assert_eq!(fs::read(file).ok(), before);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn the_command_is_whole_with_what_a_client_needs() {
    let authority = authority();
    let listener = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--alpn", "a,b", "--cacert"])
        .args([arg(&authority.ca)])
        .start();
    let command = pasted(&listener).join(" ");
    let port = command.split(' ').nth(2).unwrap();
    let wanted = format!("connect 127.0.0.1 {port} --tls --cert FILE --key FILE --alpn a,b --pin sha256//");
    assert!(command.starts_with(&wanted), "{command}");
}

#[test]
fn where_all_addresses_are_listened_on_it_has_the_name_of_this_machine() {
    let listener = astream(["listen", ":0", "--tls", "--echo"]).start();
    let host = tool("uname").args(["-n"]).run().stdout;
    assert_eq!(pasted(&listener)[1], String::from_utf8(host).unwrap().trim());
}

#[test]
fn a_unix_socket_is_pasted_too() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let listener = astream(["listen", &socket, "--tls"]).input("hello").start();
    pin_of(listener);
}

#[test]
fn in_json_the_command_is_a_member() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    for (more, event) in [(&["--key", arg(&key)][..], "kept_key"), (&[], "fresh_key")] {
        let listener = astream(["listen", "127.0.0.1", "0", "--tls", "--echo", "--json"]).args(more).start();
        let line = listener.stderr_line(event);
        let found: serde_json::Value = serde_json::from_str(&line).unwrap();
        let (pin, command) = (found["pin"].as_str().unwrap(), found["command"].as_str().unwrap());
        assert!(command.starts_with("astream connect 127.0.0.1 ") && command.ends_with(pin), "{line}");
    }
}
