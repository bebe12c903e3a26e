//! A connection on which nothing moves fails what waits for it, on either side and over every transport, and only
//! while the network is waited for.

mod streams_support;

use std::time::Duration;

use astream::{
    ConnectOptions, Error, ServerOptions, StreamReader, StreamWriter, open_connection, start_server,
};
use tokio::sync::mpsc;

use streams_support::{Over, SOCKETS, soon};

/// How long nothing may move.
const LIMIT: Duration = Duration::from_millis(300);

fn assert_idle<T: std::fmt::Debug>(result: &Result<T, Error>, over: Over) {
    assert!(matches!(result, Err(Error::Idle { after: LIMIT, .. })), "{over:?}: {result:?}");
}

#[tokio::test]
async fn a_reader_that_waits_gets_what_came_and_then_the_error() {
    for over in SOCKETS {
        let options = ConnectOptions::new().idle_timeout(LIMIT);
        let ((mut reader, writer), (_peer, peer)) = over.ends_with(&options).await;
        peer.write(b"half");
        assert_idle(&soon("the limit", reader.readline()).await, over);
        assert_eq!(reader.buffer(), b"half");
        assert_idle(&writer.drain().await, over);
        assert_idle(&writer.wait_closed().await, over);
    }
}

#[tokio::test]
async fn a_writer_whose_peer_takes_nothing_gets_the_error() {
    for over in SOCKETS {
        let options = ConnectOptions::new().idle_timeout(LIMIT);
        let ((_reader, writer), _peer) = over.ends_with(&options).await;
        let error = soon("the limit", async {
            loop {
                writer.write(&vec![0; 256 * 1024]);
                if let Err(error) = writer.drain().await {
                    return error;
                }
            }
        });
        assert_idle(&Err::<(), _>(error.await), over);
    }
}

#[tokio::test]
async fn closing_is_no_longer_than_the_limit_either() {
    for over in SOCKETS {
        let options = ConnectOptions::new().idle_timeout(LIMIT).close_timeout(None);
        let ((_reader, writer), _peer) = over.ends_with(&options).await;
        assert_idle(&soon("the limit", writer.wait_closed()).await, over);
    }
}

#[tokio::test]
async fn who_does_something_else_is_not_idle() {
    for over in SOCKETS {
        let options = ConnectOptions::new().idle_timeout(LIMIT);
        let ((mut reader, _writer), (_peer, peer)) = over.ends_with(&options).await;
        peer.write(b"one");
        assert_eq!(soon("a byte", reader.readexactly(3)).await.unwrap(), "one");
        // As long as three limits the network is not waited for. The clock jumps from timer to timer meanwhile.
        tokio::time::pause();
        tokio::time::sleep(LIMIT * 3).await;
        tokio::time::resume();
        let reading = soon("two bytes", reader.readexactly(3));
        let (read, ()) = tokio::join!(reading, async {
            tokio::task::yield_now().await;
            peer.write(b"two");
        });
        assert_eq!(read.unwrap(), "two", "{over:?}");
    }
}

#[tokio::test]
async fn the_handler_of_an_idle_client_fails_and_the_client_sees_a_reset() {
    let (sender, mut ended) = mpsc::unbounded_channel();
    let handler = move |mut reader: StreamReader, writer: StreamWriter| {
        let sender = sender.clone();
        async move {
            let _writer = writer;
            let read = reader.readline().await;
            sender.send(read.clone()).unwrap();
            read.map(drop)
        }
    };
    let options = ServerOptions::new().idle_timeout(LIMIT);
    let server = start_server(handler, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let endpoint = server.local_addrs()[0].to_string().parse().unwrap();
    let (mut reader, _writer) = open_connection(&endpoint, &ConnectOptions::new()).await.unwrap();
    assert_idle(&soon("the limit", ended.recv()).await.unwrap(), Over::Tcp);
    let read = soon("the reset", reader.read(1)).await;
    assert!(matches!(read, Err(Error::Lost { .. })), "{read:?}");
}
