//! stdout, written by a thread of its own: the process that reads it may be slow, and its descriptor, which
//! others share, must not be made non-blocking.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::mpsc as thread_channel;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::no_thread;
use super::visible::Visible;
use crate::error::Error;
use crate::relay::Fault;
use crate::transport::Watched;
use crate::transport::blocking::write_all;

/// How many bytes are written at once.
const CHUNK: usize = 64 * 1024;

/// How many chunks wait to be written at most.
const CHUNKS: usize = 4;

/// How long the peer's end may still take after the reader of stdout has gone.
const FAREWELL: Duration = Duration::from_millis(500);

/// stdout as a stream. `flush` waits until everything is written; `shutdown` also closes stdout, unless it is
/// shared, so that its reader sees the end.
pub(crate) struct Output {
    sink: Sink,
    is_shared: bool,
    /// The text that is written, where stdout is a terminal: each peer has one of its own.
    text: Option<Visible>,
    spare: Vec<Vec<u8>>,
    on_the_way: usize,
    report: Report,
    done: mpsc::UnboundedReceiver<Result<Vec<u8>, Errno>>,
}

/// Makes an output for each of several connections.
pub(super) type Outputs = Box<dyn Fn() -> Output + Send + Sync>;

enum Sink {
    /// Not written yet.
    Stdout,
    Thread(thread_channel::Sender<Work>),
    Nowhere,
    /// Shut down.
    Closed,
}

/// A chunk to write, and where to report what became of it.
type Work = (Vec<u8>, Report);
type Report = mpsc::UnboundedSender<Result<Vec<u8>, Errno>>;

impl Output {
    /// As text for a terminal if `is_visible`, otherwise byte for byte.
    pub(crate) fn stdout(is_visible: bool) -> Self {
        Self::to(Sink::Stdout, false, is_visible)
    }

    /// An output that drops what it is given.
    pub(crate) fn nowhere() -> Self {
        Self::to(Sink::Nowhere, false, false)
    }

    /// Outputs that all write to stdout, each chunk as a whole.
    pub(super) fn for_several(is_visible: bool) -> Result<Outputs, Error> {
        let work = start()?;
        Ok(Box::new(move || Self::to(Sink::Thread(work.clone()), true, is_visible)))
    }

    fn to(sink: Sink, is_shared: bool, is_visible: bool) -> Self {
        let (report, done) = mpsc::unbounded_channel();
        let text = is_visible.then(Visible::default);
        Self { sink, is_shared, text, spare: Vec::new(), on_the_way: 0, report, done }
    }

    /// Writes `data` as a text of its own.
    pub(super) async fn write_text(&mut self, data: &[u8]) -> io::Result<()> {
        self.write_all(data).await?;
        self.end_text()
    }

    /// Writes what the text has begun and does not complete.
    fn end_text(&mut self) -> io::Result<()> {
        let (Some(text), Sink::Thread(work)) = (&mut self.text, &self.sink) else { return Ok(()) };
        let mut rest = Vec::new();
        text.end(&mut rest);
        if !rest.is_empty() {
            work.send((rest, self.report.clone())).map_err(|_| thread_failed())?;
            self.on_the_way += 1;
        }
        Ok(())
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

/// Starts the thread. After an error it goes on, and reports the error for every chunk.
fn start() -> Result<thread_channel::Sender<Work>, Error> {
    let (work, chunks) = thread_channel::channel::<Work>();
    let started = std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        let mut state = Ok(());
        for (chunk, report) in chunks {
            state = state.and_then(|()| write_all(rustix::stdio::stdout(), &chunk, || ()));
            // An output that is gone need not know.
            let _ = report.send(state.map(|()| chunk));
        }
    });
    started.map_err(no_thread)?;
    Ok(work)
}

fn thread_failed() -> io::Error {
    io::Error::other("the thread that writes it failed")
}

/// Closes stdout, so that the process that reads it sees the end. Its number leads to a pipe that cannot be written
/// to: /dev/null may not be there.
pub(super) fn close_stdout() {
    // Without a free descriptor the reader sees the end when the process ends.
    if let Ok((unwritable, _)) = io::pipe() {
        let _ = rustix::stdio::dup2_stdout(&unwritable);
    }
}

/// Waits until stdout has no reader any more, if that can be known. The peer's end may be on its way, which
/// needs no reader: it has a moment. Where nothing is received it is never.
pub(super) async fn reader_gone(receives: bool) -> Fault {
    let stdout = rustix::stdio::stdout();
    let kind = fstat(stdout).map(|stat| FileType::from_raw_mode(stat.st_mode));
    let has_reader = matches!(kind, Ok(FileType::Fifo | FileType::Socket));
    if receives
        && has_reader
        && let Ok(watched) = Watched::for_failure(stdout)
        && watched.broken().await.is_ok()
    {
        sleep(FAREWELL).await;
        return Fault::Write(ErrorKind::BrokenPipe.into());
    }
    pending().await
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let output = self.get_mut();
        if matches!(output.sink, Sink::Stdout) {
            output.sink = Sink::Thread(start()?);
        }
        while output.on_the_way >= CHUNKS {
            ready!(output.poll_done(cx))?;
        }
        match &output.sink {
            Sink::Nowhere => Poll::Ready(Ok(data.len())),
            Sink::Thread(work) => {
                let mut chunk = output.spare.pop().unwrap_or_default();
                chunk.clear();
                let data = &data[..data.len().min(CHUNK)];
                match &mut output.text {
                    Some(text) => text.show(data, &mut chunk),
                    None => chunk.extend_from_slice(data),
                }
                work.send((chunk, output.report.clone())).map_err(|_| thread_failed())?;
                output.on_the_way += 1;
                Poll::Ready(Ok(data.len()))
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
        self.end_text()?;
        ready!(self.as_mut().poll_flush(cx))?;
        if !self.is_shared && matches!(self.sink, Sink::Stdout | Sink::Thread(_)) {
            self.sink = Sink::Closed;
            close_stdout();
        }
        Poll::Ready(Ok(()))
    }
}
