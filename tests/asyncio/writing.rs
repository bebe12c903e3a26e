//! `write`, `writelines`, `drain`, `write_eof`, and what both halves know of the connection.

use std::sync::Arc;
use std::time::Duration;

use astream::{Address, Error, StreamReader, StreamWriter};
use tokio::io::AsyncWriteExt;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::time::timeout;

use crate::streams_support::{ALL, Over, over, plenty, soon};

#[tokio::test]
async fn writes_and_writelines_arrive_in_order() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        writer.writelines([b"a".as_slice(), b"", b"bc"]);
        writer.write(b"");
        writer.write(b"d");
        writer.writelines([]);
        // More than memory takes at once: from here on things are queued.
        writer.writelines([b"efgh".as_slice(), b"ijkl"]);
        writer.write(b"mn");
        writer.writelines([b"op".as_slice(), b"q"]);
        writer.write_eof();
        let (read, drained) = tokio::join!(peer.read_to_end(), writer.drain());
        assert_eq!(read.unwrap(), "abcdefghijklmnopq");
        drained.unwrap();
    })
    .await;
}

#[tokio::test]
async fn write_never_waits_whatever_the_amount() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        let data = plenty(&writer);
        data.chunks(10_000).for_each(|chunk| writer.write(chunk));
        let (read, drained) = tokio::join!(peer.readexactly(data.len()), writer.drain());
        assert!(read.unwrap() == data);
        drained.unwrap();
    })
    .await;
}

#[tokio::test]
async fn write_gives_the_socket_at_once_what_it_takes() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        writer.write(b"at once");
        assert_eq!(peer.readexactly(7).await.unwrap(), "at once");
    })
    .await;
}

#[tokio::test]
async fn what_was_drained_needs_the_writer_no_more() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        let data = plenty(&writer);
        let length = data.len();
        let reading = tokio::spawn(async move { peer.readexactly(length).await });
        writer.write(&data);
        writer.drain().await.unwrap();
        // Neither its drop nor anything later sends a byte.
        std::mem::forget(writer);
        assert!(reading.await.unwrap().unwrap() == data);
    })
    .await;
}

async fn ten_drains_at_once_all_return() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        let (data, writer) = (plenty(&writer), Arc::new(writer));
        writer.write(&data);
        let drain = |writer: Arc<StreamWriter>| tokio::spawn(async move { writer.drain().await });
        let draining: Vec<_> = (0..10).map(|_| drain(Arc::clone(&writer))).collect();
        tokio::task::yield_now().await;
        assert!(draining.iter().all(|drain| !drain.is_finished()), "nothing was read yet");
        assert!(peer.readexactly(data.len()).await.unwrap() == data);
        for drain in draining {
            drain.await.unwrap().unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn ten_drains_at_once_all_return_on_one_thread() {
    ten_drains_at_once_all_return().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_drains_at_once_all_return_on_many_threads() {
    ten_drains_at_once_all_return().await;
}

#[tokio::test]
async fn a_cancelled_drain_keeps_what_was_not_sent_and_the_others_are_woken() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        let data = plenty(&writer);
        writer.write(&data);
        let mut cancelled = Box::pin(writer.drain());
        let other = writer.drain();
        tokio::select! { biased;
            _ = &mut cancelled => panic!("nothing was read yet"),
            () = std::future::ready(()) => {}
        }
        let (read, other) = tokio::join!(peer.readexactly(data.len()), async {
            drop(cancelled);
            other.await
        });
        assert!(read.unwrap() == data);
        other.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_loop_of_drains_leaves_time_for_others() {
    over(&ALL, async |(_, writer), _peer| {
        let endless = async {
            loop {
                writer.drain().await.unwrap();
            }
        };
        timeout(Duration::from_millis(1), endless).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn write_eof_is_a_half_close_and_the_reply_is_read() {
    over(&ALL, async |(mut reader, writer), (mut peer_reader, peer_writer)| {
        assert!(writer.can_write_eof());
        writer.write(b"?");
        writer.write_eof();
        writer.write_eof();
        writer.drain().await.unwrap();
        assert_eq!(peer_reader.read_to_end().await.unwrap(), "?");
        assert!(!peer_writer.is_closing(), "the peer's end leaves the writer open");
        peer_writer.write(b"late");
        peer_writer.drain().await.unwrap();
        assert_eq!(reader.readexactly(4).await.unwrap(), "late");
        peer_writer.write(b"r");
        peer_writer.write_eof();
        peer_writer.drain().await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), "r");
        writer.wait_closed().await.unwrap();
        peer_writer.wait_closed().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn write_and_write_eof_send_at_once_also_at_the_end_of_a_turn() {
    over(&[Over::Tcp, Over::Unix, Over::Tls], async |(_, writer), (mut peer, _)| {
        let written = tokio::spawn(async move {
            while has_budget_remaining() {
                consume_budget().await;
            }
            writer.write(b"all");
            writer.write_eof();
            writer
        });
        let _writer = written.await.unwrap();
        assert_eq!(soon("the end", peer.read_to_end()).await.unwrap(), "all");
    })
    .await;
}

#[tokio::test]
async fn a_write_after_write_eof_is_dropped_and_reported_by_drain() {
    over(&ALL, async |(_, writer), (mut peer, _)| {
        writer.write(b"before");
        writer.write_eof();
        writer.write(b"after");
        for _ in 0..2 {
            assert!(matches!(writer.drain().await, Err(Error::WriteAfterEof)));
        }
        assert_eq!(peer.read_to_end().await.unwrap(), "before");
    })
    .await;
}

#[tokio::test]
async fn a_write_after_write_eof_costs_nothing_of_what_was_written_before() {
    over(&ALL, async |(_, writer), (mut peer, peer_writer)| {
        let data = plenty(&writer);
        writer.write(&data);
        writer.write_eof();
        writer.writelines([b"after".as_slice()]);
        peer_writer.write_eof();
        let (read, closed) = tokio::join!(peer.read_to_end(), writer.wait_closed());
        assert!(read.unwrap() == data);
        assert!(matches!(closed, Err(Error::WriteAfterEof)), "{closed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_write_and_an_async_write_keep_their_order() {
    over(&ALL, async |(_, mut writer), (mut peer, _)| {
        let data = plenty(&writer);
        let (first, rest) = data.split_at(data.len() / 2);
        let (second, third) = rest.split_at(rest.len() / 2);
        let (read, written) = tokio::join!(peer.read_to_end(), async {
            writer.write(first);
            writer.write_all(second).await?;
            writer.write(third);
            writer.shutdown().await?;
            writer.shutdown().await
        });
        written.unwrap();
        assert!(read.unwrap() == data);
        let error = writer.write_all(b"x").await.unwrap_err();
        assert!(matches!(error.downcast::<Error>(), Ok(Error::WriteAfterEof)));
    })
    .await;
}

#[tokio::test]
async fn an_async_write_after_close_is_an_error() {
    over(&ALL, async |(_, mut writer), _peer| {
        writer.close();
        let error = writer.write_all(b"x").await.unwrap_err();
        assert!(matches!(error.downcast::<Error>(), Ok(Error::Closed)));
        let error = writer.flush().await.unwrap_err();
        assert!(matches!(error.downcast::<Error>(), Ok(Error::Closed)));
    })
    .await;
}

#[tokio::test]
async fn both_halves_know_both_addresses_and_what_tls_agreed() {
    for kind in ALL {
        let ((reader, writer), (peer_reader, peer_writer)) = kind.ends().await;
        assert_eq!(reader.peer_addr(), writer.peer_addr());
        assert_eq!(reader.local_addr(), writer.local_addr());
        assert_eq!(reader.peer_addr(), peer_writer.local_addr());
        assert_eq!(reader.local_addr(), peer_reader.peer_addr());
        match (kind, reader.peer_addr()) {
            (Over::Tcp | Over::Tls, Address::Tcp(peer)) => assert!(peer.ip().is_loopback()),
            (Over::Unix, Address::Unix(Some(path))) => assert!(path.ends_with("socket")),
            (Over::Memory, Address::Memory) => {}
            (_, wrong) => panic!("{kind:?}: {wrong}"),
        }
        for tls in [reader.tls(), writer.tls(), peer_reader.tls(), peer_writer.tls()] {
            assert_eq!(tls.map(|tls| tls.version.as_str()), (kind == Over::Tls).then_some("TLSv1.3"));
        }
    }
}

#[test]
fn both_halves_may_go_to_other_threads_and_be_shared() {
    fn shared<T: Send + Sync + Unpin>() {}
    shared::<StreamReader>();
    shared::<StreamWriter>();
    shared::<Error>();
}
