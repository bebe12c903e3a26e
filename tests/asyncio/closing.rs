//! `close`, `is_closing`, `wait_closed`, and writers that are dropped.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use astream::{ConnectOptions, Error, StreamReader, StreamWriter, pair};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::time::sleep;

use crate::streams_support::{
    ALL, Over, over, over_sockets, pattern, plenty, send_all, soon, with_bare_peer,
};

/// How many bytes a slow peer takes at once.
const PIECE: usize = 64 * 1024;

fn close_timeout(milliseconds: u64) -> ConnectOptions {
    ConnectOptions::new().close_timeout(Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn after_close_the_reader_is_at_its_end() {
    over(&ALL, async |(mut reader, writer), _peer| {
        assert!(!writer.is_closing());
        writer.close();
        assert!(writer.is_closing());
        assert!(reader.at_eof());
        assert_eq!(reader.read(1).await.unwrap(), "");
        assert_eq!(reader.read_to_end().await.unwrap(), "");
        assert_eq!(reader.readline().await.unwrap(), None);
        writer.close();
        assert!(writer.is_closing());
    })
    .await;
}

#[tokio::test]
async fn what_the_reader_holds_at_close_is_still_read() {
    over(&ALL, async |(mut reader, writer), (_, peer)| {
        peer.write(b"line\nrest");
        assert_eq!(reader.readuntil(b"li").await.unwrap(), "li");
        let held = reader.buffer().to_vec();
        writer.close();
        assert!(!reader.at_eof());
        assert_eq!(reader.read_to_end().await.unwrap(), held);
        assert!(reader.at_eof());
    })
    .await;
}

#[tokio::test]
async fn a_reader_that_waits_in_another_task_is_woken_by_close() {
    over(&ALL, async |(mut reader, writer), _peer| {
        let reading = tokio::spawn(async move { reader.read(1).await });
        tokio::task::yield_now().await;
        writer.close();
        assert_eq!(reading.await.unwrap().unwrap(), "");
    })
    .await;
}

#[tokio::test]
async fn a_write_after_close_is_dropped_and_drain_says_so() {
    over(&ALL, async |(_, writer), (mut peer, peer_writer)| {
        writer.write(b"before");
        writer.close();
        writer.write(b"after");
        writer.writelines([b"after".as_slice()]);
        assert!(matches!(writer.drain().await, Err(Error::Closed)));
        peer_writer.write_eof();
        let (read, closed) = tokio::join!(peer.read_to_end(), writer.wait_closed());
        assert_eq!(read.unwrap(), "before");
        closed.unwrap();
        assert!(matches!(writer.drain().await, Err(Error::Closed)));
    })
    .await;
}

#[tokio::test]
async fn eight_mib_queued_at_close_all_arrive() {
    over(&ALL, async |(_, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.write(&data);
        writer.close();
        peer_writer.write_eof();
        let (read, closed) = tokio::join!(peer.read_to_end(), writer.wait_closed());
        assert!(read.unwrap() == data);
        closed.unwrap();
        writer.wait_closed().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_received_and_not_read_destroys_nothing_that_was_sent() {
    over(&ALL, async |(reader, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        let unread = send_all(peer_writer, data.clone());
        writer.write(&data);
        let closing = tokio::spawn(async move { writer.wait_closed().await.map(|()| writer) });
        assert!(peer.read_to_end().await.unwrap() == data);
        closing.await.unwrap().unwrap();
        unread.await.unwrap();
        drop(reader);
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_a_timeout_for_all_waiting_tasks() {
    over_sockets(close_timeout(50), async |(_, writer), _peer| {
        let writer = Arc::new(writer);
        writer.write(&plenty(&writer));
        let other = Arc::clone(&writer);
        let draining = tokio::spawn(async move { other.drain().await });
        tokio::task::yield_now().await;
        let error = writer.wait_closed().await.unwrap_err();
        assert!(
            matches!(error, Error::Timeout { after, .. } if after == Duration::from_millis(50)),
            "{error}"
        );
        assert!(matches!(draining.await.unwrap(), Err(Error::Timeout { .. })));
        let again = writer.wait_closed().now_or_never();
        assert!(matches!(again, Some(Err(Error::Timeout { .. }))), "an error stays");
    })
    .await;
}

/// Plays a slow peer: reads everything, with a pause of 20 s before each part. The clock of the tests that use it is
/// paused and jumps to the next timer, so they do not wait.
async fn read_slowly(mut peer: StreamReader, part: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        sleep(Duration::from_secs(20)).await;
        match peer.read(part).await.unwrap() {
            end if end.is_empty() => return all,
            data => all.extend_from_slice(&data),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_that_takes_a_little_within_the_limit_gets_everything() {
    let ((_reader, writer), (peer, _peer_writer)) = pair(8);
    let data = pattern(200);
    writer.write(&data);
    let (read, closed) = tokio::join!(read_slowly(peer, 8), writer.wait_closed());
    closed.unwrap();
    assert!(read == data);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_writer_waits_as_long_for_a_slow_peer() {
    let ((reader, writer), (peer, _peer_writer)) = pair(8);
    let data = pattern(200);
    writer.write(&data);
    drop((reader, writer));
    assert!(read_slowly(peer, 8).await == data);
}

#[tokio::test]
async fn a_slow_peer_of_a_socket_is_seen_to_take_what_the_runtime_does_not_notice() {
    // A socket that was full is writable again when a third of it is gone.
    over_sockets(close_timeout(1000), async |(_, writer), (mut peer, _peer_writer)| {
        let (data, traffic) = (plenty(&writer), writer.traffic());
        writer.write(&data);
        let closing = tokio::spawn(async move { writer.wait_closed().await });
        let mut read = Vec::new();
        // The pauses play the slow peer: each is shorter than the limit, and all together are longer. They take real
        // time, because the system's socket does not know of a paused clock.
        for _ in 0..30 {
            sleep(Duration::from_millis(100)).await;
            read.extend_from_slice(&peer.readexactly(PIECE).await.unwrap());
        }
        read.extend_from_slice(&peer.read_to_end().await.unwrap());
        assert!(read == data);
        closing.await.unwrap().unwrap();
        assert_eq!(traffic.totals().sent, data.len() as u64);
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_until_the_limit_sees_no_end() {
    for over in [Over::Tcp, Over::Tls] {
        let ((_reader, writer), (mut peer, _peer_writer)) = over.ends_with(&close_timeout(50)).await;
        writer.write(&plenty(&writer));
        assert!(matches!(writer.wait_closed().await, Err(Error::Timeout { .. })));
        assert_no_end(&mut peer).await;
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_from_a_dropped_writer_sees_no_end() {
    let ((reader, writer), mut peer) = with_bare_peer(&close_timeout(50)).await;
    writer.write(&plenty(&writer));
    drop(writer);
    // The reader is kept, so only the limit ends the connection.
    soon("the reset", peer.ready(Interest::ERROR)).await.unwrap();
    let error = peer.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(reader);
}

/// Data arrives, but no clean end.
async fn assert_no_end(reader: &mut StreamReader) {
    let error = soon("the cut", reader.read_to_end()).await.expect_err("it looks complete");
    assert!(matches!(error, Error::Lost { .. } | Error::Truncated), "{error:?}");
}

#[tokio::test]
async fn without_a_limit_a_peer_is_waited_for_and_the_longest_limit_is_none() {
    for limit in [None, Some(Duration::MAX)] {
        let options = ConnectOptions::new().close_timeout(limit).timeout(limit);
        over_sockets(options, async |(_, writer), (mut peer, peer_writer)| {
            let data = plenty(&writer);
            writer.write(&data);
            peer_writer.write_eof();
            let (read, closed) = tokio::join!(peer.read_to_end(), writer.wait_closed());
            assert!(read.unwrap() == data);
            closed.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_peer_that_never_ends_is_waited_for_up_to_the_limit_and_is_no_error() {
    over_sockets(close_timeout(50), async |(_, writer), (mut peer, _peer_writer)| {
        writer.write(b"all");
        writer.wait_closed().await.unwrap();
        assert_eq!(peer.read_to_end().await.unwrap(), "all");
        let again = writer.wait_closed().now_or_never();
        assert!(matches!(again, Some(Ok(()))), "closed is closed");
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_floods_cannot_keep_wait_closed() {
    let ((reader, writer), peer) = with_bare_peer(&close_timeout(50)).await;
    let mut peer = peer.into_std().unwrap();
    peer.set_nonblocking(false).unwrap();
    let flood = std::thread::spawn(move || while std::io::Write::write_all(&mut peer, &[0; 4096]).is_ok() {});
    soon("closing", writer.wait_closed()).await.unwrap();
    drop((reader, writer));
    flood.join().unwrap();
}

async fn wait_closed_by_many_at_once() {
    over(&ALL, async |(_, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.write(&data);
        let writer = Arc::new(writer);
        let close = |writer: Arc<StreamWriter>| tokio::spawn(async move { writer.wait_closed().await });
        let closing: Vec<_> = (0..5).map(|_| close(Arc::clone(&writer))).collect();
        assert!(peer.read_to_end().await.unwrap() == data);
        tokio::task::yield_now().await;
        peer_writer.write_eof();
        peer_writer.drain().await.unwrap();
        for closing in closing {
            closing.await.unwrap().unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn wait_closed_by_many_at_once_returns_to_all_on_one_thread() {
    wait_closed_by_many_at_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wait_closed_by_many_at_once_returns_to_all_on_many_threads() {
    wait_closed_by_many_at_once().await;
}

#[tokio::test]
async fn a_cancelled_wait_closed_goes_on_at_the_next_call() {
    over(&ALL, async |(_, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.write(&data);
        assert!(writer.wait_closed().now_or_never().is_none());
        assert!(writer.is_closing());
        peer_writer.write_eof();
        let (read, closed) = tokio::join!(peer.read_to_end(), async {
            tokio::select! { biased;
                closed = writer.wait_closed() => panic!("{closed:?} while much is queued"),
                () = tokio::task::yield_now() => writer.wait_closed().await,
            }
        });
        assert!(read.unwrap() == data);
        closed.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_unclosed_still_sends_all_that_is_queued_and_the_end() {
    over(&ALL, async |(reader, writer), (mut peer, _)| {
        let data = plenty(&writer);
        writer.write(&data);
        drop((reader, writer));
        assert!(peer.read_to_end().await.unwrap() == data);
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_is_dropped_on_a_thread_of_its_own_sends_all_too() {
    over(&ALL, async |(_reader, writer), (mut peer, _)| {
        let data = plenty(&writer);
        writer.write(&data);
        std::thread::spawn(move || drop(writer)).join().unwrap();
        assert!(peer.read_to_end().await.unwrap() == data);
    })
    .await;
}

#[test]
fn streams_may_outlive_their_runtime() {
    for over in ALL {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ((reader, writer), peer) = runtime.block_on(over.ends());
        writer.write(&plenty(&writer));
        runtime.spawn(async move {
            let (mut reader, _writer) = peer;
            reader.readuntil(b"never").await
        });
        drop(runtime);
        writer.write(b"x");
        drop((reader, writer));
    }
}

#[tokio::test]
async fn the_reader_goes_on_after_its_writer_was_dropped() {
    over(&ALL, async |(mut reader, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        drop(writer);
        assert_eq!(peer.read_to_end().await.unwrap(), "");
        send_all(peer_writer, data.clone());
        assert!(reader.read_to_end().await.unwrap() == data);
    })
    .await;
}

#[tokio::test]
async fn a_writer_closed_and_dropped_takes_in_what_the_peer_still_sends_though_its_reader_is_kept() {
    over(&ALL, async |(reader, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.close();
        drop(writer);
        assert_eq!(peer.read_to_end().await.unwrap(), "");
        send_all(peer_writer, data).await.unwrap();
        drop(reader);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_was_closed_and_dropped_is_gone_for_the_peer() {
    let ((reader, writer), mut peer) = with_bare_peer(&close_timeout(50)).await;
    writer.wait_closed().await.unwrap();
    drop((reader, writer));
    let refused = async { while peer.write_all(&pattern(1000)).await.is_ok() {} };
    soon("the reset", refused).await;
    assert_eq!(peer.read(&mut [0]).await.unwrap_or(0), 0);
}
