//! `Listener`: one connection at a time, several addresses, and sockets that were listening already.

mod streams_support;

use std::io::ErrorKind;
use std::os::fd::AsFd;

use astream::{
    Address, ConnectOptions, Endpoint, Error, Listener, ServerOptions, StreamReader, StreamWriter, TlsClient,
    TlsServer, open_connection,
};
use futures_util::FutureExt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;

use streams_support::{End, IDENTITY, assert_cut, soon};

fn local() -> Endpoint {
    "127.0.0.1:0".parse().unwrap()
}

async fn listen(options: &ServerOptions) -> Listener {
    Listener::bind(&local(), options).await.unwrap()
}

async fn listen_with_tls() -> Listener {
    listen(&ServerOptions::new().tls(TlsServer::new(IDENTITY.clone()))).await
}

fn endpoint(listener: &Listener) -> Endpoint {
    (&listener.local_addrs()[0]).try_into().unwrap()
}

fn socket_address(listener: &Listener) -> std::net::SocketAddr {
    let Address::Tcp(address) = listener.local_addrs()[0] else { panic!("not TCP") };
    address
}

async fn connect(to: &Endpoint) -> End {
    soon("connecting", open_connection(to, &ConnectOptions::new())).await.unwrap()
}

async fn connect_by_tls(to: Endpoint) -> End {
    let options = ConnectOptions::new().tls(TlsClient::new().pin(IDENTITY.pin()));
    soon("connecting", open_connection(&to, &options)).await.unwrap()
}

async fn accept(listener: &mut Listener) -> End {
    soon("a connection", listener.accept()).await.unwrap()
}

async fn assert_connected((_reader, writer): &End, (peer, _peer_writer): &mut End) {
    writer.write(b"hello\n");
    assert_eq!(soon("the line", peer.readline()).await.unwrap().unwrap(), "hello\n");
}

#[tokio::test]
async fn connections_are_accepted_one_at_a_time_and_those_that_wait_are_not_lost() {
    let mut listener = listen(&ServerOptions::new()).await;
    assert!(listener.accept().now_or_never().is_none(), "there is no client");
    let clients = [connect(&endpoint(&listener)).await, connect(&endpoint(&listener)).await];
    for client in &clients {
        let mut accepted = accept(&mut listener).await;
        assert_eq!(accepted.0.peer_addr(), client.0.local_addr());
        assert_connected(client, &mut accepted).await;
    }
}

#[tokio::test]
async fn a_slow_handshake_holds_up_nobody_else() {
    let mut listener = listen_with_tls().await;
    let _silent = TcpStream::connect(socket_address(&listener)).await.unwrap();
    let client = tokio::spawn(connect_by_tls(endpoint(&listener)));
    let mut accepted = accept(&mut listener).await;
    assert_connected(&client.await.unwrap(), &mut accepted).await;
}

#[tokio::test]
async fn an_accept_that_is_cancelled_loses_no_connection() {
    let mut listener = listen_with_tls().await;
    let clients: Vec<_> = (0..20).map(|_| tokio::spawn(connect_by_tls(endpoint(&listener)))).collect();
    let mut accepted = Vec::new();
    let accepting = async {
        while accepted.len() < clients.len() {
            tokio::select! {
                biased;
                client = listener.accept() => accepted.push(client.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    soon("every connection", accepting).await;
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_nobody_has_accepted_is_reset_when_the_listener_goes() {
    let mut listener = listen_with_tls().await;
    let client = tokio::spawn(connect_by_tls(endpoint(&listener)));
    while !client.is_finished() {
        // It gives the handshake a beginning; the rest goes on by itself. The client has it behind it first.
        assert!(listener.accept().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(listener);
    assert_cut(&mut client.await.unwrap().0, b"").await;
}

#[tokio::test]
async fn a_handshake_that_fails_is_passed_over() {
    let mut listener = listen_with_tls().await;
    let (_reader, writer) = connect(&endpoint(&listener)).await;
    writer.write(b"GET / HTTP/1.0\r\n\r\n");
    let client = tokio::spawn(connect_by_tls(endpoint(&listener)));
    let mut accepted = accept(&mut listener).await;
    assert_connected(&client.await.unwrap(), &mut accepted).await;
}

#[tokio::test]
async fn several_addresses_share_the_port_that_the_system_chose_and_each_has_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let endpoints = [local(), Endpoint::Unix(path.clone()), "127.0.0.2:0".parse().unwrap()];
    let mut listener = Listener::bind_all(&endpoints, &ServerOptions::new()).await.unwrap();
    let [Address::Tcp(first), Address::Unix(Some(second)), Address::Tcp(third)] = listener.local_addrs()
    else {
        panic!("{listener:?}")
    };
    assert_eq!((first.port(), second), (third.port(), &path));
    let to: Vec<Endpoint> =
        listener.local_addrs().iter().map(|address| address.try_into().unwrap()).collect();
    let mut clients = Vec::new();
    for to in to.iter().chain(&to) {
        clients.push(connect(to).await);
    }
    let mut turns = Vec::new();
    for _ in &clients {
        turns.push(accept(&mut listener).await.1.local_addr().to_string());
    }
    assert_eq!(turns[..3], turns[3..], "no client waits for two of another address");
    let serving = listener.serve(|_reader: StreamReader, writer: StreamWriter| async move {
        writer.write(b"hello");
        writer.wait_closed().await
    });
    for to in &to {
        assert_eq!(soon("the answer", connect(to).await.0.readexactly(5)).await.unwrap(), "hello");
    }
    drop(serving);
    assert!(!path.exists());
}

#[tokio::test]
async fn one_address_that_cannot_be_had_leaves_none_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let taken = listen(&ServerOptions::new()).await;
    let endpoints = [Endpoint::Unix(path.clone()), endpoint(&taken)];
    let error = Listener::bind_all(&endpoints, &ServerOptions::new()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {}: address already in use", endpoints[1]));
    assert!(!path.exists());
    let error = Listener::bind_all(&[], &ServerOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn sockets_that_listen_already_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
    let (address, options) = (tcp.local_addr().unwrap(), ServerOptions::new());
    let unix = Listener::from_std(unix, &options).unwrap();
    let tcp = Listener::from_std(tcp, &options).unwrap();
    assert_eq!(tcp.local_addrs(), [Address::Tcp(address)]);
    for mut listener in [unix, tcp] {
        let client = connect(&endpoint(&listener)).await;
        let mut accepted = accept(&mut listener).await;
        assert_connected(&client, &mut accepted).await;
    }
    assert!(path.exists(), "it is its maker's");
}

#[tokio::test]
async fn a_socket_that_does_not_listen_is_refused() {
    let stream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let datagrams = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    for socket in [stream, datagrams] {
        let error = Listener::from_std(socket, &ServerOptions::new()).unwrap_err();
        let expected = "cannot listen on the given socket: it is not a stream socket that listens";
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn a_port_is_shared_only_where_that_is_asked_for() {
    let shared = ServerOptions::new().reuse_port(true);
    let first = listen(&shared).await;
    let second = Listener::bind(&endpoint(&first), &shared).await.unwrap();
    assert_eq!(first.local_addrs(), second.local_addrs());
    let alone = listen(&ServerOptions::new()).await;
    let error = Listener::bind(&endpoint(&alone), &shared).await.unwrap_err();
    assert!(matches!(&error, Error::Bind { cause, .. } if cause.kind() == ErrorKind::AddrInUse), "{error}");
}

#[tokio::test]
async fn a_backlog_is_as_long_as_it_was_asked_for() {
    let listener = listen(&ServerOptions::new().backlog(1)).await;
    let connecting = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&socket_address(&listener).into());
        socket
    };
    let sockets: Vec<_> = (0..3).map(connecting).collect();
    let is_connected = |socket: &Socket, limit| {
        let mut polled = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT)];
        poll(&mut polled, limit).unwrap() == 1
    };
    // The system takes one more than it is asked for.
    assert!(is_connected(&sockets[0], None) && is_connected(&sockets[1], None));
    assert!(!is_connected(&sockets[2], Some(&Timespec::default())), "there is room for all");
}
