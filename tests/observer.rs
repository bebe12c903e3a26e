//! Observers: what sees the bytes of connections sees all of them, and how each direction ended.

mod streams_support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use astream::handlers::{DatagramHandler, Echo, Forward, Handler};
use astream::{
    ConnectOptions, DatagramOptions, DatagramServerOptions, Datagrams, Direction, Error, Observer, Opened,
    Proxy, ServerOptions, Tap, TlsClient, TlsServer, open_connection, open_datagrams, serve_datagrams,
    start_server,
};
use socket2::SockRef;
use streams_support::{IDENTITY, Over, SOCKETS, connected, soon};
use tokio::sync::Notify;

/// What was seen of one connection.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    number: Option<u64>,
    is_accepted: bool,
    is_datagrams: bool,
    is_tls: bool,
    peer: String,
    bytes: [Vec<u8>; 2],
    pieces: usize,
    ended: [usize; 2],
    /// Whether the connection is closed, and has failed.
    closed: Option<bool>,
}

#[derive(Default, Clone)]
struct Recorder(Arc<Recorded>);

#[derive(Default)]
struct Recorded {
    all: Mutex<Vec<Seen>>,
    closed: Notify,
}

struct Recording(Arc<Recorded>, usize);

impl Recording {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.0.all.lock().unwrap()[self.1]);
    }
}

impl Observer for Recorder {
    fn open(&self, opened: &Opened<'_>) -> Box<dyn Tap> {
        let mut all = self.0.all.lock().unwrap();
        all.push(Seen {
            number: opened.number,
            is_accepted: opened.is_accepted,
            is_datagrams: opened.is_datagrams,
            is_tls: opened.tls.is_some(),
            peer: opened.peer.to_string(),
            ..Seen::default()
        });
        Box::new(Recording(Arc::clone(&self.0), all.len() - 1))
    }
}

impl Tap for Recording {
    fn moved(&self, direction: Direction, bytes: &[u8]) {
        self.note(|seen| {
            seen.bytes[direction as usize].extend_from_slice(bytes);
            seen.pieces += 1;
        });
    }

    fn ended(&self, direction: Direction) {
        self.note(|seen| seen.ended[direction as usize] += 1);
    }

    fn closed(&self, failure: Option<&Error>) {
        self.note(|seen| seen.closed = Some(failure.is_some()));
        self.0.closed.notify_one();
    }
}

impl Recorder {
    /// What was seen, once `count` connections are closed.
    async fn closed(&self, count: usize) -> Vec<Seen> {
        loop {
            let all = self.0.all.lock().unwrap().clone();
            if all.iter().filter(|seen| seen.closed.is_some()).count() == count {
                return all;
            }
            soon("the connections to close", self.0.closed.notified()).await;
        }
    }
}

const SENT: usize = Direction::Sent as usize;
const RECEIVED: usize = Direction::Received as usize;

/// More than a socket takes at once.
fn much() -> Vec<u8> {
    (0..3_000_000_u32).map(|n| (n % 251) as u8).collect()
}

#[tokio::test]
async fn both_ends_see_all_bytes_and_the_ends() {
    for over in SOCKETS {
        let (client, server) = (Recorder::default(), Recorder::default());
        let folder = tempfile::tempdir().unwrap();
        let (mut connect, mut listen) =
            (ConnectOptions::new().observer(client.clone()), ServerOptions::new().observer(server.clone()));
        let endpoint = match over {
            Over::Unix => astream::Endpoint::Unix(folder.path().join("socket")),
            _ => "127.0.0.1:0".parse().unwrap(),
        };
        if over == Over::Tls {
            connect = connect.tls(TlsClient::new().pin(IDENTITY.pin()));
            listen = listen.tls(TlsServer::new(IDENTITY.clone()));
        }
        let ((mut reader, writer), (mut from, to)) = connected(&endpoint, &connect, &listen).await;
        let (peer, number) = (reader.peer_addr().to_string(), from.number());
        assert!(reader.number().is_none() && number.is_some());
        let send = async {
            writer.write(&much());
            writer.close();
            writer.wait_closed().await.unwrap();
        };
        let echo = async {
            let got = from.read_to_end().await.unwrap();
            assert!(got == much());
            to.write(b"thanks");
            to.close();
            to.wait_closed().await.unwrap();
        };
        let receive = async { assert_eq!(reader.read_to_end().await.unwrap(), "") };
        // A writer that is closed ends its reader: what the peer answers is dropped.
        soon("the exchange", async { tokio::join!(send, echo, receive) }).await;
        drop((reader, writer, from, to));
        let [seen] = &client.closed(1).await[..] else { panic!("one connection") };
        assert!(seen.bytes[SENT] == much() && seen.ended == [1, 1], "{over:?}");
        assert_eq!((seen.peer.as_str(), seen.number, seen.is_accepted), (peer.as_str(), None, false));
        assert_eq!((seen.is_tls, seen.is_datagrams, seen.closed), (over == Over::Tls, false, Some(false)));
        let [seen] = &server.closed(1).await[..] else { panic!("one connection") };
        assert!(seen.bytes == [b"thanks".to_vec(), much()] && seen.ended == [1, 1], "{over:?}");
        assert_eq!((seen.number, seen.is_accepted, seen.is_tls), (number, true, over == Over::Tls));
    }
}

#[tokio::test]
async fn a_reset_is_no_end() {
    let (client, server) = (Recorder::default(), Recorder::default());
    let (connect, listen) =
        (ConnectOptions::new().observer(client.clone()), ServerOptions::new().observer(server.clone()));
    let endpoint = "127.0.0.1:0".parse().unwrap();
    let ((mut reader, writer), (mut from, to)) = connected(&endpoint, &connect, &listen).await;
    writer.write(b"half");
    assert_eq!(soon("half", from.readexactly(4)).await.unwrap(), "half");
    to.abort();
    soon("the reset", reader.read(1)).await.unwrap_err();
    drop((reader, writer, from, to));
    let seen = client.closed(1).await.remove(0);
    assert_eq!((seen.bytes[SENT].as_slice(), seen.ended, seen.closed), (&b"half"[..], [0, 0], Some(true)));
    let seen = server.closed(1).await.remove(0);
    assert_eq!(
        (seen.bytes[RECEIVED].as_slice(), seen.ended, seen.closed),
        (&b"half"[..], [0, 0], Some(false))
    );
}

#[tokio::test]
async fn a_relay_shows_both_of_its_connections_with_the_number_of_the_client() {
    let (here, plain) = ("127.0.0.1:0".parse().unwrap(), ServerOptions::new());
    let handler = |reader, writer| async move { Echo.handle(reader, writer).await.result };
    let echo = start_server(handler, &here, &plain).await.unwrap();
    let target = (&echo.local_addrs()[0]).try_into().unwrap();
    let seen = Recorder::default();
    let forward = Forward::new(target, ConnectOptions::new().observer(seen.clone())).unwrap();
    let forward = Arc::new(forward);
    let relay = move |reader, writer| {
        let forward = Arc::clone(&forward);
        async move { forward.handle(reader, writer).await.result }
    };
    let options = ServerOptions::new().observer(seen.clone());
    let server = start_server(relay, &here, &options).await.unwrap();
    let address = (&server.local_addrs()[0]).try_into().unwrap();
    let (mut reader, writer) = open_connection(&address, &ConnectOptions::new()).await.unwrap();
    writer.write(b"there and back");
    writer.write_eof();
    assert_eq!(soon("the echo", reader.read_to_end()).await.unwrap(), "there and back");
    drop((reader, writer));
    let all = seen.closed(2).await;
    assert!(all[0].number.is_some() && all[0].number == all[1].number);
    assert_eq!(all.iter().map(|seen| seen.is_accepted).collect::<Vec<_>>(), [true, false]);
    let bytes = [b"there and back".to_vec(), b"there and back".to_vec()];
    assert!(all.iter().all(|seen| seen.bytes == bytes && seen.ended == [1, 1]), "{all:?}");
}

#[tokio::test]
async fn messages_are_seen_one_by_one() {
    let (client, server) = (Recorder::default(), Recorder::default());
    let handler = Arc::new(Echo);
    let serve = move |session: Datagrams| {
        let handler = Arc::clone(&handler);
        async move { handler.handle_datagrams(session).await.result }
    };
    let options = DatagramServerOptions::new().observer(server.clone());
    let bound = serve_datagrams(serve, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let address = bound.local_addrs()[0].clone().try_into().unwrap();
    let options = DatagramOptions::new().observer(client.clone());
    let session = open_datagrams(&address, &options).await.unwrap();
    for message in ["one", "", "three"] {
        session.send(message.as_bytes()).await.unwrap();
        assert_eq!(soon("the echo", session.receive()).await.unwrap(), message);
    }
    drop(session);
    bound.close();
    drop(bound);
    let bytes = [b"onethree".to_vec(), b"onethree".to_vec()];
    for seen in [client.closed(1).await.remove(0), server.closed(1).await.remove(0)] {
        assert_eq!((&seen.bytes, seen.pieces, seen.is_datagrams), (&bytes, 6, true));
        assert!(seen.is_accepted == seen.number.is_some());
    }
}

#[tokio::test]
async fn what_came_with_the_answer_of_a_proxy_is_seen_and_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        // One segment for both.
        SockRef::from(&stream).set_tcp_nodelay(true).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nwelcome").unwrap();
    });
    let seen = Recorder::default();
    let proxied: Proxy = format!("http://{address}").parse().unwrap();
    let options = ConnectOptions::new().proxy(proxied).observer(seen.clone());
    let target = "192.0.2.1:9".parse().unwrap();
    let (mut reader, writer) = soon("the proxy", open_connection(&target, &options)).await.unwrap();
    assert_eq!(soon("the welcome", reader.read_to_end()).await.unwrap(), "welcome");
    assert_eq!(reader.traffic().totals().received, 7);
    drop((reader, writer));
    assert_eq!(seen.closed(1).await[0].bytes[RECEIVED], b"welcome");
    proxy.join().unwrap();
}
