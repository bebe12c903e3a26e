//! Peers that behave as asked, each in a thread: what a connection does is a closure.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::DEADLINE;

/// A server for one connection, listening when this exists.
pub struct Peer<T> {
    pub address: SocketAddr,
    result: Receiver<T>,
}

impl<T> Peer<T> {
    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// What the closure returned.
    #[track_caller]
    pub fn join(self) -> T {
        self.result.recv_timeout(DEADLINE).expect("the peer came to its end")
    }
}

/// Accepts one connection on 127.0.0.1.
pub fn peer<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> Peer<T> {
    peer_at("127.0.0.1", serve)
}

/// The same on another address.
pub fn peer_at<T: Send + 'static>(ip: &str, serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> Peer<T> {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, result) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // So that a second client is refused, as with a real one-shot server.
        drop(listener);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let _ = sender.send(serve(stream));
    });
    Peer { address, result }
}

/// Serves so many connections, one after the other, each with its number.
pub fn peers<T: Send + 'static>(
    connections: usize,
    serve: impl Fn(usize, TcpStream) -> T + Send + 'static,
) -> Peer<Vec<T>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, result) = channel();
    thread::spawn(move || {
        let served = (0..connections).map(|number| {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            stream.set_write_timeout(Some(DEADLINE)).unwrap();
            serve(number, stream)
        });
        let _ = sender.send(served.collect());
    });
    Peer { address, result }
}

pub type Tls = StreamOwned<ServerConnection, TcpStream>;

/// The same with TLS around the connection; the handshake happens with the first byte.
pub fn tls_peer<T: Send + 'static>(
    config: Arc<ServerConfig>,
    serve: impl FnOnce(Tls) -> T + Send + 'static,
) -> Peer<T> {
    peer(move |stream| serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream)))
}

/// close_notify and FIN; reading goes on.
pub fn end_tls(tls: &mut Tls) {
    tls.conn.send_close_notify();
    tls.flush().unwrap();
    tls.sock.shutdown(Shutdown::Write).unwrap();
}

/// Everything to the end.
pub fn read_all(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Resets the connection.
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// A listening address that answers nothing: its queue is full.
pub struct BlackHole {
    pub address: SocketAddr,
    _sockets: Vec<socket2::Socket>,
}

pub fn black_hole(host: &str) -> BlackHole {
    let address: SocketAddr = format!("{host}:0").parse().unwrap();
    let socket =
        || socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None).unwrap();
    let listener = socket();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut sockets = vec![listener];
    for _ in 0..3 {
        let client = socket();
        client.set_nonblocking(true).unwrap();
        let _ = client.connect(&address.into());
        sockets.push(client);
    }
    BlackHole { address, _sockets: sockets }
}

/// A port that refuses as long as this lives: bound, not listening.
pub fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A pipe whose ends a test hands to programs.
pub fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader.into(), writer.into())
}

/// Connects, with a limit for each read.
pub fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Connects, sends this and its end, and returns what comes back.
pub fn ask(address: SocketAddr, question: &[u8]) -> Vec<u8> {
    exchange(dial(address), question.to_vec())
}

/// Sends this and its end, and returns what comes meanwhile.
pub fn exchange(mut stream: TcpStream, data: Vec<u8>) -> Vec<u8> {
    let mut writing = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        writing.write_all(&data).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let received = read_all(&mut stream);
    writer.join().unwrap();
    received
}
