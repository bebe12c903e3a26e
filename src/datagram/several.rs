//! For tests: a name with several addresses. Some of them refuse.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;

use super::{DatagramOptions, Datagrams, open_datagrams};
use crate::error::Error;
use crate::transport::Known;

/// What takes longer has hung.
const DEADLINE: Duration = Duration::from_secs(30);

/// So many sockets with one port, at an address each. What comes to them waits until it is looked at.
fn sockets<const N: usize>() -> [UdpSocket; N] {
    loop {
        let first = UdpSocket::bind("127.0.0.2:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let others =
            (3..).take(N - 1).map(|last| UdpSocket::bind(SocketAddr::from(([127, 0, 0, last], port))));
        if let Ok(others) = others.collect::<Result<Vec<_>, _>>() {
            let all: Vec<_> = [first].into_iter().chain(others).collect();
            for socket in &all {
                socket.set_read_timeout(Some(DEADLINE)).unwrap();
            }
            return all.try_into().unwrap();
        }
    }
}

/// From now on it refuses what does not come from one address.
fn refuse(socket: &UdpSocket) {
    socket.connect("127.0.0.1:1").unwrap();
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().unwrap()
}

/// A session with a name that has these addresses.
async fn open(sockets: &[UdpSocket]) -> Datagrams {
    let endpoint = format!("name.test:{}", address(&sockets[0]).port()).parse().unwrap();
    let addresses = sockets.iter().map(address).collect();
    open_datagrams(&endpoint, &DatagramOptions::new().known(Known::new("name.test", addresses)))
        .await
        .unwrap()
}

async fn receive(session: &Datagrams) -> Result<Bytes, Error> {
    tokio::time::timeout(DEADLINE, session.receive()).await.expect("something comes")
}

/// The next message, and where an answer goes.
fn next(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 100];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (String::from_utf8_lossy(&buffer[..length]).into_owned(), from)
}

fn has_nothing(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 100]).is_err()
}

#[tokio::test]
async fn what_was_refused_is_sent_to_the_next_address_and_nothing_twice() {
    let all = sockets::<3>();
    all[..2].iter().for_each(refuse);
    let session = open(&all).await;
    assert_eq!(session.peer_addr().to_string(), address(&all[0]).to_string());
    for message in ["1", "2", ""] {
        session.send(message.as_bytes()).await.unwrap();
    }
    session.send_batch(&["4", "5", "6", "seven"].map(Bytes::from)).await.unwrap();
    for message in ["1", "2", "", "4", "5", "6", "seven"] {
        assert_eq!(next(&all[2]).0, message);
    }
    session.send(b"8").await.unwrap();
    let (message, from) = next(&all[2]);
    assert_eq!(message, "8");
    all[2].send_to(b"answer", from).unwrap();
    assert_eq!(receive(&session).await.unwrap(), "answer");
    assert_eq!(session.peer_addr().to_string(), address(&all[2]).to_string());
    assert_eq!(session.local_addr().to_string(), from.to_string());
    assert!(all.iter().all(has_nothing));
}

#[tokio::test]
async fn who_waits_for_an_answer_sends_the_message_to_the_next_address() {
    let all = sockets::<3>();
    all[..2].iter().for_each(refuse);
    let session = open(&all).await;
    session.send(b"only").await.unwrap();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { receive(&session).await }
    });
    let server = all[2].try_clone().unwrap();
    let (message, from) = tokio::task::spawn_blocking(move || next(&server)).await.unwrap();
    assert_eq!(message, "only");
    all[2].send_to(b"answer", from).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "answer");
}

#[tokio::test]
async fn who_waits_for_an_answer_waits_where_the_sender_has_gone_to() {
    let [first, other] = sockets();
    let session = open(&[first.try_clone().unwrap(), other.try_clone().unwrap()]).await;
    session.send(b"1").await.unwrap();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { receive(&session).await }
    });
    tokio::task::yield_now().await;
    refuse(&first);
    // The system reports the refusal of one with the next one, before anything else can look.
    for message in [b"2", b"3"] {
        session.send(message).await.unwrap();
    }
    let received = ["1", "2", "3"].map(|_| next(&other));
    assert_eq!(received.each_ref().map(|(message, _)| message.as_str()), ["1", "2", "3"]);
    other.send_to(b"answer", received[0].1).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "answer");
}

#[tokio::test]
async fn where_all_refuse_the_error_names_them_and_the_last_one_stays() {
    let all = sockets::<3>();
    all.iter().for_each(refuse);
    let session = open(&all).await;
    session.send(b"lost").await.unwrap();
    let error = receive(&session).await.unwrap_err();
    let addresses: Vec<_> = all.iter().map(|socket| address(socket).to_string()).collect();
    let expected = format!("{}: closed: connection refused", addresses.join(", "));
    assert_eq!(error.to_string(), expected);
    let [.., last] = all;
    let there = address(&last);
    drop(last);
    let last = UdpSocket::bind(there).unwrap();
    last.set_read_timeout(Some(DEADLINE)).unwrap();
    session.send(b"found").await.unwrap();
    assert_eq!(next(&last).0, "found");
}

#[tokio::test]
async fn an_address_that_has_answered_stays() {
    let [first, other] = sockets();
    let session = open(&[first.try_clone().unwrap(), other.try_clone().unwrap()]).await;
    session.send(b"ask").await.unwrap();
    first.send_to(b"answer", next(&first).1).unwrap();
    assert_eq!(receive(&session).await.unwrap(), "answer");
    refuse(&first);
    session.send(b"lost").await.unwrap();
    let expected = format!("{}: closed: connection refused", address(&first));
    assert_eq!(receive(&session).await.unwrap_err().to_string(), expected);
    assert!(has_nothing(&other));
}

#[tokio::test]
async fn only_so_much_is_kept_for_another_address() {
    let [first, other] = sockets();
    let session = open(&[first.try_clone().unwrap(), other.try_clone().unwrap()]).await;
    for _ in 0..5 {
        session.send(&vec![0; 60_000]).await.unwrap();
    }
    refuse(&first);
    session.send(b"lost").await.unwrap();
    assert!(matches!(receive(&session).await, Err(Error::Refused { .. })));
    assert!(has_nothing(&other));
}
