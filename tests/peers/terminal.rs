//! A shell with jobs in a terminal, and a system without /dev/null.

use std::process::Command;

use crate::support::{astream, tool};

/// A shell in a terminal of its own starts a job in the background, types a line for itself, and says how the
/// job is when it has received.
const BACKGROUND: &str = r#"
import os, pty, sys
astream = sys.argv[1]
pid, terminal = pty.fork()
if pid == 0:
    os.execlp("bash", "bash", "--norc", "--noprofile", "-i")
def see(text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 4096)
    return seen
os.write(terminal, b"PS1=; " + astream.encode() + b" listen 127.0.0.1 0 > received &\n")
port = see(b"listening on 127.0.0.1:\r\n"[:-2])
while b"\n" not in port.split(b"listening on ")[-1]:
    port += os.read(terminal, 4096)
port = port.split(b"127.0.0.1:")[-1].split()[0].decode()
os.write(terminal, b"echo ty''ped\n")
see(b"typed")
client = os.popen("echo upload | " + astream + " connect 127.0.0.1 " + port + "; echo client $?")
print(client.read(), end="")
os.write(terminal, b"wait $!; echo job $?\n")
see(b"job 0")
print("job 0")
os.write(terminal, b"exit\n")
"#;

#[test]
fn in_the_background_of_a_terminal_a_listener_receives_and_leaves_the_terminal_alone() {
    let folder = tempfile::tempdir().unwrap();
    let python = tool("python3").args(["-c", BACKGROUND, env!("CARGO_BIN_EXE_astream")]).dir(folder.path());
    python.run().status(0).stdout(b"client 0\njob 0\n");
    assert_eq!(std::fs::read(folder.path().join("received")).unwrap(), b"upload\n");
}

#[test]
fn without_dev_null_a_transfer_is_complete() {
    let may_mount = Command::new("unshare").args(["-m", "true"]).status().unwrap().success();
    if !may_mount {
        eprintln!("not allowed to mount: nothing was tested");
        return;
    }
    let echo = astream(["listen", "127.0.0.1", "0", "--echo"]).start();
    let connect = format!("{} connect {}", env!("CARGO_BIN_EXE_astream"), echo.address());
    let script = format!("mount -t tmpfs none /dev && exec {connect}");
    tool("unshare").args(["-m", "sh", "-c", &script]).input("all").run().status(0).stdout(b"all").silent();
}
