//! The clients of a server: what they see when their handler does not complete, and when the server ends
//! their connections.

mod streams_support;

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use astream::handlers::{Forward, Handler};
use astream::{
    ConnectOptions, Endpoint, Error, Server, ServerOptions, StreamReader, StreamWriter, TlsClient, TlsServer,
    open_connection, start_server, start_tls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use streams_support::{End, IDENTITY, assert_cut, plenty, reset, soon};

async fn serve<F>(
    options: &ServerOptions,
    handler: impl Fn(StreamReader, StreamWriter) -> F + Send + Sync + 'static,
) -> Server
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    start_server(handler, &"127.0.0.1:0".parse().unwrap(), options).await.unwrap()
}

fn endpoint(server: &Server) -> Endpoint {
    server.local_addrs()[0].to_string().parse().unwrap()
}

fn tls_server() -> TlsServer {
    TlsServer::new(IDENTITY.clone())
}

fn tls_client() -> TlsClient {
    TlsClient::new().pin(IDENTITY.pin())
}

/// Plain, and under TLS: how to serve, and how to connect.
fn both() -> [(ServerOptions, ConnectOptions); 2] {
    [
        (ServerOptions::new(), ConnectOptions::new()),
        (ServerOptions::new().tls(tls_server()), ConnectOptions::new().tls(tls_client())),
    ]
}

async fn connect(server: &Server, options: &ConnectOptions) -> End {
    soon("connecting", open_connection(&endpoint(server), options)).await.unwrap()
}

/// How a handler leaves the middle of an answer.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    Fails,
    FailsAfterItHasDroppedTheWriter,
    Panics,
}

const LEAVING: [Leaving; 3] = [Leaving::Fails, Leaving::FailsAfterItHasDroppedTheWriter, Leaving::Panics];

async fn half_an_answer(how: Leaving, reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
    writer.write(b"half");
    writer.drain().await?;
    match how {
        Leaving::Fails => {}
        Leaving::FailsAfterItHasDroppedTheWriter => drop((reader, writer)),
        Leaving::Panics => panic!("as the test wants"),
    }
    Err(Error::Undelivered)
}

#[tokio::test]
async fn half_an_answer_never_looks_complete() {
    for how in LEAVING {
        for (serving, connecting) in both() {
            println!("{how:?}, {serving:?}");
            let server = serve(&serving, move |reader, writer| half_an_answer(how, reader, writer)).await;
            let (mut reader, _writer) = connect(&server, &connecting).await;
            assert_cut(&mut reader, b"half").await;
        }
    }
}

/// A handler that has its streams until it is dropped itself.
struct Holding {
    writer: StreamWriter,
    _reader: StreamReader,
}

impl Future for Holding {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.writer.write(b"half");
        Poll::Ready(Err(Error::Undelivered))
    }
}

#[tokio::test]
async fn half_an_answer_does_not_look_complete_where_the_future_keeps_its_streams() {
    for (serving, connecting) in both() {
        let server = serve(&serving, |reader, writer| Holding { writer, _reader: reader }).await;
        let (mut reader, _writer) = connect(&server, &connecting).await;
        assert_cut(&mut reader, b"half").await;
    }
}

#[tokio::test]
async fn half_an_answer_does_not_look_complete_where_the_handler_began_tls() {
    let server = serve(&ServerOptions::new(), async |reader, writer| {
        let (_reader, writer) = start_tls(reader, writer, &tls_server()).await?;
        writer.write(b"half");
        writer.drain().await?;
        Err(Error::Undelivered)
    })
    .await;
    let (reader, writer) = connect(&server, &ConnectOptions::new()).await;
    let (mut reader, _writer) = start_tls(reader, writer, &tls_client()).await.unwrap();
    assert_cut(&mut reader, b"half").await;
}

#[test]
fn half_an_answer_does_not_look_complete_where_the_servers_runtime_ends() {
    for (serving, connecting) in both() {
        let (ours, theirs) = (runtime(), runtime());
        let written = Arc::new(Notify::new());
        let signal = Arc::clone(&written);
        let server = theirs.block_on(serve(&serving, move |_reader, writer| {
            let written = Arc::clone(&signal);
            async move {
                writer.write(b"half");
                writer.drain().await?;
                written.notify_one();
                pending().await
            }
        }));
        let (mut reader, _writer) = std::thread::scope(|scope| {
            let connected = Arc::new(Notify::new());
            let both_are_ready = Arc::clone(&connected);
            let serving = scope.spawn(move || {
                theirs.block_on(async { tokio::join!(written.notified(), both_are_ready.notified()) });
                drop(theirs);
            });
            let client = ours.block_on(connect(&server, &connecting));
            connected.notify_one();
            serving.join().unwrap();
            client
        });
        ours.block_on(assert_cut(&mut reader, b"half"));
        drop(server);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn a_handler_that_is_well_and_leaves_its_writer_unclosed_has_sent_everything() {
    for (serving, connecting) in both() {
        let server = serve(&serving, async |_reader, writer| {
            writer.write(&plenty(&writer));
            Ok(())
        })
        .await;
        let (mut reader, writer) = connect(&server, &connecting).await;
        assert!(soon("all", reader.read_to_end()).await.unwrap() == plenty(&writer));
    }
}

#[tokio::test]
async fn a_handler_that_drops_its_writer_and_reads_on_has_ended_its_side_at_once() {
    for (serving, connecting) in both() {
        let server = serve(&serving, async |mut reader, writer| {
            writer.write(b"question");
            drop(writer);
            assert_eq!(reader.read_to_end().await?, "answer");
            Ok(())
        })
        .await;
        let (mut reader, writer) = connect(&server, &connecting).await;
        assert_eq!(soon("the question", reader.read_to_end()).await.unwrap(), "question");
        writer.write(b"answer");
        writer.wait_closed().await.unwrap();
        server.close();
        soon("the handler", server.wait_closed()).await;
    }
}

#[tokio::test]
async fn a_handler_that_gave_its_streams_away_has_nothing_more_to_do_with_them() {
    for (serving, connecting) in both() {
        let (sender, mut given) = tokio::sync::mpsc::unbounded_channel();
        let server = serve(&serving, move |reader, writer| {
            sender.send((reader, writer)).unwrap();
            std::future::ready(Ok(()))
        })
        .await;
        let (mut reader, _writer) = connect(&server, &connecting).await;
        let (_, writer) = given.recv().await.unwrap();
        server.close();
        soon("the handler", server.wait_closed()).await;
        writer.write(b"later");
        drop(writer);
        assert_eq!(soon("the end", reader.read_to_end()).await.unwrap(), "later");
    }
}

type Handling = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Waits for its client, and says when.
fn idle(waiting: Arc<Notify>) -> impl Fn(StreamReader, StreamWriter) -> Handling {
    move |mut reader, writer| {
        let waiting = Arc::clone(&waiting);
        Box::pin(async move {
            writer.write(b"hello");
            writer.drain().await?;
            waiting.notify_one();
            assert_eq!(reader.read_to_end().await?, "", "the client says nothing");
            writer.wait_closed().await
        })
    }
}

#[tokio::test]
async fn idle_clients_are_closed_cleanly_and_the_server_is_done() {
    for (serving, connecting) in both() {
        let waiting = Arc::new(Notify::new());
        let server = serve(&serving, idle(Arc::clone(&waiting))).await;
        let (mut reader, writer) = connect(&server, &connecting).await;
        waiting.notified().await;
        server.close();
        server.close_clients();
        assert_eq!(soon("the end", reader.read_to_end()).await.unwrap(), "hello");
        writer.wait_closed().await.unwrap();
        soon("the server", server.wait_closed()).await;
    }
}

#[tokio::test]
async fn idle_clients_are_aborted_and_the_server_is_done() {
    for (serving, connecting) in both() {
        let waiting = Arc::new(Notify::new());
        let server = serve(&serving, idle(Arc::clone(&waiting))).await;
        let (mut reader, _writer) = connect(&server, &connecting).await;
        waiting.notified().await;
        server.close();
        server.abort_clients();
        soon("the server", server.wait_closed()).await;
        assert_cut(&mut reader, b"hello").await;
    }
}

/// What a handler has written and not drained, and never returns from.
async fn never_returns(
    _reader: StreamReader,
    writer: StreamWriter,
    written: Arc<Notify>,
) -> Result<(), Error> {
    writer.write(&plenty(&writer));
    written.notify_one();
    pending().await
}

#[tokio::test]
async fn what_was_written_is_sent_to_clients_that_are_closed_whatever_the_handler_does() {
    for (serving, connecting) in both() {
        let written = Arc::new(Notify::new());
        let signal = Arc::clone(&written);
        let handler = move |reader, writer| never_returns(reader, writer, Arc::clone(&signal));
        let server = serve(&serving, handler).await;
        let (mut reader, writer) = connect(&server, &connecting).await;
        written.notified().await;
        server.close();
        server.close_clients();
        assert!(soon("all", reader.read_to_end()).await.unwrap() == plenty(&writer));
        writer.wait_closed().await.unwrap();
        soon("the server", server.wait_closed()).await;
    }
}

#[tokio::test]
async fn a_handler_that_goes_on_after_an_abort_is_not_waited_for() {
    for by_server in [false, true] {
        let aborted = Arc::new(Notify::new());
        let signal = Arc::clone(&aborted);
        let server = serve(&ServerOptions::new(), move |_reader, writer: StreamWriter| {
            let aborted = Arc::clone(&signal);
            async move {
                if !by_server {
                    writer.abort();
                }
                aborted.notify_one();
                pending().await
            }
        })
        .await;
        let (mut reader, _writer) = connect(&server, &ConnectOptions::new()).await;
        aborted.notified().await;
        server.close();
        if by_server {
            server.abort_clients();
        }
        soon("the server", server.wait_closed()).await;
        assert_cut(&mut reader, b"").await;
    }
}

#[tokio::test]
async fn clients_in_their_handshake_are_sent_away_too() {
    for send_away in [Server::close_clients, Server::abort_clients] {
        let options = ServerOptions::new().tls(tls_server()).handshake_timeout(None);
        let server = serve(&options, async |_reader, _writer| Ok(())).await;
        let mut silent = TcpStream::connect(endpoint(&server).to_string()).await.unwrap();
        // The one that follows it is served: it was accepted.
        let (mut reader, _writer) = connect(&server, &ConnectOptions::new().tls(tls_client())).await;
        assert_eq!(soon("the end", reader.read_to_end()).await.unwrap(), "");
        server.close();
        send_away(&server);
        soon("the server", server.wait_closed()).await;
        let _ = soon("the end", silent.read_to_end(&mut Vec::new())).await;
    }
}

/// A server that relays to a listener of the test.
async fn relaying(by_streams: bool) -> (Server, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    let forward = Forward::new(target, ConnectOptions::new().by_streams(by_streams)).unwrap();
    let forward = Arc::new(forward);
    let server = serve(&ServerOptions::new(), move |reader, writer| {
        let forward = Arc::clone(&forward);
        async move { forward.handle(reader, writer).await.result }
    })
    .await;
    (server, listener)
}

/// A client and the target that it talks with.
async fn relayed(server: &Server, listener: &TcpListener) -> (End, TcpStream) {
    let (mut reader, writer) = connect(server, &ConnectOptions::new()).await;
    writer.write(b"there");
    let (mut target, _) = soon("the target", listener.accept()).await.unwrap();
    target.read_exact(&mut [0; 5]).await.unwrap();
    target.write_all(b"back").await.unwrap();
    assert_eq!(soon("the answer", reader.readexactly(4)).await.unwrap(), "back");
    ((reader, writer), target)
}

#[tokio::test]
async fn a_relay_that_is_sent_away_is_cut_on_both_sides() {
    for by_streams in [false, true] {
        for send_away in [Server::close_clients, Server::abort_clients] {
            let (server, listener) = relaying(by_streams).await;
            let ((mut reader, _writer), mut target) = relayed(&server, &listener).await;
            server.close();
            send_away(&server);
            soon("the server", server.wait_closed()).await;
            assert_cut(&mut reader, b"").await;
            assert!(soon("the reset", target.read_to_end(&mut Vec::new())).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_relay_that_has_failed_is_not_waited_for() {
    for by_streams in [false, true] {
        let (server, listener) = relaying(by_streams).await;
        let ((mut reader, _writer), target) = relayed(&server, &listener).await;
        reset(target);
        assert_cut(&mut reader, b"").await;
        server.close();
        soon("the server", server.wait_closed()).await;
    }
}

#[tokio::test]
async fn new_clients_are_served_after_others_were_sent_away() {
    let server = serve(&ServerOptions::new(), async |mut reader, writer: StreamWriter| {
        writer.write(&reader.readline().await?.unwrap_or_default());
        writer.wait_closed().await
    })
    .await;
    server.abort_clients();
    let (mut reader, writer) = connect(&server, &ConnectOptions::new()).await;
    writer.write(b"hello\n");
    assert_eq!(soon("the echo", reader.readline()).await.unwrap().unwrap(), "hello\n");
}
