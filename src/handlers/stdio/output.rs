//! stdout, written by a thread of its own: whoever reads it may be slow, and its descriptor, which
//! others share, must not be made non-blocking.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::mpsc as thread_channel;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use crate::transport::blocking::write_all;

/// How much is written at once.
const CHUNK: usize = 64 * 1024;

/// How many chunks are on the way at most.
const CHUNKS: usize = 4;

/// stdout as a stream. Its `flush` waits until everything is written; its `shutdown` closes it too,
/// so that whoever reads it sees the end, unless it is shared.
pub(crate) struct Output {
    sink: Sink,
    is_shared: bool,
    spare: Vec<Vec<u8>>,
    on_the_way: usize,
    report: Report,
    done: mpsc::UnboundedReceiver<Result<Vec<u8>, Errno>>,
}

enum Sink {
    /// Not written yet.
    Stdout,
    Thread(thread_channel::Sender<Work>),
    Nowhere,
    /// Shut down.
    Closed,
}

/// A chunk to write, and whom to tell.
type Work = (Vec<u8>, Report);
type Report = mpsc::UnboundedSender<Result<Vec<u8>, Errno>>;

impl Output {
    pub(crate) fn stdout() -> Self {
        Self::to(Sink::Stdout, false)
    }

    /// An output that drops what it is given.
    pub(crate) fn nowhere() -> Self {
        Self::to(Sink::Nowhere, false)
    }

    /// Outputs that all lead to stdout, each chunk whole.
    pub(crate) fn shared() -> io::Result<impl Fn() -> Self> {
        let work = start()?;
        Ok(move || Self::to(Sink::Thread(work.clone()), true))
    }

    fn to(sink: Sink, is_shared: bool) -> Self {
        let (report, done) = mpsc::unbounded_channel();
        Self { sink, is_shared, spare: Vec::new(), on_the_way: 0, report, done }
    }

    /// Waits for one chunk to be written.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = ready!(self.done.poll_recv(cx));
        self.on_the_way -= 1;
        match written {
            Some(Ok(chunk)) => self.spare.push(chunk),
            Some(Err(error)) => return Poll::Ready(Err(error.into())),
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}

/// Starts the thread. It goes on after an error, giving that to everybody.
fn start() -> io::Result<thread_channel::Sender<Work>> {
    let (work, chunks) = thread_channel::channel::<Work>();
    std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        let mut state = Ok(());
        for (chunk, report) in chunks {
            state = state.and_then(|()| write_all(rustix::stdio::stdout(), &chunk, || ()));
            // Whoever is gone need not know.
            let _ = report.send(state.map(|()| chunk));
        }
    })?;
    Ok(work)
}

/// Lets go of stdout, which stays open for nobody: its number leads to /dev/null.
pub(super) fn close_stdout() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&null)?)
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let output = self.get_mut();
        if matches!(output.sink, Sink::Stdout) {
            output.sink = Sink::Thread(start()?);
        }
        while output.on_the_way == CHUNKS {
            ready!(output.poll_done(cx))?;
        }
        match &output.sink {
            Sink::Nowhere => Poll::Ready(Ok(data.len())),
            Sink::Thread(work) => {
                let mut chunk = output.spare.pop().unwrap_or_default();
                chunk.clear();
                chunk.extend_from_slice(&data[..data.len().min(CHUNK)]);
                let n = chunk.len();
                work.send((chunk, output.report.clone()))
                    .map_err(|_| io::Error::other("the thread that writes it failed"))?;
                output.on_the_way += 1;
                Poll::Ready(Ok(n))
            }
            Sink::Stdout | Sink::Closed => Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let output = self.get_mut();
        while output.on_the_way > 0 {
            ready!(output.poll_done(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        if !self.is_shared && matches!(self.sink, Sink::Stdout | Sink::Thread(_)) {
            self.sink = Sink::Closed;
            close_stdout()?;
        }
        Poll::Ready(Ok(()))
    }
}
