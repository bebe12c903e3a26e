//! stdin, read by a thread of its own: it may be a file, a terminal or a pipe that is silent for ever, and
//! its descriptor, which is shared with other processes, must not be made non-blocking.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc as thread_channel;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use rustix::fs::{FileType, fstat};
use rustix::stdio::stdin;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use super::crlf::Crlf;
use super::no_thread;
use crate::datagram::MAX_DATAGRAM;
use crate::error::Error;
use crate::relay::{Fault, Intake, Stop};
use crate::stream::{Direction, read_buffered};
use crate::transport::Watched;

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;

/// How many chunks wait to be sent at most.
const CHUNKS: usize = 4;

/// stdin as a stream. Nothing is read before the first poll.
pub(crate) struct Input {
    source: Source,
    chunk: Vec<u8>,
    at: usize,
    crlf: Option<Crlf>,
    ended: bool,
    /// How many bytes are read at once.
    most: usize,
}

enum Source {
    /// Not read yet.
    Stdin,
    Thread(Thread),
    Nothing,
}

struct Thread {
    intake: Arc<Intake>,
    empty: thread_channel::Sender<Vec<u8>>,
    filled: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
}

/// Where chunks go that were read.
type Filled = mpsc::UnboundedSender<io::Result<Vec<u8>>>;

impl Input {
    /// stdin, with CRLF for LF if `crlf`.
    pub(crate) fn stdin(crlf: bool) -> Self {
        // nohup opens /dev/null for writing only.
        if stdin_is_null() {
            return Self::nothing();
        }
        Self { source: Source::Stdin, crlf: crlf.then(Crlf::default), ..Self::nothing() }
    }

    /// The same for messages: each chunk is one, which a datagram can hold also after that.
    pub(crate) fn messages(crlf: bool) -> Self {
        Self { most: if crlf { MAX_DATAGRAM / 2 } else { MAX_DATAGRAM }, ..Self::stdin(crlf) }
    }

    /// An input that has ended.
    pub(crate) fn nothing() -> Self {
        Self { source: Source::Nothing, chunk: Vec::new(), at: 0, crlf: None, ended: false, most: CHUNK }
    }

    /// Ends reading. Fails if something that was read was not consumed, or if something is left to be read.
    pub(crate) async fn leave(&mut self) -> Result<(), Stop> {
        let is_consumed = self.at == self.chunk.len();
        match &mut self.source {
            Source::Thread(thread) => thread.leave(is_consumed).await,
            Source::Stdin => Intake::new(stdin()).leave().await,
            Source::Nothing => Ok(()),
        }
    }

    /// The next bytes that are read; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let data = self.fill_buf().await.map_err(|cause| Error::from_local("read stdin", cause))?;
        let chunk = Bytes::copy_from_slice(data);
        self.consume(chunk.len());
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    fn thread(&mut self) -> io::Result<Option<&mut Thread>> {
        if matches!(self.source, Source::Stdin) {
            self.source = Source::Thread(Thread::start(self.most)?);
        }
        match &mut self.source {
            Source::Thread(thread) => Ok(Some(thread)),
            Source::Stdin | Source::Nothing => Ok(None),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(thread) = self.thread()? else {
            self.ended = true;
            return Poll::Ready(Ok(()));
        };
        let chunk = match ready!(thread.filled.poll_recv(cx)) {
            Some(read) => read?,
            None => return Poll::Ready(Err(io::Error::other("the thread that reads it failed"))),
        };
        self.at = 0;
        self.ended = chunk.is_empty();
        self.chunk = match &mut self.crlf {
            Some(crlf) => crlf.translate(&chunk),
            None => chunk,
        };
        Poll::Ready(Ok(()))
    }
}

impl Thread {
    fn start(most: usize) -> io::Result<Self> {
        let (empty, empties) = thread_channel::channel();
        let (filled_sender, filled) = mpsc::unbounded_channel();
        for _ in 0..CHUNKS {
            // The receiver exists.
            let _ = empty.send(Vec::new());
        }
        let intake = Arc::new(Intake::new(stdin()));
        let own = Arc::clone(&intake);
        let started = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            for buffer in empties {
                if !read_chunk(&own, (buffer, most), &filled_sender) {
                    return;
                }
            }
        });
        started.map_err(no_thread)?;
        Ok(Self { intake, empty, filled })
    }

    async fn leave(&mut self, is_consumed: bool) -> Result<(), Stop> {
        self.intake.leave().await?;
        match self.filled.try_recv() {
            Ok(Err(error)) => Err(Stop::Read(Direction::Sent, error)),
            Ok(Ok(chunk)) if !chunk.is_empty() => Err(Stop::Left),
            _ => is_consumed.then_some(()).ok_or(Stop::Left),
        }
    }
}

/// Reads a chunk and sends it to `filled`; false if it is the last one.
fn read_chunk(intake: &Intake, (mut buffer, most): (Vec<u8>, usize), filled: &Filled) -> bool {
    buffer.resize(most, 0);
    let read = intake.wait().map_err(|error| Fault::Read(error.into())).and_then(|()| {
        intake.take(|| {
            let n = intake.read(&mut buffer).map_err(|error| Fault::Read(error.into()))?;
            buffer.truncate(n);
            filled.send(Ok(buffer)).map(|()| n > 0).map_err(|_| Fault::Write(ErrorKind::BrokenPipe.into()))
        })
    });
    match read {
        Ok(goes_on) => goes_on == Some(true),
        Err(Fault::Read(error) | Fault::Write(error)) => {
            // An input that is gone need not know.
            let _ = filled.send(Err(error));
            false
        }
    }
}

impl AsyncBufRead for Input {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let input = self.get_mut();
        while input.at == input.chunk.len() && !input.ended {
            ready!(input.poll_next(cx))?;
        }
        Poll::Ready(Ok(&input.chunk[input.at..]))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let input = self.get_mut();
        input.at += amount;
        if amount > 0 && input.at == input.chunk.len() {
            input.at = 0;
            let chunk = std::mem::take(&mut input.chunk);
            if let Source::Thread(thread) = &mut input.source {
                // A thread that has met the end takes no more.
                let _ = thread.empty.send(chunk);
            }
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_buffered(self, cx, buf)
    }
}

/// Waits until stdin has data or is at its end.
pub(super) async fn is_there() {
    // A file, which cannot be watched, is always ready.
    if let Ok(watched) = Watched::for_reading(stdin()) {
        let _ = watched.readable().await;
    }
}

/// Whether stdin is /dev/null, or was closed, which the runtime turns into /dev/null.
pub fn stdin_is_null() -> bool {
    let Ok(stdin) = fstat(stdin()) else { return false };
    FileType::from_raw_mode(stdin.st_mode) == FileType::CharacterDevice && is_null(stdin.st_rdev)
}

/// By the number of the device: the file may not exist.
#[cfg(target_os = "linux")]
fn is_null(device: rustix::fs::Dev) -> bool {
    device == rustix::fs::makedev(1, 3)
}

#[cfg(not(target_os = "linux"))]
fn is_null(device: rustix::fs::Dev) -> bool {
    rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == device)
}
