//! `close`, `is_closing`, `wait_closed`, and writers that are dropped.

use std::sync::Arc;
use std::time::Duration;

use astream::{ConnectOptions, Error, StreamWriter};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::streams_support::{ALL, over, over_sockets, pattern, plenty, send_all, soon, with_bare_peer};

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
async fn a_peer_that_takes_nothing_is_a_timeout_for_all_who_wait() {
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

#[tokio::test]
async fn a_peer_that_never_ends_has_its_time_and_is_no_error() {
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
