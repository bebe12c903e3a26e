//! stdin, read by a thread of its own: it may be a file, a terminal or a pipe that stays silent for
//! ever, and its descriptor, which others share, must not be made non-blocking.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as thread_channel;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::sync::mpsc;

use super::crlf::Crlf;
use crate::transport::blocking::read;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// How many chunks are on the way at most.
const CHUNKS: usize = 4;

/// stdin as a stream. Nothing is read before the first poll.
pub(crate) struct Input {
    source: Source,
    chunk: Vec<u8>,
    at: usize,
    crlf: Option<Crlf>,
    ended: bool,
}

enum Source {
    /// Not read yet.
    Stdin,
    Thread(Thread),
    Nothing,
}

struct Thread {
    empty: thread_channel::Sender<Vec<u8>>,
    filled: mpsc::UnboundedReceiver<io::Result<Vec<u8>>>,
    /// Chunks with data that the thread has read.
    filled_chunks: Arc<AtomicUsize>,
    /// Those of them that were consumed whole.
    consumed: usize,
}

impl Input {
    /// stdin, with CRLF for LF if `crlf`.
    pub(crate) fn stdin(crlf: bool) -> Self {
        // nohup opens it for writing only.
        if stdin_is_null() {
            return Self::nothing();
        }
        Self { source: Source::Stdin, crlf: crlf.then(Crlf::default), ..Self::nothing() }
    }

    /// An input that has ended.
    pub(crate) fn nothing() -> Self {
        Self { source: Source::Nothing, chunk: Vec::new(), at: 0, crlf: None, ended: false }
    }

    /// Whether everything that stdin has given was consumed, and nothing more is there right now.
    pub(crate) fn is_delivered(&self) -> bool {
        match &self.source {
            Source::Thread(thread) => {
                stdin_is_empty() && thread.filled_chunks.load(Ordering::Acquire) == thread.consumed
            }
            Source::Stdin => stdin_is_empty(),
            Source::Nothing => true,
        }
    }

    fn thread(&mut self) -> io::Result<Option<&mut Thread>> {
        if matches!(self.source, Source::Stdin) {
            self.source = Source::Thread(Thread::start()?);
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
    fn start() -> io::Result<Self> {
        let (empty, empties) = thread_channel::channel();
        let (filled_sender, filled) = mpsc::unbounded_channel();
        for _ in 0..CHUNKS {
            // The receiver is right here.
            let _ = empty.send(Vec::new());
        }
        let filled_chunks = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&filled_chunks);
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            for buffer in empties {
                let filled = read_chunk(buffer);
                let is_last = filled.as_ref().map_or(true, Vec::is_empty);
                if !is_last {
                    counter.fetch_add(1, Ordering::Release);
                }
                if filled_sender.send(filled).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { empty, filled, filled_chunks, consumed: 0 })
    }
}

fn read_chunk(mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    buffer.resize(CHUNK, 0);
    let n = read(rustix::stdio::stdin(), &mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
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
                thread.consumed += 1;
                // A thread that has met its end takes no more.
                let _ = thread.empty.send(chunk);
            }
        }
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let data = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = data.len().min(buf.remaining());
        buf.put_slice(&data[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

/// Whether stdin has nothing to give right now.
pub(super) fn stdin_is_empty() -> bool {
    rustix::io::ioctl_fionread(rustix::stdio::stdin()).map_or(true, |n| n == 0)
}

/// Whether stdin is /dev/null, or was closed, which the runtime turns into /dev/null.
pub fn stdin_is_null() -> bool {
    use std::os::unix::fs::MetadataExt;
    let null = std::fs::metadata("/dev/null").map(|meta| meta.rdev());
    let stdin = rustix::fs::fstat(rustix::stdio::stdin());
    let is_device = |mode| rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::CharacterDevice;
    match (null, stdin) {
        (Ok(null), Ok(stdin)) => is_device(stdin.st_mode) && stdin.st_rdev == null,
        _ => false,
    }
}
