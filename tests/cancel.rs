//! Every read may be cancelled at every byte of a stream that arrives one byte at a time, and nothing
//! is lost.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use astream::{Error, StreamReader, StreamWriter, pair};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

/// One call of a read method, polled once and then dropped.
type Once = fn(&mut StreamReader) -> Poll<Result<Bytes, Error>>;

fn once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Sends `data` byte by byte; before and after each byte, `read` is called and cancelled. Returns what the
/// calls that completed gave.
fn cancelled_at_every_byte(data: &[u8], read: Once) -> Vec<Bytes> {
    let ((mut reader, _ours), (_theirs, peer)) = pair(8);
    let mut given = Vec::new();
    for byte in data {
        assert!(gives(&mut reader, read, &mut given).is_pending(), "nothing is there");
        send(&peer, &[*byte]);
        while gives(&mut reader, read, &mut given).is_ready() {}
    }
    peer.write_eof();
    while gives(&mut reader, read, &mut given).is_ready() && !reader.at_eof() {}
    given
}

fn gives(reader: &mut StreamReader, read: Once, given: &mut Vec<Bytes>) -> Poll<()> {
    match read(reader) {
        Poll::Ready(Ok(bytes)) => {
            given.push(bytes);
            Poll::Ready(())
        }
        Poll::Ready(Err(Error::Incomplete { partial, .. })) => {
            given.push(partial);
            Poll::Ready(())
        }
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => Poll::Pending,
    }
}

fn send(peer: &StreamWriter, data: &[u8]) {
    peer.write(data);
    assert!(once(peer.drain()).is_ready(), "it has room");
}

const DATA: &[u8] = b"hello\nworld, this is\na stream\n\nwith a rest";

#[test]
fn readline_into_loses_nothing_and_leaves_nothing_behind() {
    let lines = cancelled_at_every_byte(DATA, |reader| {
        let mut line = Vec::new();
        let read = once(reader.readline_into(&mut line));
        assert!(read.is_ready() || line.is_empty());
        read.map_ok(|_| line.into())
    });
    assert_eq!(lines, [&b"hello\n"[..], b"world, this is\n", b"a stream\n", b"\n", b"with a rest"]);
}

#[test]
fn readline_loses_nothing() {
    let lines = cancelled_at_every_byte(DATA, |reader| {
        once(async { Ok(reader.readline().await?.unwrap_or_default()) })
    });
    assert_eq!(lines, [&b"hello\n"[..], b"world, this is\n", b"a stream\n", b"\n", b"with a rest"]);
}

#[test]
fn lines_lose_nothing() {
    let lines = cancelled_at_every_byte(DATA, |reader| {
        once(async { reader.readlines().next().await.unwrap_or(Ok(Bytes::new())) })
    });
    assert_eq!(lines.concat(), DATA);
    assert_eq!(lines.len(), 5);
}

#[test]
fn readuntil_loses_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| once(reader.readuntil(b"is")));
    assert_eq!(parts, [&b"hello\nworld, this"[..], b" is", b"\na stream\n\nwith a rest"]);
}

#[test]
fn readuntil_any_loses_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| once(reader.readuntil_any(&[b", ", b"\n\n"])));
    assert_eq!(parts, [&b"hello\nworld, "[..], b"this is\na stream\n\n", b"with a rest"]);
}

#[test]
fn readexactly_loses_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| once(reader.readexactly(10)));
    assert_eq!(parts.concat(), DATA);
    assert!(parts[..4].iter().all(|part| part.len() == 10), "{parts:?}");
}

#[test]
fn read_loses_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| once(reader.read(3)));
    assert_eq!(parts.concat(), DATA);
}

#[test]
fn read_to_end_loses_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| once(reader.read_to_end()));
    assert_eq!(parts, [DATA]);
}

#[test]
fn async_read_and_async_buf_read_lose_nothing() {
    let parts = cancelled_at_every_byte(DATA, |reader| {
        once(async {
            let mut chunk = [0; 7];
            let n = reader.read_exact(&mut chunk[..1]).await.map_or(0, |n| n);
            Ok(Bytes::copy_from_slice(&chunk[..n]))
        })
    });
    assert_eq!(parts.concat(), DATA);
    let parts = cancelled_at_every_byte(DATA, |reader| {
        once(async {
            let data = Bytes::copy_from_slice(reader.fill_buf().await.map_err(|_| Error::Closed)?);
            Pin::new(&mut *reader).consume(data.len());
            Ok(data)
        })
    });
    assert_eq!(parts.concat(), DATA);
}

#[test]
fn a_cancelled_method_and_another_read_the_same_stream() {
    let ((mut reader, _ours), (_theirs, peer)) = pair(8);
    send(&peer, b"ab");
    assert!(once(reader.readexactly(3)).is_pending());
    assert!(once(reader.readline()).is_pending());
    assert!(once(reader.read_to_end()).is_pending());
    assert_eq!(reader.buffer(), b"ab");
    send(&peer, b"c\n");
    let Poll::Ready(Ok(Some(line))) = once(reader.readline()) else { panic!("the line is there") };
    assert_eq!(&line[..], b"abc\n");
}
