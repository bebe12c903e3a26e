//! Clients that misbehave cost the others neither their turn nor the server its memory: never reading,
//! resetting, garbage, a stalled handshake, a flood, a command that crashes.

mod support;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::SockRef;
use support::certs::{arg, authority};
use support::{DEADLINE, Running, astream, noise};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How many messages each client exchanges in a round.
const MESSAGES: usize = 5;

/// So many rounds with disturbers are compared with as many without, at least. More follow while other processes
/// take the processor from the one and not from the other.
const ROUNDS: RangeInclusive<usize> = 7..=60;

/// How much of their rate the others keep. Without optimization, and beside other tests, the flood's own share of the
/// processor is too large and too uneven for a closer look: that is for the release.
const KEPT: f64 = if cfg!(debug_assertions) { 0.75 } else { 0.9 };

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A server that sends everything back, and how it is reached.
struct Server {
    running: Running,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    /// What a client says first.
    greeting: &'static [u8],
    /// How many bytes the floods have received again.
    flooded: Arc<AtomicUsize>,
}

impl Server {
    fn start(args: &[&str], tls: Option<Arc<ClientConfig>>, greeting: &'static [u8]) -> Self {
        let running = astream(["listen", "127.0.0.1", "0"]).args(args).start();
        Self { address: running.address(), running, tls, greeting, flooded: Arc::default() }
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client that is served.
    async fn client(&self) -> Box<dyn Io> {
        self.over(self.dial().await).await
    }

    async fn over(&self, socket: TcpStream) -> Box<dyn Io> {
        socket.set_nodelay(true).unwrap();
        let mut client: Box<dyn Io> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                Box::new(TlsConnector::from(Arc::clone(config)).connect(name, socket).await.unwrap())
            }
        };
        client.write_all(self.greeting).await.unwrap();
        client
    }

    /// One of each. All have begun, and they end when they are dropped.
    async fn disturbers(&self) -> JoinSet<()> {
        let mut disturbers = JoinSet::new();
        // With little room for what it does not read, or it would be a flood itself until that is full.
        let never_reads = TcpSocket::new_v4().unwrap();
        never_reads.set_recv_buffer_size(4096).unwrap();
        let never_reads = never_reads.connect(self.address).await.unwrap();
        disturbers.spawn(pour(self.over(never_reads).await));

        let (from, to) = split(self.client().await);
        disturbers.spawn(pour(to));
        let flooded = Arc::clone(&self.flooded);
        disturbers.spawn(swallow(from, move |n| {
            flooded.fetch_add(n, Ordering::Relaxed);
        }));

        let mut resets = self.dial().await;
        resets.write_all(b"here\n").await.unwrap();
        SockRef::from(&resets).set_linger(Some(Duration::ZERO)).unwrap();
        drop(resets);

        let mut garbage = self.dial().await;
        garbage.write_all(&noise(1000)).await.unwrap();
        disturbers.spawn(swallow(garbage, drop));

        // Under TLS this is the beginning of a ClientHello, without TLS a client that goes silent.
        let mut stalls = self.dial().await;
        stalls.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        disturbers.spawn(swallow(stalls, drop));

        // A word that the commands obey, and an echo sends back.
        let mut crashes = self.dial().await;
        crashes.write_all(b"crash\n").await.unwrap();
        disturbers.spawn(swallow(crashes, drop));
        disturbers
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.running.pid().as_raw_nonzero())).unwrap().count()
    }

    /// Its resident memory, in bytes.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.running.pid().as_raw_nonzero()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

/// Writes for ever, and lets others have their turn.
async fn pour(mut to: impl AsyncWrite + Unpin) {
    let block = noise(1 << 16);
    while to.write_all(&block).await.is_ok() {
        yield_now().await;
    }
}

/// Reads to whatever end there is, and lets others have their turn.
async fn swallow(mut from: impl AsyncRead + Unpin, count: impl Fn(usize)) {
    let mut block = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut block).await {
        count(n);
        yield_now().await;
    }
}

/// How long it takes until every client has had all of its messages back.
async fn round(clients: &mut Vec<Box<dyn Io>>) -> Duration {
    let mut talks = JoinSet::new();
    let start = Instant::now();
    for mut client in clients.drain(..) {
        talks.spawn(async move {
            let message: [u8; 64] = noise(64).try_into().unwrap();
            for _ in 0..MESSAGES {
                client.write_all(&message).await.unwrap();
                let mut back = [0; 64];
                client.read_exact(&mut back).await.unwrap();
                assert_eq!(back, message);
            }
            client
        });
    }
    let all = timeout(DEADLINE, talks.join_all()).await.expect("a client does not get its messages back");
    clients.extend(all);
    start.elapsed()
}

/// Rounds in turn without and with disturbers, until it is enough how much longer the latter take. Then nothing is
/// left of the disturbers.
async fn rounds(server: &Server, clients: usize, is_enough: impl Fn(f64) -> bool) {
    let mut all = Vec::new();
    for _ in 0..clients {
        all.push(server.client().await);
    }
    // The first one pays for what is kept.
    round(&mut all).await;
    let (descriptors, memory) = (server.descriptors(), server.memory());
    let mut ratios = Vec::new();
    loop {
        let calm = round(&mut all).await;
        let mut disturbers = server.disturbers().await;
        let disturbed = round(&mut all).await;
        disturbers.shutdown().await;
        until(&format!("no more than {descriptors} descriptors are open"), || {
            server.descriptors() <= descriptors
        });
        ratios.push(disturbed.as_secs_f64() / calm.as_secs_f64());
        let median = median(&mut ratios);
        println!("{calm:?}, {disturbed:?} with disturbers: {median} times as long in the median");
        if ratios.len() >= *ROUNDS.start() && is_enough(median) {
            break;
        }
        assert!(ratios.len() < *ROUNDS.end(), "the others keep less than {KEPT} of their rate");
    }
    until("memory is given back", || server.memory() < memory + (4 << 20));
    assert_ne!(server.flooded.load(Ordering::Relaxed), 0, "there was no flood");
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "it never came that {what}");
        thread::yield_now();
    }
}

fn keep_their_rate(times_as_long: f64) -> bool {
    times_as_long <= 1.0 / KEPT
}

// All in one test: side by side, they would disturb each other.
#[tokio::test]
async fn clients_that_misbehave_cost_the_others_little() {
    // On one thread, where every client waits for the turns of all others.
    println!("echo");
    rounds(&Server::start(&["--echo", "--threads", "1"], None, b""), 500, keep_their_rate).await;

    println!("echo under TLS");
    let authority = authority();
    let issued = authority.localhost();
    let tls = ["--echo", "--threads", "1", "--tls", "--cert", arg(&issued.cert), "--key", arg(&issued.key)];
    rounds(&Server::start(&tls, Some(authority.client()), b""), 500, keep_their_rate).await;

    println!("commands");
    let script = r#"read -r word; if [ "$word" = crash ]; then kill -9 $$; fi; exec cat"#;
    let commands = Server::start(&["--", "sh", "-c", script], None, b"hello\n");
    // How much of the processor each command gets is up to the system. Every client must be served all the same.
    rounds(&commands, 100, |_| true).await;
}
