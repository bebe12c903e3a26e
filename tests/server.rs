//! `start_server`: bound on return, one task per client, and no client or handler affects the others.

mod streams_support;

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use astream::{
    Address, ConnectOptions, Endpoint, Error, Server, ServerOptions, StreamReader, StreamWriter, TlsServer,
    open_connection, start_server,
};
use futures_util::FutureExt;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use streams_support::{End, IDENTITY, assert_cut, reset, soon};

/// Sends each line back; fails at the line `fail`, panics at the line `panic`.
async fn echo(mut reader: StreamReader, writer: StreamWriter) -> Result<(), Error> {
    while let Some(line) = reader.readline().await? {
        match &line[..] {
            b"fail\n" => return Err(Error::EmptySeparator),
            b"panic\n" => panic!("as the test wants"),
            _ => writer.write(&line),
        }
        writer.drain().await?;
    }
    writer.wait_closed().await
}

async fn echo_server(address: &str) -> Server {
    start_server(echo, &address.parse().unwrap(), &ServerOptions::new()).await.unwrap()
}

fn endpoint(server: &Server) -> Endpoint {
    server.local_addrs()[0].to_string().parse().unwrap()
}

async fn connect(to: &Endpoint) -> End {
    soon("connecting", open_connection(to, &ConnectOptions::new())).await.unwrap()
}

async fn assert_echoes((reader, writer): &mut End) {
    writer.write(b"hello\n");
    assert_eq!(soon("the echo", reader.readline()).await.unwrap().unwrap(), "hello\n");
}

async fn assert_serves(server: &Server) {
    assert_echoes(&mut connect(&endpoint(server)).await).await;
}

fn assert_refused(server: &Server) {
    let Address::Tcp(address) = &server.local_addrs()[0] else { panic!("not TCP") };
    let error = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

fn ports(server: &Server) -> Vec<u16> {
    let port = |address: &Address| match address {
        Address::Tcp(address) => address.port(),
        other => panic!("{other}"),
    };
    server.local_addrs().iter().map(port).collect()
}

#[tokio::test]
async fn a_server_is_bound_on_return_and_says_where() {
    let server = echo_server("127.0.0.1:0").await;
    assert!(server.is_serving());
    assert_ne!(ports(&server), [0]);
    assert_serves(&server).await;
}

#[tokio::test]
async fn port_0_is_one_port_for_all_addresses_of_a_name() {
    for name in ["localhost", "*"] {
        let server = echo_server(&format!("{name}:0")).await;
        let ports = ports(&server);
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        for address in server.local_addrs() {
            let Address::Tcp(address) = address else { panic!("{address}") };
            let host = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
            let to = Endpoint::tcp(host, &address.port().to_string()).unwrap();
            assert_echoes(&mut connect(&to).await).await;
        }
    }
}

#[tokio::test]
async fn all_addresses_are_those_of_both_families_where_the_machine_has_both() {
    let has_v6 = std::net::TcpListener::bind("[::]:0").is_ok();
    let server = echo_server("*:0").await;
    assert_eq!(server.local_addrs().len(), if has_v6 { 2 } else { 1 });
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = echo_server("127.0.0.1:0").await;
    let taken = endpoint(&server);
    let error = start_server(echo, &taken, &ServerOptions::new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {taken}: address already in use"));
}

#[tokio::test]
async fn a_handler_that_fails_or_panics_loses_its_connection_only() {
    let server = echo_server("127.0.0.1:0").await;
    let mut before = connect(&endpoint(&server)).await;
    for word in [b"fail\n".as_slice(), b"panic\n"] {
        let (mut reader, writer) = connect(&endpoint(&server)).await;
        writer.write(word);
        assert_cut(&mut reader, b"").await;
        assert_echoes(&mut before).await;
        assert_serves(&server).await;
    }
}

#[tokio::test]
async fn a_handler_that_panics_before_its_future_exists_loses_its_connection_only() {
    let handler =
        |_: StreamReader, _: StreamWriter| -> std::future::Ready<Result<(), Error>> { panic!("at once") };
    let server = start_server(handler, &"127.0.0.1:0".parse().unwrap(), &ServerOptions::new()).await.unwrap();
    for _ in 0..2 {
        let (mut reader, _writer) = connect(&endpoint(&server)).await;
        assert_cut(&mut reader, b"").await;
    }
}

#[tokio::test]
async fn clients_are_served_at_the_same_time() {
    let server = echo_server("127.0.0.1:0").await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(connect(&endpoint(&server)).await);
    }
    for client in clients.iter_mut().rev() {
        assert_echoes(client).await;
    }
}

#[tokio::test]
async fn clients_that_reset_their_connections_touch_nobody() {
    let server = echo_server("127.0.0.1:0").await;
    for _ in 0..20 {
        reset(TcpStream::connect(endpoint(&server).to_string()).await.unwrap());
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn close_stops_the_listening_at_once_and_open_connections_live_on() {
    let server = echo_server("127.0.0.1:0").await;
    let mut client = connect(&endpoint(&server)).await;
    assert_echoes(&mut client).await;
    server.close();
    assert!(!server.is_serving());
    assert_refused(&server);
    // The same address is free for the next server.
    let next = start_server(echo, &endpoint(&server), &ServerOptions::new()).await.unwrap();
    assert_serves(&next).await;
    server.close();
    assert_echoes(&mut client).await;
}

#[tokio::test]
async fn wait_closed_waits_for_the_open_connections() {
    let server = echo_server("127.0.0.1:0").await;
    assert!(server.wait_closed().now_or_never().is_none(), "it is not closed");
    let mut client = connect(&endpoint(&server)).await;
    assert_echoes(&mut client).await;
    server.close();
    let server = Arc::new(server);
    let wait = |server: Arc<Server>| tokio::spawn(async move { server.wait_closed().await });
    let waiting: Vec<_> = (0..3).map(|_| wait(Arc::clone(&server))).collect();
    assert_echoes(&mut client).await;
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    client.1.write_eof();
    for waiting in waiting {
        soon("the last handler", waiting).await.unwrap();
    }
    soon("a second wait", server.wait_closed()).await;
}

#[tokio::test]
async fn serve_forever_ends_when_the_server_is_closed() {
    let server = Arc::new(echo_server("127.0.0.1:0").await);
    let other = Arc::clone(&server);
    let serving = tokio::spawn(async move { other.serve_forever().await });
    assert_serves(&server).await;
    assert!(!serving.is_finished());
    server.close();
    soon("serve_forever", serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_listens_no_more_and_open_connections_live_on() {
    let server = echo_server("127.0.0.1:0").await;
    let mut client = connect(&endpoint(&server)).await;
    assert_echoes(&mut client).await;
    let Address::Tcp(address) = server.local_addrs()[0] else { panic!("not TCP") };
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
    assert_echoes(&mut client).await;
}

#[tokio::test]
async fn a_handler_s_limit_is_the_servers() {
    let (reports, mut error) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |mut reader: StreamReader, _| {
        let reports = reports.clone();
        async move { reader.readline().await.map(drop).map_err(|error| drop(reports.send(error.to_string()))) }
            .map(|done| done.map_err(|()| Error::Closed))
    };
    let options = ServerOptions::new().limit(3);
    let server = start_server(handler, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let (_reader, writer) = connect(&endpoint(&server)).await;
    writer.write(b"1234\n");
    assert_eq!(
        soon("the error", error.recv()).await.unwrap(),
        "a line is longer than 3 bytes; it was dropped"
    );
}

#[tokio::test]
async fn clients_that_speak_no_tls_or_nothing_lose_their_own_connection_only() {
    let options = ServerOptions::new()
        .tls(TlsServer::new(IDENTITY.clone()))
        .handshake_timeout(Duration::from_millis(500));
    let server = start_server(echo, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let to = endpoint(&server).to_string();
    let mut silent = TcpStream::connect(&to).await.unwrap();
    let mut wrong = TcpStream::connect(&to).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut wrong, b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    for client in [&mut silent, &mut wrong] {
        let _ = soon("the end", client.read_to_end(&mut Vec::new())).await;
    }
    let tls = ConnectOptions::new().tls(astream::TlsClient::new().pin(IDENTITY.pin()));
    assert_echoes(&mut open_connection(&endpoint(&server), &tls).await.unwrap()).await;
    server.close();
    soon("closing", server.wait_closed()).await;
}

fn unix(path: &Path) -> Endpoint {
    Endpoint::Unix(path.to_owned())
}

async fn listen_on(path: &Path) -> Result<Server, Error> {
    start_server(echo, &unix(path), &ServerOptions::new()).await
}

#[tokio::test]
async fn a_unix_socket_is_its_owners_and_goes_with_its_server_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = listen_on(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_serves(&server).await;
    server.close();
    assert!(!path.exists());
    let next = listen_on(&path).await.unwrap();
    drop(server);
    // Lets the first one's tasks end: they own nothing of the second one.
    tokio::task::yield_now().await;
    assert_serves(&next).await;
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_neither_a_live_one_nor_a_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let server = listen_on(&path).await.unwrap();
    let error = listen_on(&path).await.unwrap_err();
    let reports = format!("cannot listen on unix:{}: address already in use", path.display());
    assert_eq!(error.to_string(), reports);
    assert_serves(&server).await;
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(listen_on(&file).await, Err(Error::Bind { .. })));
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_under_a_storm_of_connections_hangs_nobody() {
    let server = echo_server("127.0.0.1:0").await;
    let (to, running) = (endpoint(&server), Arc::new(Semaphore::new(0)));
    let storm = |to: Endpoint, running: Arc<Semaphore>| async move {
        while let Ok((mut reader, writer)) = open_connection(&to, &ConnectOptions::new()).await {
            writer.write(b"x\n");
            writer.write_eof();
            // It may have been accepted by the system only.
            let _ = reader.read_to_end().await;
            running.add_permits(1);
        }
    };
    let storms: Vec<_> = (0..4).map(|_| tokio::spawn(storm(to.clone(), Arc::clone(&running)))).collect();
    soon("some connections", running.acquire_many(50)).await.unwrap().forget();
    server.close();
    for storm in storms {
        soon("the last connection", storm).await.unwrap();
    }
    soon("the server", server.wait_closed()).await;
}
