//! TLS in front of a plain server: `listen --tls --forward` beside nginx, haproxy and stunnel, which are left out where they
//! are not installed. Handshakes a second of four clients and the CPU time of the server for each; then eight streams at once,
//! four each way, in GiB/s and in CPU seconds a GiB. Linux only. With `--rsa 8192` the key is one of RSA, by openssl: it is then
//! the server that limits, and not the clients on the same machine.
//! `cargo bench --bench terminate -- --threads 2 --rounds 3 --seconds 3 --mib 128`

#![allow(clippy::cast_precision_loss, reason = "figures of a few digits")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const CLIENTS: usize = 4;
const STREAMS: usize = 8;
const MIB: usize = 1024 * 1024;
const RECEIVE: u8 = 0;
const SEND: u8 = 1;

fn main() {
    let words: Vec<_> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let value = words.iter().skip_while(|word| *word != name).nth(1);
        value.map_or(default, |value| value.parse().expect("a number"))
    };
    let (threads, rounds) = (number("--threads", 2), number("--rounds", 3));
    let (seconds, mib) = (number("--seconds", 3), number("--mib", 128));
    let bench = Bench::new(Some(number("--rsa", 0)).filter(|bits| *bits > 0), mib);
    let servers: [(&str, Start); 4] = [
        ("astream", Bench::astream),
        ("nginx", Bench::nginx),
        ("haproxy", Bench::haproxy),
        ("stunnel", Bench::stunnel),
    ];
    let is_there = |name: &str| name == "astream" || Command::new(name).arg("-v").output().is_ok();
    let servers: Vec<_> = servers.into_iter().filter(|(name, _)| is_there(name)).collect();
    let mut all = vec![Vec::new(); servers.len()];
    for _ in 0..rounds {
        for (figures, (_, start)) in all.iter_mut().zip(&servers) {
            figures.push(bench.measure(*start, threads, Duration::from_secs(seconds), mib));
        }
    }
    println!("{threads} threads, or workers; {STREAMS} streams of {mib} MiB\n");
    println!("| server | handshakes a second | CPU ms each | GiB/s | CPU s a GiB |\n|---|---|---|---|---|");
    for (figures, (name, _)) in all.iter().zip(&servers) {
        let median = |of: fn(&Figures) -> f64| {
            let mut values: Vec<_> = figures.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (handshakes, cpu) = (median(|f| f.handshakes), median(|f| f.cpu_of_one));
        println!(
            "| {name} | {handshakes:.0} | {cpu:.3} | {:.2} | {:.3} |",
            median(|f| f.rate),
            median(|f| f.cpu_of_gib)
        );
    }
}

#[derive(Clone)]
struct Figures {
    handshakes: f64,
    cpu_of_one: f64,
    rate: f64,
    cpu_of_gib: f64,
}

type Start = fn(&Bench, u64, u16, u16) -> Command;

/// A folder with a certificate, a client that trusts it, and a plain server that receives or sends a stream.
struct Bench {
    folder: tempfile::TempDir,
    client: Arc<ClientConfig>,
    backend: u16,
    received: Arc<AtomicU64>,
}

impl Bench {
    fn new(rsa: Option<u64>, mib: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (c, k) = (file("c.pem"), file("k.pem"));
        if let Some(bits) = rsa {
            let openssl = format!(
                "openssl req -x509 -newkey rsa:{bits} -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
                 -addext basicConstraints=CA:FALSE -keyout {k} -out {c}"
            );
            let made = Command::new("sh").arg("-c").arg(openssl).stderr(Stdio::null()).status().unwrap();
            assert!(made.success(), "openssl made no key");
        } else {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(&c, made.cert.pem()).unwrap();
            fs::write(&k, made.signing_key.serialize_pem()).unwrap();
        }
        fs::write(file("both.pem"), fs::read_to_string(&k).unwrap() + &fs::read_to_string(&c).unwrap())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&c).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        // Every handshake is a full one.
        client.resumption = rustls::client::Resumption::disabled();
        let received = Arc::default();
        // As it is installed: what a linker has just written is in the system's cache in small pieces, and runs slower.
        fs::copy(env!("CARGO_BIN_EXE_astream"), file("astream")).unwrap();
        Self { folder, client: Arc::new(client), backend: backend(Arc::clone(&received), mib), received }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.path().join(name), text).unwrap();
        self.file(name)
    }

    fn astream(&self, threads: u64, port: u16, target: u16) -> Command {
        let mut command = Command::new(self.file("astream"));
        command.args(["listen", "127.0.0.1", &port.to_string(), "--tls", "--cert", &self.file("c.pem")]);
        command.args(["--key", &self.file("k.pem"), "--forward", &format!("127.0.0.1:{target}")]);
        command.args(["--threads", &threads.to_string()]);
        command
    }

    fn nginx(&self, threads: u64, port: u16, target: u16) -> Command {
        let folder = self.folder.path().display();
        let text = format!(
            "daemon off; worker_processes {threads}; pid {folder}/pid; error_log /dev/null;\n\
             load_module /usr/lib/nginx/modules/ngx_stream_module.so;\nevents {{ worker_connections 8000; }}\n\
             stream {{ server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/c.pem;\n\
             ssl_certificate_key {folder}/k.pem; ssl_session_cache off; ssl_session_tickets off;\n\
             proxy_pass 127.0.0.1:{target}; }} }}\n"
        );
        let mut command = Command::new("nginx");
        command.args(["-p", &folder.to_string(), "-e", "stderr", "-c", &self.write("nginx.conf", &text)]);
        command
    }

    fn haproxy(&self, threads: u64, port: u16, target: u16) -> Command {
        let text = format!(
            "global\n nbthread {threads}\n tune.ssl.cachesize 0\n ssl-default-bind-options no-tls-tickets\n\
             defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
             frontend f\n bind 127.0.0.1:{port} ssl crt {}\n default_backend b\nbackend b\n server s 127.0.0.1:{target}\n",
            self.file("both.pem")
        );
        let mut command = Command::new("haproxy");
        command.args(["-f", &self.write("haproxy.cfg", &text)]);
        command
    }

    /// It has a thread for each connection.
    fn stunnel(&self, _: u64, port: u16, target: u16) -> Command {
        let text = format!(
            "foreground = yes\npid =\n[t]\naccept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{target}\ncert = {}\n",
            self.file("both.pem")
        );
        let mut command = Command::new("stunnel");
        command.arg(self.write("stunnel.conf", &text));
        command
    }

    fn measure(&self, start: Start, threads: u64, time: Duration, mib: u64) -> Figures {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = start(self, threads, port, self.backend);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server(quiet.spawn().unwrap());
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        let before = server.cpu();
        let begin = Instant::now();
        let shake = || {
            let mut made = 0;
            while begin.elapsed() < time {
                let mut stream = self.connect(port);
                stream.conn.send_close_notify();
                stream.flush().unwrap();
                made += 1;
            }
            made
        };
        let made: u64 = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(shake)).collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        });
        let (elapsed, after) = (begin.elapsed(), server.cpu());
        let half = STREAMS as u64 / 2 * mib * MIB as u64;
        let (begin, wanted) = (Instant::now(), self.received.load(Ordering::Relaxed) + half);
        thread::scope(|scope| {
            for number in 0..STREAMS {
                scope.spawn(move || {
                    let (mut stream, mut data) = (self.connect(port), vec![RECEIVE; MIB]);
                    if number % 2 == 0 {
                        (0..mib).for_each(|_| stream.write_all(&data).unwrap());
                    } else {
                        stream.write_all(&[SEND]).unwrap();
                        // nginx sends no more after a client's end.
                        (0..mib).for_each(|_| stream.read_exact(&mut data).unwrap());
                    }
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                    // A socket that is closed with session tickets unread resets the connection, and the tail is lost.
                    while let Ok(1..) = stream.read(&mut data) {}
                });
            }
        });
        while self.received.load(Ordering::Relaxed) < wanted {
            assert!(begin.elapsed() < Duration::from_secs(60), "{command:?} lost bytes");
            thread::sleep(Duration::from_millis(1));
        }
        let gib = (STREAMS as u64 * mib) as f64 / 1024.0;
        Figures {
            handshakes: made as f64 / elapsed.as_secs_f64(),
            cpu_of_one: (after - before) * 1000.0 / made as f64,
            rate: gib / begin.elapsed().as_secs_f64(),
            cpu_of_gib: (server.cpu() - after) / gib,
        }
    }

    /// A connection after its handshake.
    fn connect(&self, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let (client, socket) = (
            ClientConnection::new(Arc::clone(&self.client), name).unwrap(),
            TcpStream::connect(("127.0.0.1", port)).unwrap(),
        );
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        stream
    }
}

/// A server that counts what it receives, or sends so many MiB: the first byte says which.
fn backend(received: Arc<AtomicU64>, mib: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, received) = (stream.unwrap(), Arc::clone(&received));
            thread::spawn(move || {
                let mut first = [0];
                match stream.read(&mut first) {
                    Ok(1) if first == [SEND] => {
                        let data = vec![0; MIB];
                        (0..mib).for_each(|_| stream.write_all(&data).unwrap());
                    }
                    Ok(1) => {
                        received.fetch_add(1, Ordering::Relaxed);
                        let mut buffer = vec![0; 256 * 1024];
                        while let Ok(n @ 1..) = stream.read(&mut buffer) {
                            received.fetch_add(n as u64, Ordering::Relaxed);
                        }
                    }
                    _ => {}
                }
            });
        }
    });
    port
}

/// A server, ended when dropped.
struct Server(Child);

impl Server {
    /// The CPU time of it and of its workers in seconds.
    fn cpu(&self) -> f64 {
        let id = self.0.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let workers = fs::read_to_string(children).unwrap_or_default();
        let workers = workers.split_whitespace().filter_map(|id| id.parse().ok());
        let ticks: u64 = workers.chain([id]).map(ticks).sum();
        ticks as f64 / 100.0
    }
}

/// User and system time of a process, in hundredths of a second (proc(5), `stat`, 14 and 15).
fn ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx leaves its workers alone where it is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
