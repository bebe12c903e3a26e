//! Connections that are lost: the data first, then the error, at every call.

use std::io::ErrorKind;

use astream::{ConnectOptions, Endpoint, Error, StreamReader, open_connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use crate::streams_support::{End, reset, soon, with_bare_peer};

/// A client whose peer sent `data` and reset the connection.
async fn reset_after(data: &[u8]) -> End {
    let (client, mut peer) = with_bare_peer(&ConnectOptions::new()).await;
    peer.write_all(data).await.unwrap();
    reset(peer);
    client
}

fn is_reset(error: &Error) -> bool {
    matches!(error, Error::Lost { cause, .. } if cause.kind() == ErrorKind::ConnectionReset)
}

async fn assert_every_read_is_reset(reader: &mut StreamReader) {
    for _ in 0..2 {
        assert!(is_reset(&reader.read(1).await.unwrap_err()));
        assert!(is_reset(&reader.read_to_end().await.unwrap_err()));
        assert!(is_reset(&reader.readexactly(1).await.unwrap_err()));
        assert!(is_reset(&reader.readline().await.unwrap_err()));
        assert!(is_reset(&reader.readuntil(b"x").await.unwrap_err()));
        let error = AsyncReadExt::read(reader, &mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(is_reset(&error.downcast().unwrap()));
    }
    assert_eq!(reader.read(0).await.unwrap(), "");
    assert!(!reader.at_eof(), "an error is no end");
}

#[tokio::test]
async fn a_reset_is_reported_after_the_data_and_at_each_call() {
    let (mut reader, _writer) = reset_after(b"tail").await;
    assert_eq!(reader.read(2).await.unwrap(), "ta");
    assert_eq!(reader.read(100).await.unwrap(), "il");
    assert_every_read_is_reset(&mut reader).await;
}

#[tokio::test]
async fn a_reset_is_reported_after_the_data_over_a_unix_socket_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (endpoint, options) = (Endpoint::Unix(path), ConnectOptions::new());
    let (client, peer) = tokio::join!(open_connection(&endpoint, &options), listener.accept());
    let ((mut reader, writer), (mut peer, _)) = (client.unwrap(), peer.unwrap());
    writer.write(b"never read: it makes a reset of the close");
    peer.write_all(b"tail").await.unwrap();
    drop(peer);
    assert_eq!(reader.readexactly(4).await.unwrap(), "tail");
    assert_every_read_is_reset(&mut reader).await;
}

#[tokio::test]
async fn what_came_before_a_reset_stays_for_read_where_it_is_less_than_was_asked_for() {
    let (mut reader, _writer) = reset_after(b"line\npartial").await;
    assert_eq!(reader.readline().await.unwrap().unwrap(), "line\n");
    assert!(is_reset(&reader.readline().await.unwrap_err()));
    assert!(is_reset(&reader.readexactly(100).await.unwrap_err()));
    assert!(is_reset(&reader.readuntil(b"x").await.unwrap_err()));
    assert!(is_reset(&reader.read_to_end().await.unwrap_err()));
    assert_eq!(reader.readexactly(4).await.unwrap(), "part");
    assert_eq!(reader.read(100).await.unwrap(), "ial");
    assert_every_read_is_reset(&mut reader).await;
}

#[tokio::test]
async fn a_loop_of_write_and_drain_ends_after_a_reset() {
    let (_reader, writer) = reset_after(b"").await;
    let sending = async {
        loop {
            writer.write(&[0; 1000]);
            if let Err(error) = writer.drain().await {
                return error;
            }
        }
    };
    assert!(matches!(soon("the error", sending).await, Error::Lost { doing: "writing", .. }));
    for _ in 0..2 {
        assert!(matches!(writer.drain().await, Err(Error::Lost { doing: "writing", .. })));
        assert!(matches!(writer.wait_closed().await, Err(Error::Lost { doing: "writing", .. })));
    }
}

#[tokio::test]
async fn drain_and_wait_closed_return_the_error_that_the_reader_met() {
    let (mut reader, mut writer) = reset_after(b"").await;
    writer.drain().await.unwrap();
    assert!(is_reset(&reader.read(1).await.unwrap_err()));
    for _ in 0..2 {
        let error = writer.drain().await.unwrap_err();
        assert!(matches!(error, Error::Lost { doing: "reading", .. }) && is_reset(&error), "{error:?}");
    }
    assert_eq!(writer.write_all(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(writer.flush().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(is_reset(&writer.wait_closed().await.unwrap_err()));
    assert!(is_reset(&writer.drain().await.unwrap_err()), "also after it was closed");
}

#[tokio::test]
async fn wait_closed_reports_a_reset_that_was_not_read() {
    let (_reader, writer) = reset_after(b"unread").await;
    assert!(is_reset(&writer.wait_closed().await.unwrap_err()));
}

#[tokio::test]
async fn wait_closed_reports_a_reset_that_came_while_it_waited_and_at_each_call() {
    let ((_reader, writer), mut peer) = with_bare_peer(&ConnectOptions::new()).await;
    let (closed, ()) = tokio::join!(writer.wait_closed(), async {
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
        reset(peer);
    });
    assert!(is_reset(&closed.unwrap_err()));
    assert!(is_reset(&writer.wait_closed().await.unwrap_err()));
    assert!(is_reset(&writer.drain().await.unwrap_err()));
}

/// Writes until the system says that the connection is lost.
async fn write_until_lost((_, writer): &End) -> Error {
    let lost = async {
        loop {
            writer.write(b"x");
            if let Err(error) = writer.drain().await {
                return error;
            }
        }
    };
    soon("the error", lost).await
}

#[tokio::test]
async fn a_reset_that_the_writer_meets_first_is_no_clean_end_for_the_reader() {
    // The system reports it only once, and after that an end.
    let mut client = reset_after(b"tail").await;
    assert!(is_reset(&write_until_lost(&client).await));
    assert_eq!(client.0.readexactly(4).await.unwrap(), "tail");
    assert_every_read_is_reset(&mut client.0).await;
}

#[tokio::test]
async fn a_peer_that_ended_and_then_takes_no_more_has_ended_cleanly() {
    let (mut client, mut peer) = with_bare_peer(&ConnectOptions::new()).await;
    peer.write_all(b"all").await.unwrap();
    drop(peer);
    let error = write_until_lost(&client).await;
    assert!(matches!(error, Error::Lost { doing: "writing", .. }), "{error:?}");
    assert_eq!(client.0.read_to_end().await.unwrap(), "all");
    assert!(client.0.at_eof());
}
