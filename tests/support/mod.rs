//! Runs the program as a user would. A function returns when the thing is ready, the thing is stopped on
//! drop, and a failure prints the command, both streams and the status.
#![allow(dead_code, missing_docs, clippy::pedantic)]

pub mod certs;
pub mod events;
pub mod pcapng;
pub mod peer;
pub mod pty;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use events::Judge;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::SIGINT;
use signal_hook::flag::register_conditional_shutdown;

/// What takes longer has hung.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Whether the tests of this file are run without the kernel's short cuts.
pub const BY_STREAMS: bool = is_by_streams(env!("CARGO_CRATE_NAME"));

const fn is_by_streams(name: &str) -> bool {
    let (name, end) = (name.as_bytes(), b"_by_streams");
    let mut at = 0;
    while at < end.len() {
        if name.len() < end.len() || name[name.len() - end.len() + at] != end[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A command line of the program.
pub struct Program {
    command: Command,
    input: Option<Vec<u8>>,
}

/// `astream` with these arguments; stdin is empty and ended, stdout is collected.
pub fn astream<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Program {
    let mut program = tool(env!("CARGO_BIN_EXE_astream"));
    program.command.args(args);
    program
}

/// Any other program.
pub fn tool(name: &str) -> Program {
    // A shell that runs the tests in the background has them ignore SIGINT, and so would what they start. What is handled
    // here has its default there.
    static INTERRUPTS: Once = Once::new();
    INTERRUPTS.call_once(|| {
        let _ = register_conditional_shutdown(SIGINT, 130, Arc::new(AtomicBool::new(true)));
    });
    let mut command = Command::new(name);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in [
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "SSLKEYLOGFILE",
        "ASTREAM_PROXY_AUTH",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    if BY_STREAMS {
        command.env("ASTREAM_NO_SPLICE", "1");
    }
    Program { command, input: None }
}

impl Program {
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, dir: &std::path::Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// A pipe with these bytes, closed after them.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self.stdin(Stdio::piped())
    }

    /// A pipe that stays open until the test closes it.
    pub fn open_stdin(self) -> Self {
        self.stdin(Stdio::piped())
    }

    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    pub fn start(mut self) -> Running {
        let line = format!("{:?}", self.command);
        let [of_stdout, of_stderr] = events::judges(&self.command);
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdout = child.stdout.take().map(|stdout| Collected::new(stdout, of_stdout));
        let stderr: Box<dyn Read + Send> = match child.stderr.take() {
            Some(pipe) => Box::new(pipe),
            None => Box::new(std::io::empty()),
        };
        let stderr = Collected::new(stderr, of_stderr);
        let mut stdin = child.stdin.take();
        if let Some(input) = self.input {
            let mut pipe = stdin.take().expect("stdin is a pipe");
            // A program that exits early closes the pipe, which is its right.
            thread::spawn(move || pipe.write_all(&input));
        }
        let pid = Pid::from_child(&child);
        Running { line, child: Some(child), pid, stdin, stdout, stderr }
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Finished {
        self.start().wait()
    }
}

/// What a stream has produced so far, read by a thread.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    lines: Receiver<String>,
    judge: Option<Judge>,
    /// What is wrong with its lines.
    flaws: Arc<Mutex<Vec<String>>>,
    done: thread::JoinHandle<()>,
}

impl Collected {
    fn new(stream: impl Read + Send + 'static, judge: Option<Judge>) -> Self {
        let (bytes, flaws) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (sender, lines) = channel();
        let (all, wrong) = (Arc::clone(&bytes), Arc::clone(&flaws));
        let done = thread::spawn(move || {
            let mut stream = BufReader::with_capacity(1 << 16, stream);
            let mut partial = Vec::new();
            loop {
                let Ok(chunk) = stream.fill_buf() else { return };
                if chunk.is_empty() {
                    if judge.is_some() && !partial.is_empty() {
                        wrong.lock().unwrap().push("no event: it has no end".to_owned());
                    }
                    return;
                }
                let n = chunk.len();
                all.lock().unwrap().extend_from_slice(chunk);
                partial.extend_from_slice(chunk);
                stream.consume(n);
                while let Some(end) = partial.iter().position(|&b| b == b'\n') {
                    let line: Vec<u8> = partial.drain(..=end).collect();
                    wrong.lock().unwrap().extend(judge.and_then(|judge| judge(&line)));
                    let _ = sender.send(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                if partial.len() > 1 << 16 && judge.is_none() {
                    partial.clear();
                }
            }
        });
        Self { bytes, lines, judge, flaws, done }
    }

    /// Waits until all is read. A process that inherited the stream may keep it open; everything that the program
    /// itself printed is there.
    fn until_end(&self) {
        while !self.done.is_finished() {
            if self.lines.recv_timeout(DEADLINE).is_err() {
                break;
            }
        }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

/// A started program; killed when dropped.
pub struct Running {
    line: String,
    child: Option<Child>,
    pid: Pid,
    pub stdin: Option<ChildStdin>,
    stdout: Option<Collected>,
    stderr: Collected,
}

impl Running {
    /// The address of the ready line. `*` and names listen on several: the first.
    pub fn address(&self) -> SocketAddr {
        let line = self.stderr_line("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().split(", ").next().unwrap();
        address.parse().unwrap_or_else(|_| self.fail(&format!("no address in {line:?}")))
    }

    /// The same with `--json`.
    pub fn address_in_json(&self) -> SocketAddr {
        let line = self.stderr_line("\"listening\"");
        let address = line.split('"').rfind(|part| part.parse::<SocketAddr>().is_ok());
        address.unwrap_or_else(|| self.fail(&format!("no address in {line:?}"))).parse().unwrap()
    }

    pub fn port(&self) -> String {
        self.address().port().to_string()
    }

    /// Waits for a line on stderr that holds `text`.
    pub fn stderr_line(&self, text: &str) -> String {
        self.line_of(&self.stderr, text)
    }

    /// Waits for a line on stdout that holds `text`.
    pub fn stdout_line(&self, text: &str) -> String {
        self.line_of(self.stdout.as_ref().expect("stdout is collected"), text)
    }

    fn line_of(&self, stream: &Collected, text: &str) -> String {
        loop {
            match stream.lines.recv_timeout(DEADLINE) {
                Ok(line) => {
                    self.judged(&stream.flaws);
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("no line with {text:?}")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("ended without a line with {text:?}"))
                }
            }
        }
    }

    /// Fails if a line is not what it must be.
    fn judged(&self, flaws: &Mutex<Vec<String>>) {
        let flaws = flaws.lock().unwrap().join("\n");
        if !flaws.is_empty() {
            self.fail(&flaws);
        }
    }

    /// Waits until stdout has given exactly this.
    pub fn until_stdout(&self, wanted: &[u8]) {
        let start = Instant::now();
        while self.stdout_so_far() != wanted {
            if start.elapsed() > DEADLINE {
                self.fail("stdout does not give what is waited for");
            }
            thread::yield_now();
        }
    }

    pub fn stdout_so_far(&self) -> Vec<u8> {
        self.stdout.as_ref().map(Collected::so_far).unwrap_or_default()
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub fn write_stdin(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin
            .write_all(bytes)
            .and_then(|()| stdin.flush())
            .unwrap_or_else(|error| panic!("stdin of {}: {error}", self.line));
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Waits until it has a thread of this name, or has none.
    pub fn until_thread(&self, name: &str, is_there: bool) {
        let threads = format!("/proc/{}/task", self.pid.as_raw_nonzero());
        let names = || {
            let threads = std::fs::read_dir(&threads).unwrap().flatten();
            threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        };
        let start = Instant::now();
        while names().any(|found| found.trim_end() == name) != is_there {
            if start.elapsed() > DEADLINE {
                self.fail(&format!("thread {name:?}: there is none, or it does not end"));
            }
            thread::yield_now();
        }
    }

    /// Ends a server as a service manager does, and waits for that.
    #[track_caller]
    pub fn stop(self) -> Finished {
        self.signal(Signal::TERM);
        self.wait().status(0)
    }

    /// Waits for the end; a program that hangs is killed and fails the test.
    pub fn wait(mut self) -> Finished {
        self.wait_within(DEADLINE)
    }

    fn wait_within(&mut self, deadline: Duration) -> Finished {
        let mut child = self.child.take().unwrap();
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait()));
        let status = match ended.recv_timeout(deadline) {
            Ok(status) => status.unwrap(),
            Err(_) => {
                let _ = kill_process(self.pid, Signal::KILL);
                self.fail("it hangs");
            }
        };
        self.stdin = None;
        let stdout = self.stdout.take().map(|Collected { bytes, flaws, done, .. }| {
            done.join().unwrap();
            self.judged(&flaws);
            bytes.lock().unwrap().clone()
        });
        self.stderr.until_end();
        self.judged(&self.stderr.flaws);
        let stderr = String::from_utf8_lossy(&self.stderr.so_far()).into_owned();
        Finished { line: self.line.clone(), status, stdout: stdout.unwrap_or_default(), stderr }
    }

    fn fail(&self, why: &str) -> ! {
        let stdout = self.stdout_so_far();
        panic!(
            "{}\n{why}\nstdout ({} bytes): {}\nstderr: {}",
            self.line,
            stdout.len(),
            shown(&stdout),
            String::from_utf8_lossy(&self.stderr.so_far())
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            // What a test does not look at must be right too.
            for stream in self.stdout.iter().chain([&self.stderr]).filter(|stream| stream.judge.is_some()) {
                if !thread::panicking() {
                    stream.until_end();
                    self.judged(&stream.flaws);
                }
            }
        }
    }
}

/// A program that has ended.
pub struct Finished {
    line: String,
    status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Finished {
    /// The status as a shell gives it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    #[track_caller]
    pub fn status(self, wanted: i32) -> Self {
        assert!(self.code() == wanted, "status {} instead of {wanted}\n{}", self.code(), self.description());
        self
    }

    /// Exactly these bytes, whose difference is not printed whole.
    #[track_caller]
    pub fn stdout(self, wanted: &[u8]) -> Self {
        if self.stdout != wanted {
            let at = self.stdout.iter().zip(wanted).take_while(|(a, b)| a == b).count();
            panic!(
                "{} bytes instead of {}, the same up to {at}\n{}",
                self.stdout.len(),
                wanted.len(),
                self.description()
            );
        }
        self
    }

    /// The report of a probe on stdout without the times that it took: each line, to the first of them.
    pub fn untimed(&self) -> String {
        let is_time = |part: &str| {
            let part = part.strip_prefix("connect ").unwrap_or(part);
            part.starts_with(|c: char| c.is_ascii_digit()) && (part.ends_with(" ms") || part.ends_with(" s"))
        };
        let untimed = |line: &str| {
            let parts: Vec<_> = line.split(", ").take_while(|part| !is_time(part)).collect();
            parts.join(", ") + "\n"
        };
        std::str::from_utf8(&self.stdout).unwrap().lines().map(untimed).collect()
    }

    /// Nothing on stderr.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert!(self.stderr.is_empty(), "stderr is not empty\n{}", self.description());
        self
    }

    /// One line on stderr, with each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let said = self.stderr.trim_end();
        for part in parts {
            assert!(said.contains(part), "stderr does not say {part:?}\n{}", self.description());
        }
        let is_line = said.lines().count() == 1 && said.starts_with("astream: ");
        assert!(is_line && !said.contains("panicked"), "not one line\n{}", self.description());
        self
    }

    pub fn description(&self) -> String {
        format!(
            "{}\nstatus {}\nstdout ({} bytes): {}\nstderr: {}",
            self.line,
            self.code(),
            self.stdout.len(),
            shown(&self.stdout),
            self.stderr
        )
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(300)].escape_ascii().to_string()
}

/// Bytes without a pattern, so that no error of buffers is hidden; the same for the same length.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ len as u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
