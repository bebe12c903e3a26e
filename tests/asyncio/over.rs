//! Streams over what is there already, asyncio's `sock=`, and what lies beneath streams.

use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use astream::{Address, ConnectOptions, Error, TlsClient, TlsServer, open_connection_over, pair, start_tls};
use futures_util::FutureExt;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::yield_now;

use crate::streams_support::{ALL, End, IDENTITY, Over, assert_cut, over, pattern, soon};

async fn streams(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> End {
    open_connection_over(io, &ConnectOptions::new()).await.unwrap()
}

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(connecting, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

/// Both ends over a TCP socket, a Unix socket, and a stream that is no socket.
async fn each_kind() -> Vec<(End, End)> {
    let (tcp, unix, memory) = (tcp().await, UnixStream::pair().unwrap(), tokio::io::duplex(8));
    vec![
        (streams(tcp.0).await, streams(tcp.1).await),
        (streams(unix.0).await, streams(unix.1).await),
        (streams(memory.0).await, streams(Box::new(memory.1)).await),
    ]
}

#[tokio::test]
async fn streams_over_a_given_stream_talk_and_end_as_all_do() {
    for ((mut reader, writer), (mut peer_reader, peer_writer)) in each_kind().await {
        let (question, answer) = (pattern(1000), pattern(3000));
        writer.write(&question);
        writer.write_eof();
        let (asked, sent) = tokio::join!(soon("the question", peer_reader.read_to_end()), writer.drain());
        assert!(asked.unwrap() == question);
        sent.unwrap();
        peer_writer.write(&answer);
        let answering = async { tokio::join!(reader.readexactly(3000), peer_writer.drain()) };
        let (answered, sent) = soon("the answer", answering).await;
        assert!(answered.unwrap() == answer);
        sent.unwrap();
        let closing = async { tokio::join!(writer.wait_closed(), peer_writer.wait_closed()) };
        let (one, other) = soon("closing", closing).await;
        one.unwrap();
        other.unwrap();
    }
}

#[tokio::test]
async fn a_given_socket_is_known_by_its_addresses_and_anything_else_is_not() {
    let (one, other) = tcp().await;
    let (local, peer) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let (_reader, writer) = streams(one).await;
    assert_eq!((writer.local_addr(), writer.peer_addr()), (&Address::Tcp(local), &Address::Tcp(peer)));
    let (reader, _writer) = streams(tokio::io::duplex(1).0).await;
    assert_eq!((reader.local_addr(), reader.peer_addr()), (&Address::Unknown, &Address::Unknown));
}

#[tokio::test]
async fn an_abort_resets_a_given_tcp_socket_and_drops_anything_else_at_once() {
    for ((reader, writer), (mut peer, peer_writer)) in each_kind().await {
        writer.abort();
        if matches!(writer.peer_addr(), Address::Tcp(_)) {
            assert_cut(&mut peer, b"").await;
        } else {
            assert_eq!(soon("the end", peer.read_to_end()).await.unwrap(), "");
            peer_writer.write(b"x");
            soon("the error", peer_writer.drain()).await.unwrap_err();
        }
        drop((reader, writer));
    }
}

#[tokio::test]
async fn a_given_socket_that_is_dropped_before_its_end_is_reset() {
    let (one, other) = tcp().await;
    let (reader, writer) = streams(one).await;
    let (mut peer, _peer_writer) = streams(other).await;
    let guard = writer.abort_guard();
    drop((guard, reader, writer));
    assert_cut(&mut peer, b"").await;
}

#[tokio::test]
async fn tls_goes_over_a_given_stream_and_needs_a_name_to_verify() {
    let (one, other) = tokio::io::duplex(100);
    let client = TlsClient::new().pin(IDENTITY.pin());
    let options = ConnectOptions::new().tls(client);
    let (reader, writer) = streams(other).await;
    let server = TlsServer::new(IDENTITY.clone());
    let shaking_hands =
        async { tokio::join!(open_connection_over(one, &options), start_tls(reader, writer, &server)) };
    let (client, server) = soon("the handshake", shaking_hands).await;
    let ((_reader, writer), (mut peer, _peer_writer)) = (client.unwrap(), server.unwrap());
    writer.write(b"hello\n");
    assert_eq!(soon("the line", peer.readline()).await.unwrap().unwrap(), "hello\n");
    writer.abort();
    assert_cut(&mut peer, b"").await;

    let options = ConnectOptions::new().tls(TlsClient::new());
    let error = open_connection_over(tokio::io::duplex(1).0, &options).await.unwrap_err();
    assert!(error.to_string().contains("name is not known"), "{error}");
}

#[tokio::test]
async fn the_descriptor_beneath_is_that_of_the_socket_also_under_tls() {
    over(&ALL, async |(reader, writer), _peer| match writer.local_addr() {
        Address::Memory => assert!(reader.as_fd().is_none() && writer.as_fd().is_none()),
        local => {
            for descriptor in [reader.as_fd(), writer.as_fd()] {
                let socket = descriptor.unwrap();
                let found = SockRef::from(&socket.as_fd()).local_addr().unwrap();
                assert_eq!(found.as_socket().map(Address::Tcp).as_ref(), found.is_ipv4().then_some(local));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_at_the_other_end_of_a_unix_socket_is_known_also_under_tls() {
    over(&ALL, async |(reader, writer), (peer_reader, peer_writer)| {
        let is_unix = matches!(writer.local_addr(), Address::Unix(_));
        let pid = writer.peer_credentials().map(|peer| peer.pid.unwrap());
        assert_eq!(pid, is_unix.then(std::process::id));
        assert_eq!(reader.peer_credentials(), writer.peer_credentials());
        if is_unix {
            let (client, server) = (TlsClient::new().pin(IDENTITY.pin()), TlsServer::new(IDENTITY.clone()));
            let before = reader.peer_credentials();
            let (one, other) = tokio::join!(
                start_tls(reader, writer, &client),
                start_tls(peer_reader, peer_writer, &server)
            );
            assert_eq!(one.unwrap().1.peer_credentials(), before);
            drop(other);
        }
    })
    .await;
}

#[tokio::test]
async fn a_drain_to_a_mark_leaves_no_more_than_that() {
    let ((_reader, writer), (mut peer, _peer_writer)) = pair(8);
    writer.write(&pattern(100));
    assert_eq!(writer.write_buffer_size(), 92);
    assert!(writer.drain_to(92).now_or_never().is_some(), "it is low enough");
    assert!(writer.drain_to(91).now_or_never().is_none());
    let draining = async { tokio::join!(writer.drain_to(50), peer.readexactly(50)) };
    let (drained, read) = soon("the first half", draining).await;
    drained.unwrap();
    assert!(writer.write_buffer_size() <= 50);
    let draining = async { tokio::join!(writer.drain_to(0), peer.readexactly(50)) };
    let (drained, rest) = soon("the second half", draining).await;
    drained.unwrap();
    assert!([read.unwrap(), rest.unwrap()].concat() == pattern(100));
    assert_eq!(writer.write_buffer_size(), 0);
}

#[tokio::test]
async fn a_drain_to_a_mark_reports_what_a_drain_does() {
    over(&[Over::Tcp, Over::Tls], async |(_reader, writer), _peer| {
        writer.write_eof();
        writer.write(b"late");
        assert!(matches!(writer.drain_to(1000).await, Err(Error::WriteAfterEof)));
        writer.abort();
        assert!(matches!(writer.drain_to(1000).await, Err(Error::Closed)));
    })
    .await;
}

/// A peer that is never waited for: it has always more to read, and takes everything.
struct Flood(Arc<AtomicUsize>);

impl AsyncRead for Flood {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        buf.put_slice(&vec![7; room]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.0.fetch_add(data.len(), Ordering::Relaxed);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_peer_that_floods_leaves_the_other_tasks_their_turns() {
    let echoed = Arc::new(AtomicUsize::new(0));
    let (mut reader, writer) = streams(Flood(Arc::clone(&echoed))).await;
    let flooded = tokio::spawn(async move {
        loop {
            writer.write(&reader.read(1 << 16).await.unwrap());
            writer.drain().await.unwrap();
        }
    });
    for turns in 1..100 {
        yield_now().await;
        let echoed = echoed.load(Ordering::Relaxed);
        assert!(echoed <= turns << 16, "{echoed} bytes were echoed in {turns} turns");
    }
    assert_ne!(echoed.load(Ordering::Relaxed), 0);
    flooded.abort();
}
