//! Both halves of a connection used by several tasks on several threads: no task sleeps for ever, and nothing
//! is lost or made up.

mod streams_support;

use std::io::ErrorKind;
use std::sync::Arc;

use astream::{ConnectOptions, Error, StreamReader, StreamWriter};
use tokio::task::yield_now;

use streams_support::{ALL, End, Over, over, plenty, reset, soon, with_bare_peer};

/// How often a race is run: connections in memory are cheap.
fn rounds(over: Over) -> usize {
    if over == Over::Memory { 500 } else { 50 }
}

/// Runs `race` often over each transport.
async fn often(race: impl AsyncFn(End, End)) {
    for over in ALL {
        println!("over {over:?}");
        for _ in 0..rounds(over) {
            let (one, other) = over.ends().await;
            soon("the race", race(one, other)).await;
        }
    }
}

/// A frame with its sender, its number and its length.
fn frame(task: u8, number: u8, length: u8) -> Vec<u8> {
    let mut frame = vec![task, number, length];
    frame.resize(3 + usize::from(length), task ^ number);
    frame
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_of_many_tasks_arrive_whole_and_each_task_s_in_order() {
    const TASKS: u8 = 8;
    over(&ALL, async |(_reader, writer), (mut peer, peer_writer)| {
        let writer = Arc::new(writer);
        let send = |writer: Arc<StreamWriter>, task| async move {
            for number in 0..200 {
                let frame = frame(task, number, number.wrapping_mul(37));
                let (head, body) = frame.split_at(2);
                writer.writelines([head, body]);
                if number % (task + 1) == 0 {
                    writer.drain().await.unwrap();
                }
            }
        };
        let sending: Vec<_> = (0..TASKS).map(|task| tokio::spawn(send(Arc::clone(&writer), task))).collect();
        peer_writer.write_eof();
        let closing = tokio::spawn(async move {
            for sending in sending {
                sending.await.unwrap();
            }
            writer.wait_closed().await.unwrap();
        });
        let mut next = [0; TASKS as usize];
        while let Ok(head) = peer.readexactly(3).await {
            let body = peer.readexactly(head[2].into()).await.unwrap();
            let number = &mut next[usize::from(head[0])];
            assert_eq!([&head, &body[..]].concat(), frame(head[0], *number, head[2]));
            *number += 1;
        }
        assert_eq!(next, [200; TASKS as usize]);
        closing.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_is_woken_by_a_close_at_any_moment() {
    often(async |(mut reader, writer), _peer| {
        let reading = tokio::spawn(async move { reader.read(1).await });
        let closing = tokio::spawn(async move { writer.close() });
        assert_eq!(reading.await.unwrap().unwrap(), "");
        closing.await.unwrap();
    })
    .await;
}

async fn read_all(mut reader: StreamReader) {
    while !reader.read(2).await.unwrap().is_empty() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wait_closed_notices_the_peers_end_though_a_reader_was_about_to_wait() {
    often(async |(reader, writer), (mut peer, peer_writer)| {
        let reading = tokio::spawn(read_all(reader));
        peer_writer.write(b"xyz");
        let closing = tokio::spawn(async move { writer.wait_closed().await });
        assert_eq!(peer.read_to_end().await.unwrap(), "");
        peer_writer.write_eof();
        // Under TLS the end is a record.
        let _ = peer_writer.drain().await;
        closing.await.unwrap().unwrap();
        reading.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_writer_sends_all_whatever_its_reader_does_meanwhile() {
    often(async |(reader, writer), (mut peer, peer_writer)| {
        let data = [7; 300];
        writer.write(&data);
        let reading = tokio::spawn(async move {
            // Dropped at any moment.
            tokio::select! { () = read_all(reader) => {}, () = yield_now() => {} }
        });
        let dropping = tokio::spawn(async move { drop(writer) });
        peer_writer.write(b"xyz");
        peer_writer.write_eof();
        assert_eq!(peer.read_to_end().await.unwrap(), data.as_slice());
        let _ = peer_writer.drain().await;
        reading.await.unwrap();
        dropping.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn drains_return_while_others_are_cancelled_all_the_time() {
    over(&ALL, async |(_reader, writer), (mut peer, _peer_writer)| {
        let (data, writer) = (plenty(&writer), Arc::new(writer));
        let cancelling = |writer: Arc<StreamWriter>| async move {
            loop {
                tokio::select! { biased;
                    drained = writer.drain() => return drained,
                    () = yield_now() => {}
                }
            }
        };
        let waiting = |writer: Arc<StreamWriter>| async move { writer.drain().await };
        for part in data.chunks(data.len() / 4) {
            writer.write(part);
            let cancelling: Vec<_> = (0..5).map(|_| tokio::spawn(cancelling(Arc::clone(&writer)))).collect();
            let waiting: Vec<_> = (0..5).map(|_| tokio::spawn(waiting(Arc::clone(&writer)))).collect();
            assert!(peer.readexactly(part.len()).await.unwrap() == part);
            for drain in cancelling.into_iter().chain(waiting) {
                drain.await.unwrap().unwrap();
            }
        }
    })
    .await;
}

async fn write_until_lost(writer: Arc<StreamWriter>) -> Error {
    loop {
        writer.write(&[0; 1000]);
        if let Err(error) = writer.drain().await {
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reset_is_never_a_clean_end_whether_a_read_or_a_write_meets_it_first() {
    for _ in 0..200 {
        let ((mut reader, writer), peer) = with_bare_peer(&ConnectOptions::new()).await;
        let writer = Arc::new(writer);
        let writing: Vec<_> = (0..2).map(|_| tokio::spawn(write_until_lost(Arc::clone(&writer)))).collect();
        let reading = tokio::spawn(async move { reader.read_to_end().await });
        tokio::spawn(async move { reset(peer) });
        let error = soon("the reader", reading).await.unwrap().unwrap_err();
        assert!(
            matches!(&error, Error::Lost { cause, .. } if cause.kind() == ErrorKind::ConnectionReset),
            "{error}"
        );
        for writing in writing {
            soon("the writer", writing).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn drains_that_wait_all_report_a_reset() {
    for _ in 0..5 {
        let ((mut reader, writer), peer) = with_bare_peer(&ConnectOptions::new()).await;
        let (data, writer) = (plenty(&writer), Arc::new(writer));
        writer.write(&data);
        let drain = |writer: Arc<StreamWriter>| tokio::spawn(async move { writer.drain().await });
        let draining: Vec<_> = (0..10).map(|_| drain(Arc::clone(&writer))).collect();
        let reading = tokio::spawn(async move { reader.read(1).await });
        tokio::spawn(async move { reset(peer) });
        for draining in draining {
            assert!(soon("a drain", draining).await.unwrap().is_err());
        }
        assert!(soon("the reader", reading).await.unwrap().is_err());
    }
}
