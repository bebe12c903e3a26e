//! What is sent in either direction, and the checks that all of it arrived.

use std::fs::File;
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::support::{Finished, Program, Running, noise};

/// From the client to the server.
pub static UP: LazyLock<Vec<u8>> = LazyLock::new(|| noise(5_000_000));

/// From the server to the client.
pub static DOWN: LazyLock<Vec<u8>> = LazyLock::new(|| noise(5_000_001));

/// The server was given `DOWN`: both send at once, all of it arrives, and both are content.
#[track_caller]
pub fn both_ways(client: Program, server: Running) -> (Finished, Finished) {
    let (client, server) = both(client.input(UP.as_slice()), server);
    (client.status(0).stdout(&DOWN), server.status(0).stdout(&UP))
}

/// The client sends, the server has nothing to say.
#[track_caller]
pub fn upload(client: Program, server: Running) -> (Finished, Finished) {
    let (client, server) = both(client.input(UP.as_slice()), server);
    (client.status(0).stdout(b""), server.status(0).stdout(&UP))
}

/// The server was given `DOWN`, the client has nothing to say.
#[track_caller]
pub fn download(client: Program, server: Running) -> (Finished, Finished) {
    let (client, server) = both(client, server);
    (client.status(0).stdout(&DOWN), server.status(0).stdout(b""))
}

/// The output of both is printed if the test fails: the reason may be on the other side.
fn both(client: Program, server: Running) -> (Finished, Finished) {
    let client = client.run();
    println!("{}", client.description());
    let server = server.wait();
    println!("{}", server.description());
    (client, server)
}

/// 64 MiB for each direction, from file to file.
pub struct Parcels {
    folder: tempfile::TempDir,
}

impl Parcels {
    pub fn new() -> Self {
        let parcels = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(parcels.file("up"), &*BIG_UP).unwrap();
        std::fs::write(parcels.file("down"), &*BIG_DOWN).unwrap();
        parcels
    }

    /// Gives a server what it is to send, and room for what it receives.
    pub fn server(&self, program: Program) -> Program {
        self.hand(program, "down", "at the server")
    }

    /// The same for a client.
    pub fn client(&self, program: Program) -> Program {
        self.hand(program, "up", "at the client")
    }

    #[track_caller]
    pub fn have_arrived(&self) {
        for (file, wanted) in [("at the server", &*BIG_UP), ("at the client", &*BIG_DOWN)] {
            let got = std::fs::read(self.file(file)).unwrap();
            assert!(got.len() == wanted.len(), "{} of {} bytes {file}", got.len(), wanted.len());
            assert!(got == *wanted, "other bytes {file}");
        }
    }

    fn hand(&self, program: Program, from: &str, to: &str) -> Program {
        let from = File::open(self.file(from)).unwrap();
        program.stdin(from).stdout(File::create(self.file(to)).unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

static BIG_UP: LazyLock<Vec<u8>> = LazyLock::new(|| noise(64 << 20));
static BIG_DOWN: LazyLock<Vec<u8>> = LazyLock::new(|| noise((64 << 20) + 1));
