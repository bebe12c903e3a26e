//! Both ends of a connection over every transport, and a bound for every wait.

#![allow(dead_code, reason = "every test file uses a part")]

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use astream::{
    Address, ConnectOptions, Endpoint, Error, Identity, ServerOptions, StreamReader, StreamWriter, TlsClient,
    TlsServer, open_connection, pair, start_server,
};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// More than anything here needs, and less than the 30 s after which closing gives up, so that what only ends
/// by that limit fails.
const SOON: Duration = Duration::from_secs(20);

/// The result of `future`; panics if that takes too long.
pub(crate) async fn soon<T>(doing: &str, future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.unwrap_or_else(|_| panic!("{doing}: timed out after {SOON:?}"))
}

/// One end of a connection.
pub(crate) type End = (StreamReader, StreamWriter);

/// How two ends are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Unix,
    Tls,
    /// Eight bytes on the way: what a large buffer hides.
    Memory,
}

pub(crate) const SOCKETS: [Over; 3] = [Over::Tcp, Over::Unix, Over::Tls];
pub(crate) const ALL: [Over; 4] = [Over::Tcp, Over::Unix, Over::Tls, Over::Memory];

/// The key of every server here.
pub(crate) static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().unwrap());

impl Over {
    /// Both ends of a fresh connection.
    pub(crate) async fn ends(self) -> (End, End) {
        match self {
            Self::Memory => pair(8),
            _ => self.ends_with(&ConnectOptions::new()).await,
        }
    }

    /// Both ends of a fresh connection whose first end has `options`.
    pub(crate) async fn ends_with(self, options: &ConnectOptions) -> (End, End) {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = match self {
            Self::Unix => Endpoint::Unix(folder.path().join("socket")),
            _ => "127.0.0.1:0".parse().unwrap(),
        };
        match self {
            Self::Tcp | Self::Unix => connected(&endpoint, options, &ServerOptions::new()).await,
            Self::Tls => {
                let client = options.clone().tls(TlsClient::new().pin(IDENTITY.pin()));
                let server = ServerOptions::new().tls(TlsServer::new(IDENTITY.clone()));
                connected(&endpoint, &client, &server).await
            }
            Self::Memory => panic!("memory takes no options"),
        }
    }
}

/// A client and the server's end of its connection.
pub(crate) async fn connected(
    endpoint: &Endpoint,
    client: &ConnectOptions,
    server: &ServerOptions,
) -> (End, End) {
    let (sender, mut accepted) = mpsc::unbounded_channel();
    let handler = move |reader, writer| {
        sender.send((reader, writer)).unwrap_or_else(|_| panic!("no task waits for this connection"));
        std::future::ready(Ok::<_, Error>(()))
    };
    let server = start_server(handler, endpoint, server).await.unwrap();
    let endpoint = server.local_addrs()[0].to_string().parse().unwrap();
    let connecting = async { tokio::join!(open_connection(&endpoint, client), accepted.recv()) };
    let (one, other) = soon("connecting", connecting).await;
    (one.unwrap(), other.unwrap())
}

/// Runs `test` with both ends of a connection over each of these.
pub(crate) async fn over(each: &[Over], test: impl AsyncFn(End, End)) {
    for over in each {
        // Shown where the test fails.
        println!("over {over:?}");
        let (one, other) = over.ends().await;
        soon("the test", test(one, other)).await;
    }
}

/// Runs `test` over every kind of socket, its first end having `options`.
pub(crate) async fn over_sockets(options: ConnectOptions, test: impl AsyncFn(End, End)) {
    for over in SOCKETS {
        println!("over {over:?}");
        let (one, other) = over.ends_with(&options).await;
        soon("the test", test(one, other)).await;
    }
}

/// A client of the library and a bare socket as its peer.
pub(crate) async fn with_bare_peer(options: &ConnectOptions) -> (End, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let connecting = async { tokio::join!(open_connection(&endpoint, options), listener.accept()) };
    let (client, peer) = soon("connecting", connecting).await;
    (client.unwrap(), peer.unwrap().0)
}

/// Sends `data` and the end, while the peer reads.
pub(crate) fn send_all(writer: StreamWriter, data: impl Into<Vec<u8>>) -> JoinHandle<StreamWriter> {
    let data = data.into();
    tokio::spawn(async move {
        writer.write(&data);
        writer.write_eof();
        writer.drain().await.unwrap();
        writer
    })
}

/// Closes a socket with a reset.
pub(crate) fn reset(socket: TcpStream) {
    SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

/// Bytes in which a lost, repeated or misplaced one is noticed.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect()
}

/// Asserts that `sent` arrives, and then no clean end but a reset or a truncation.
pub(crate) async fn assert_cut(reader: &mut StreamReader, sent: &[u8]) {
    let error = soon("the cut", reader.read_to_end()).await.expect_err("it looks complete");
    let is_cut = match &error {
        Error::Lost { cause, .. } => cause.kind() == std::io::ErrorKind::ConnectionReset,
        other => matches!(other, Error::Truncated),
    };
    assert!(is_cut, "{error:?}");
    assert_eq!(reader.buffer(), sent);
}

/// More than `writer`'s connection can hold: the rest is queued.
pub(crate) fn plenty(writer: &StreamWriter) -> Vec<u8> {
    pattern(if *writer.peer_addr() == Address::Memory { 10_000 } else { 8 << 20 })
}
