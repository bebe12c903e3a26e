//! What a line costs: `StreamReader` beside tokio's own readers, all over the same stream in memory.

use std::io;

use astream::{Error, StreamReader, StreamWriter, pair};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

const LINE: usize = 64;
const LINES: usize = 16 * 1024;

/// What a reader asks for at once; `StreamReader` does the same.
const READ_SIZE: usize = 64 * 1024;

fn main() {
    divan::Divan::default().sample_count(300).sample_size(1).config_with_args().main();
}

/// Lines of 64 bytes that end with `end`.
fn data(end: &[u8]) -> Vec<u8> {
    let text = (b' '..=b'~').cycle();
    let mut line: Vec<u8> = text.take(LINE - end.len()).collect();
    line.extend_from_slice(end);
    line.repeat(LINES)
}

/// A stream that holds all the lines, and its end.
async fn stream(end: &[u8]) -> DuplexStream {
    let (near, mut far) = duplex(LINE * LINES);
    far.write_all(&data(end)).await.expect("it has room");
    near
}

async fn buffered() -> BufReader<DuplexStream> {
    BufReader::with_capacity(READ_SIZE, stream(b"\n").await)
}

/// The same beneath a `StreamReader`.
async fn memory(end: &[u8]) -> (StreamReader, StreamWriter) {
    let (near, (_, writer)) = pair(LINE * LINES);
    writer.write(&data(end));
    writer.write_eof();
    writer.drain().await.expect("it has room");
    near
}

/// Measures `read`, which reads all that `source` holds, and says how many lines that were.
fn measure<S, E: std::fmt::Debug>(
    bencher: Bencher,
    source: impl AsyncFn() -> S,
    read: impl AsyncFn(&mut S) -> Result<usize, E>,
) {
    let runtime = &Builder::new_current_thread().build().expect("a runtime");
    bencher
        .counter(BytesCount::new(LINE * LINES))
        .counter(ItemsCount::new(LINES))
        .with_inputs(move || runtime.block_on(source()))
        .bench_local_refs(move |source| assert_eq!(runtime.block_on(read(source)).expect("lines"), LINES));
}

#[divan::bench]
fn astream_readline(bencher: Bencher) {
    measure(
        bencher,
        async || memory(b"\n").await,
        async |(reader, _)| -> Result<_, Error> {
            let mut lines = 0;
            while let Some(line) = reader.readline().await? {
                black_box(&line);
                lines += 1;
            }
            Ok(lines)
        },
    );
}

#[divan::bench]
fn astream_readline_into(bencher: Bencher) {
    measure(
        bencher,
        async || memory(b"\n").await,
        async |(reader, _)| -> Result<_, Error> {
            let mut line = Vec::with_capacity(LINE);
            let mut lines = 0;
            while reader.readline_into(&mut line).await? > 0 {
                black_box(&line);
                line.clear();
                lines += 1;
            }
            Ok(lines)
        },
    );
}

#[divan::bench]
fn astream_lines(bencher: Bencher) {
    measure(
        bencher,
        async || memory(b"\n").await,
        async |(reader, _)| -> Result<_, Error> {
            let mut lines = reader.readlines();
            let mut count = 0;
            while let Some(line) = lines.next().await {
                black_box(&line?);
                count += 1;
            }
            Ok(count)
        },
    );
}

#[divan::bench]
fn astream_readuntil(bencher: Bencher) {
    astream_until(bencher, b"\n");
}

#[divan::bench]
fn astream_readuntil_into(bencher: Bencher) {
    measure(
        bencher,
        async || memory(b"\n").await,
        async |(reader, _)| -> Result<_, Error> {
            let mut line = Vec::with_capacity(LINE);
            for _ in 0..LINES {
                reader.readuntil_into(b"\n", &mut line).await?;
                black_box(&line);
                line.clear();
            }
            Ok(LINES)
        },
    );
}

#[divan::bench]
fn tokio_read_until(bencher: Bencher) {
    measure(bencher, buffered, async |reader| -> io::Result<_> {
        let mut line = Vec::with_capacity(LINE);
        let mut lines = 0;
        while reader.read_until(b'\n', &mut line).await? > 0 {
            black_box(&line);
            line.clear();
            lines += 1;
        }
        Ok(lines)
    });
}

#[divan::bench]
fn tokio_read_line(bencher: Bencher) {
    measure(bencher, buffered, async |reader| -> io::Result<_> {
        let mut line = String::with_capacity(LINE);
        let mut lines = 0;
        while reader.read_line(&mut line).await? > 0 {
            black_box(&line);
            line.clear();
            lines += 1;
        }
        Ok(lines)
    });
}

#[divan::bench]
fn tokio_lines(bencher: Bencher) {
    let source = async || buffered().await.lines();
    measure(bencher, source, async |lines| -> io::Result<_> {
        let mut count = 0;
        while let Some(line) = lines.next_line().await? {
            black_box(&line);
            count += 1;
        }
        Ok(count)
    });
}

#[divan::bench]
fn tokio_util_lines_codec(bencher: Bencher) {
    let source = async || FramedRead::with_capacity(stream(b"\n").await, LinesCodec::new(), READ_SIZE);
    measure(bencher, source, async |lines| -> Result<_, LinesCodecError> {
        let mut count = 0;
        while let Some(line) = lines.next().await {
            black_box(&line?);
            count += 1;
        }
        Ok(count)
    });
}

#[divan::bench]
fn astream_readuntil_crlf(bencher: Bencher) {
    astream_until(bencher, b"\r\n");
}

fn astream_until(bencher: Bencher, separator: &[u8]) {
    measure(
        bencher,
        async || memory(separator).await,
        async |(reader, _)| -> Result<_, Error> {
            for _ in 0..LINES {
                black_box(&reader.readuntil(separator).await?);
            }
            Ok(LINES)
        },
    );
}

#[divan::bench]
fn astream_readexactly(bencher: Bencher) {
    measure(
        bencher,
        async || memory(b"\n").await,
        async |(reader, _)| -> Result<_, Error> {
            for _ in 0..LINES {
                black_box(&reader.readexactly(LINE).await?);
            }
            Ok(LINES)
        },
    );
}

#[divan::bench]
fn tokio_read_exact(bencher: Bencher) {
    measure(bencher, buffered, async |reader| -> io::Result<_> {
        let mut record = [0; LINE];
        for _ in 0..LINES {
            reader.read_exact(&mut record).await?;
            black_box(&record);
        }
        Ok(LINES)
    });
}
