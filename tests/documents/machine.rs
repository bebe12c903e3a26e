//! A machine for one section: a network and mounts of its own, in which all names are this machine and no packet leaves
//! it, with two folders, one for each side.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::certs::{Issued, authority};

/// The names of the documents, all of them at home here.
const HOSTS: &str = "127.0.0.1 localhost host there www.example.org www.google.com example.org mail.example.org \
    db.example.org db proxy.example.org loghost.example.org gate.example.org\n\
    127.0.0.2 db1.example.org\n127.0.0.3 db2.example.org\n";

/// Servers that are written for the documents.
const SERVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/documents/servers");

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How often it is looked whether something has come.
const PAUSE: Duration = Duration::from_millis(5);

pub struct Machine {
    folder: TempDir,
    keeper: Child,
    /// The pin of the certificate in site.pem.
    pub pin: String,
}

/// A program that was started, with all that it starts: a process group that ends with it.
pub struct Job {
    child: Child,
    /// The file with what it prints on both streams.
    pub output: PathBuf,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The namespaces that this user may make. Only root can do without one of users.
static SPACES: LazyLock<Option<&[&str]>> = LazyLock::new(|| {
    let ways: [&[&str]; 2] = [&["-n", "-m", "-u"], &["-n", "-m", "-u", "-r"]];
    ways.into_iter().find(|spaces| {
        let mut program = Command::new("unshare");
        let program = program.args(*spaces).args(["sh", "-c", "ip link set lo up"]).env("PATH", PATH);
        program.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
});

/// Whether this user may have such a machine.
pub fn is_possible() -> bool {
    SPACES.is_some()
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let bin = root.join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(env!("CARGO_BIN_EXE_astream"), bin.join("astream")).unwrap();
        for server in fs::read_dir(SERVERS).unwrap().flatten() {
            symlink(server.path(), bin.join(server.file_name())).unwrap();
        }
        fs::write(root.join("hosts"), HOSTS).unwrap();
        fs::write(root.join("nsswitch.conf"), "hosts: files\nservices: files\npasswd: files\n").unwrap();
        let pin = files(root);
        let set_up = "ip link set lo up && hostname there && mount --bind hosts /etc/hosts && mount --bind nsswitch.conf /etc/nsswitch.conf \
            && touch ready && exec cat";
        let mut keeper = Command::new("unshare");
        keeper
            .args(SPACES.unwrap_or_default())
            .args(["sh", "-c", set_up])
            .env("PATH", PATH)
            .current_dir(root)
            .stdin(Stdio::piped());
        let keeper = keeper.spawn().unwrap();
        until("the machine", || root.join("ready").exists());
        Self { folder, keeper, pin }
    }

    /// Starts a command in one of the folders.
    pub fn start(&self, side: &str, code: &str) -> Job {
        let root = self.folder.path();
        let output = tempfile::Builder::new().prefix("output").tempfile_in(root).unwrap();
        let (file, output) = output.keep().unwrap();
        let mut command = Command::new("nsenter");
        if SPACES.is_some_and(|spaces| spaces.contains(&"-r")) {
            command.args(["--preserve-credentials", "-U"]);
        }
        let code = format!("cd '{}/{side}'\n{code}", root.display());
        let pid = self.keeper.id().to_string();
        command.args(["-n", "-m", "-u", "-t", &pid, "bash", "-c", &code]).process_group(0).env_clear();
        command.env("PATH", format!("{}:{PATH}", root.join("bin").display()));
        command
            .env("HOME", root.join("home"))
            .env("LC_ALL", "C.UTF-8")
            .env("HOSTNAME", "host")
            .env("TERM", "dumb");
        command.env("SSL_CERT_FILE", root.join("here/ca.pem"));
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Job { child: command.spawn().unwrap(), output }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

impl Job {
    /// What it has printed so far, on both streams.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    pub fn signal(&self, signal: Signal) {
        // It is not reaped before this is dropped, so that its number is no other's.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Waits until it has printed a text.
    pub fn until_printed(&self, text: &str) -> Result<(), String> {
        let start = Instant::now();
        loop {
            let has_ended = self.ended().is_some();
            if self.printed().contains(text) {
                return Ok(());
            }
            if has_ended || start.elapsed() > DEADLINE {
                return Err(format!("it has not printed {text:?}"));
            }
            sleep(PAUSE);
        }
    }

    /// Waits for its end, and returns the status as a shell gives it.
    pub fn wait(&self) -> Result<i32, String> {
        let start = Instant::now();
        loop {
            match self.ended() {
                Some(status) => return Ok(status),
                None if start.elapsed() > DEADLINE => return Err("it hangs".to_owned()),
                None => sleep(PAUSE),
            }
        }
    }

    /// Its status, if it has ended.
    fn ended(&self) -> Option<i32> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::Pid(Pid::from_child(&self.child)), look).unwrap()?;
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
    }
}

fn until(what: &str, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < DEADLINE, "{what} is not there");
        sleep(PAUSE);
    }
}

/// What lies in the folders of both sides: a file to be sent, certificates and a list of networks. Returns the pin of
/// the site.
fn files(root: &Path) -> String {
    let authority = authority();
    // For itself alone, localhost has no certificate.
    let names: Vec<&str> = HOSTS.split_whitespace().filter(|name| *name != "localhost").collect();
    let site = authority.issue("site", &names);
    let client = authority.issue_with("client", &["client.example.org"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "a client");
    });
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let both = |issued: &Issued| read(&issued.cert) + &read(&issued.key);
    let noise: Vec<u8> = (0..1_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    for side in ["here", "there", "servers", "home"] {
        let folder = root.join(side);
        fs::create_dir(&folder).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("ca.pem", &read(&authority.ca));
        write("site.pem", &both(&site));
        write("site.crt", &read(&site.cert));
        write("site.key", &read(&site.key));
        write("client.pem", &both(&client));
        write("client.crt", &read(&client.cert));
        write("client.key", &read(&client.key));
        write("list.pem", &authority.empty_list());
        write("networks", "127.0.0.0/8 # this machine\n::1\n");
        fs::write(folder.join("original"), &noise).unwrap();
    }
    site.certificate().pin().unwrap().to_string()
}
