//! `abort`: at once, final, and never an end that looks clean; and the guard that calls it.

use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::sync::Arc;

use astream::{ConnectOptions, Error, StreamWriter, open_connection};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::streams_support::{ALL, End, Over, assert_cut, over, pattern, plenty, soon, with_bare_peer};

/// The transports over which an abort differs from an end.
const CUTTING: [Over; 2] = [Over::Tcp, Over::Tls];

/// Everything that could undo an abort.
const AFTERWARDS: [fn(StreamWriter); 7] = [
    |writer| {
        let closed = writer.wait_closed().now_or_never();
        assert!(matches!(closed, Some(Err(Error::Closed))), "{closed:?}");
    },
    |writer| writer.close(),
    |writer| writer.write_eof(),
    |mut writer| assert!(writer.shutdown().now_or_never().unwrap().is_err()),
    |writer| {
        writer.write(b"more");
        writer.writelines([b"and more".as_slice()]);
        assert!(matches!(writer.drain().now_or_never(), Some(Err(Error::Closed))));
    },
    |mut writer| assert!(writer.write_all(b"more").now_or_never().unwrap().is_err()),
    drop,
];

#[tokio::test]
async fn nothing_that_follows_undoes_an_abort() {
    for afterwards in AFTERWARDS {
        over(&CUTTING, async |(reader, writer), (mut peer, _peer_writer)| {
            writer.write(b"some");
            assert_eq!(peer.readexactly(4).await.unwrap(), "some");
            writer.abort();
            afterwards(writer);
            assert_cut(&mut peer, b"").await;
            drop(reader);
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_waits_for_what_an_aborted_connection_had_queued() {
    for afterwards in AFTERWARDS {
        over(&[Over::Tcp, Over::Unix, Over::Memory], async |(_reader, writer), _peer| {
            writer.write(&plenty(&writer));
            writer.abort();
            afterwards(writer);
        })
        .await;
    }
}

#[tokio::test]
async fn an_abort_after_the_end_is_seen_by_a_peer_that_still_sends() {
    let ((_reader, writer), mut peer) = with_bare_peer(&ConnectOptions::new()).await;
    writer.write_eof();
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
    writer.abort();
    let refused = async { while peer.write_all(&pattern(1000)).await.is_ok() {} };
    soon("the reset", refused).await;
}

#[tokio::test]
async fn an_abort_is_seen_at_once_even_if_the_streams_are_kept() {
    over(&CUTTING, async |kept, (mut peer, _peer_writer)| {
        kept.1.abort();
        assert_cut(&mut peer, b"").await;
        drop(kept);
    })
    .await;
}

#[tokio::test]
async fn an_abort_wakes_all_waiting_tasks() {
    over(&ALL, async |(mut reader, writer), _peer| {
        writer.write(&plenty(&writer));
        let writer = Arc::new(writer);
        let drain = |writer: Arc<StreamWriter>| tokio::spawn(async move { writer.drain().await });
        let close = |writer: Arc<StreamWriter>| tokio::spawn(async move { writer.wait_closed().await });
        let reading = tokio::spawn(async move { reader.read(1).await });
        let mut waiting = vec![drain(Arc::clone(&writer)), drain(Arc::clone(&writer))];
        tokio::task::yield_now().await;
        waiting.push(close(Arc::clone(&writer)));
        tokio::task::yield_now().await;
        writer.abort();
        assert_eq!(reading.await.unwrap().unwrap(), "");
        for waiting in waiting {
            assert!(matches!(waiting.await.unwrap(), Err(Error::Closed)));
        }
    })
    .await;
}

#[tokio::test]
async fn an_abort_ends_a_wait_for_the_peers_end() {
    over(&ALL, async |(_reader, writer), (mut peer, _peer_writer)| {
        let writer = Arc::new(writer);
        let closing = Arc::clone(&writer);
        let closing = tokio::spawn(async move { closing.wait_closed().await });
        assert_eq!(peer.read_to_end().await.unwrap(), "");
        writer.abort();
        assert!(matches!(closing.await.unwrap(), Err(Error::Closed)));
    })
    .await;
}

#[tokio::test]
async fn an_armed_guard_aborts_and_a_disarmed_one_does_not() {
    over(&CUTTING, async |(_reader, writer), (mut peer, _peer_writer)| {
        drop(writer.abort_guard());
        assert_cut(&mut peer, b"").await;
    })
    .await;
    over(&ALL, async |(_reader, writer), (mut peer, _peer_writer)| {
        writer.abort_guard().disarm();
        writer.write_eof();
        assert_eq!(peer.read_to_end().await.unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn a_guard_leaves_alone_what_was_closed() {
    over(&ALL, async |(_reader, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.write(&data);
        let guard = writer.abort_guard();
        peer_writer.write_eof();
        let (read, closed) = tokio::join!(peer.read_to_end(), writer.wait_closed());
        drop(guard);
        assert!(read.unwrap() == data);
        closed.unwrap();
    })
    .await;
}

/// A conversation that never comes to its end.
async fn half_an_answer((_reader, writer): End, sent: Arc<Notify>) {
    let _guard = writer.abort_guard();
    writer.write(b"half");
    writer.drain().await.unwrap();
    sent.notify_one();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_guarded_conversation_that_is_cancelled_is_cut() {
    over(&CUTTING, async |end, (mut peer, _peer_writer)| {
        let sent = Arc::new(Notify::new());
        let conversation = tokio::spawn(half_an_answer(end, Arc::clone(&sent)));
        sent.notified().await;
        conversation.abort();
        assert_cut(&mut peer, b"half").await;
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_by_a_panic_aborts() {
    over(&CUTTING, async |(reader, writer), (mut peer, _peer_writer)| {
        let conversation = tokio::spawn(async move {
            let _streams = (reader, writer);
            panic!("as the test wants");
        });
        assert!(conversation.await.is_err());
        assert_cut(&mut peer, b"").await;
    })
    .await;
}

#[test]
fn what_a_runtime_leaves_unsent_at_its_end_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = ConnectOptions::new();
    let (reader, writer) = runtime.block_on(open_connection(&endpoint, &options)).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    writer.write(&plenty(&writer));
    drop((reader, writer));
    // It ends with the task that sends the rest.
    drop(runtime);
    let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
