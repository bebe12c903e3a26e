//! Datagrams in the library: messages, sessions, and what becomes of them when there are many.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use astream::handlers::{DatagramHandler, Echo, Forward};
use astream::{
    Address, ConnectOptions, DatagramOptions, DatagramServer, DatagramServerOptions, Datagrams, Endpoint,
    Error, MAX_DATAGRAM, ProxyProtocol, TlsClient, open_datagrams, probe_datagrams, serve_datagrams,
};
use bytes::Bytes;

/// What no test waits for unless it fails.
const DEADLINE: Duration = Duration::from_secs(30);

fn options() -> DatagramServerOptions {
    DatagramServerOptions::new()
}

/// Serves every peer with `handler`.
async fn serve(
    handler: impl DatagramHandler + Send + Sync + 'static,
    address: &str,
    options: &DatagramServerOptions,
) -> DatagramServer {
    let handler = Arc::new(handler);
    let serve = move |session| {
        let handler = Arc::clone(&handler);
        async move { handler.handle_datagrams(session).await.result }
    };
    serve_datagrams(serve, &address.parse().unwrap(), options).await.unwrap()
}

fn endpoint(server: &DatagramServer) -> Endpoint {
    server.local_addrs()[0].clone().try_into().unwrap()
}

fn port(server: &DatagramServer) -> u16 {
    let Address::Tcp(address) = server.local_addrs()[0] else { panic!("it has no port") };
    address.port()
}

async fn open(endpoint: &Endpoint) -> Datagrams {
    open_datagrams(endpoint, &DatagramOptions::new()).await.unwrap()
}

async fn receive(session: &Datagrams) -> Bytes {
    tokio::time::timeout(DEADLINE, session.receive()).await.expect("something comes").unwrap()
}

/// A socket that others send to, and its address.
fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// An address that refuses as long as its socket lives, which receives from another one only.
fn refusing() -> (UdpSocket, SocketAddr) {
    let (socket, address) = peer();
    socket.connect("127.0.0.1:1").unwrap();
    (socket, address)
}

#[tokio::test]
async fn messages_of_every_size_come_back_as_they_were_sent() {
    let server = serve(Echo, "127.0.0.1:0", &options()).await;
    let session = open(&endpoint(&server)).await;
    for size in [0, 1, 64, 1400, 1500, 9000, 65_506, MAX_DATAGRAM] {
        let message: Vec<_> = (0..size).map(|byte| byte.to_le_bytes()[0]).collect();
        session.send(&message).await.unwrap();
        assert!(receive(&session).await == message, "{size} bytes");
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_an_error_and_the_session_goes_on() {
    let server = serve(Echo, "127.0.0.1:0", &options()).await;
    let session = open(&endpoint(&server)).await;
    let error = session.send(&vec![0; MAX_DATAGRAM + 1]).await.unwrap_err();
    assert_eq!(error.to_string(), "a message of 65508 bytes is too long for a datagram");
    session.send(b"short").await.unwrap();
    assert_eq!(receive(&session).await, "short");
}

#[tokio::test]
async fn a_batch_of_mixed_sizes_keeps_its_order_and_its_boundaries() {
    let server = serve(Echo, "127.0.0.1:0", &options()).await;
    let session = open(&endpoint(&server)).await;
    let sizes = [64, 64, 64, 10, 0, 0, 1400, 1400, 1399, 5, 64, 1, 1, 1, 2000, 2000, 0];
    let messages: Vec<_> =
        sizes.iter().zip(0_u8..).map(|(size, number)| Bytes::from(vec![number; *size])).collect();
    session.send_batch(&messages).await.unwrap();
    for message in &messages {
        assert_eq!(receive(&session).await, message);
    }
    let totals = session.traffic().totals();
    assert_eq!(totals.sent, sizes.iter().sum::<usize>() as u64);
    assert_eq!(totals.sent, totals.received);
}

#[tokio::test]
async fn a_receive_that_is_given_up_loses_no_message() {
    let server = serve(Echo, "127.0.0.1:0", &options()).await;
    let session = open(&endpoint(&server)).await;
    for number in 0..200_u8 {
        session.send(&[number]).await.unwrap();
        loop {
            tokio::select! {
                biased;
                received = session.receive() => {
                    assert_eq!(received.unwrap(), [number][..]);
                    break;
                }
                () = tokio::task::yield_now() => {}
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_is_reported_and_the_message_that_the_system_kept_back_is_sent() {
    let (refusing, address) = refusing();
    let session = open(&address.into()).await;
    session.send(b"refused").await.unwrap();
    // The system reports the refusal of the first instead of sending the second.
    drop(refusing);
    let peer = UdpSocket::bind(address).unwrap();
    peer.set_read_timeout(Some(DEADLINE)).unwrap();
    session.send(b"kept back").await.unwrap();
    let error = session.receive().await.unwrap_err();
    assert!(matches!(&error, Error::Refused { .. }), "{error}");
    assert_eq!(error.to_string(), format!("{address}: closed: connection refused"));
    let mut buffer = [0; 100];
    let (n, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..n], b"kept back");
    peer.send_to(b"answer", from).unwrap();
    assert_eq!(receive(&session).await, "answer");
}

#[tokio::test]
async fn a_refusal_wakes_the_one_who_waits() {
    let (_refusing, address) = refusing();
    let session = open(&address.into()).await;
    let (received, sent) = tokio::join!(session.receive(), session.send(b"x"));
    sent.unwrap();
    assert!(matches!(received, Err(Error::Refused { .. })), "{received:?}");
}

#[tokio::test]
async fn a_session_receives_from_its_peer_alone() {
    let (peer, address) = peer();
    let session = open(&address.into()).await;
    let Address::Tcp(own) = session.local_addr() else { panic!("it is UDP") };
    self::peer().0.send_to(b"a stranger", own).unwrap();
    peer.send_to(b"the peer", own).unwrap();
    assert_eq!(receive(&session).await, "the peer");
}

#[tokio::test]
async fn nothing_that_moves_for_a_time_ends_a_session() {
    let (_peer, address) = peer();
    let options = DatagramOptions::new().idle_timeout(Duration::from_millis(50));
    let session = open_datagrams(&address.into(), &options).await.unwrap();
    let error = session.receive().await.unwrap_err();
    assert!(matches!(error, Error::Idle { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_leaves_from_the_address_that_was_asked() {
    let server = serve(Echo, "*:0", &options()).await;
    let asked = ["127.0.0.1", "127.0.0.2", "127.9.9.9", "[::1]"];
    for host in asked {
        let address: SocketAddr = format!("{host}:{}", port(&server)).parse().unwrap();
        let bound = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let Ok(client) = tokio::net::UdpSocket::bind(bound).await else { continue };
        client.send_to(b"ask", address).await.unwrap();
        let mut buffer = [0; 10];
        let (n, from) = tokio::time::timeout(DEADLINE, client.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((&buffer[..n], from), (&b"ask"[..], address));
    }
}

#[tokio::test]
async fn each_peer_has_a_session_of_its_own() {
    let (sender, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    let count = move |session: Datagrams| {
        sender.send(session.peer_addr()).unwrap();
        async move { Err::<(), _>(Echo.handle_datagrams(session).await.result.unwrap_err()) }
    };
    let server = serve_datagrams(count, &"127.0.0.1:0".parse().unwrap(), &options()).await.unwrap();
    let (one, other) = (open(&endpoint(&server)).await, open(&endpoint(&server)).await);
    for session in [&one, &other, &one, &other] {
        session.send(b"x").await.unwrap();
        receive(session).await;
    }
    let began = [sessions.recv().await.unwrap(), sessions.recv().await.unwrap()];
    assert_eq!(began, [one.local_addr(), other.local_addr()]);
    sessions.try_recv().unwrap_err();
}

/// Says how many sessions there are, and has the first one that is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[tokio::test]
async fn a_flood_of_sources_holds_no_more_sessions_than_there_may_be() {
    let (now, most) = (Arc::<AtomicUsize>::default(), 8);
    let began = Arc::<AtomicUsize>::default();
    let highest = Arc::<AtomicUsize>::default();
    let (all, peak, starts) = (Arc::clone(&now), Arc::clone(&highest), Arc::clone(&began));
    let hold = move |session: Datagrams| {
        let counted = Counted(Arc::clone(&all));
        peak.fetch_max(all.fetch_add(1, SeqCst) + 1, SeqCst);
        starts.fetch_add(1, SeqCst);
        async move {
            let _counted = counted;
            let outcome = Echo.handle_datagrams(session).await;
            outcome.result
        }
    };
    let options = options().max_sessions(most);
    let server = serve_datagrams(hold, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let client = open(&endpoint(&server)).await;
        client.send(b"x").await.unwrap();
        receive(&client).await;
        clients.push(client);
    }
    assert_eq!(began.load(SeqCst), 50);
    // One more while the one that it replaces is dropped.
    assert!(highest.load(SeqCst) <= most + 1, "{} sessions", highest.load(SeqCst));
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_the_session_that_was_idle_longest() {
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let follow = move |session: Datagrams| {
        let peer = session.peer_addr();
        let on_drop = OnDrop(Some((sender.clone(), peer)));
        async move {
            let _on_drop = on_drop;
            Echo.handle_datagrams(session).await.result
        }
    };
    let options = options().max_sessions(2);
    let server = serve_datagrams(follow, &"127.0.0.1:0".parse().unwrap(), &options).await.unwrap();
    let at = endpoint(&server);
    let (first, second, third) = (open(&at).await, open(&at).await, open(&at).await);
    for client in [&first, &second, &first] {
        client.send(b"x").await.unwrap();
        receive(client).await;
        // The order is known to the millisecond, which no clock has to wait for.
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(5)).await;
        tokio::time::resume();
    }
    third.send(b"x").await.unwrap();
    receive(&third).await;
    assert_eq!(ended.recv().await.unwrap(), second.local_addr());
    first.send(b"still here").await.unwrap();
    assert_eq!(receive(&first).await, "still here");
    ended.try_recv().unwrap_err();
}

struct OnDrop(Option<(tokio::sync::mpsc::UnboundedSender<Address>, Address)>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some((sender, peer)) = self.0.take() {
            let _ = sender.send(peer);
        }
    }
}

#[tokio::test]
async fn a_session_that_failed_or_was_idle_is_followed_by_a_new_one() {
    let once = |session: Datagrams| async move {
        let message = session.receive().await?;
        session.send(&message).await?;
        Err::<(), _>(Error::local("go on", std::io::Error::other("it is over")))
    };
    let server = serve_datagrams(once, &"127.0.0.1:0".parse().unwrap(), &options()).await.unwrap();
    let client = open(&endpoint(&server)).await;
    for message in [&b"one"[..], b"two", b"three"] {
        client.send(message).await.unwrap();
        assert_eq!(receive(&client).await, message);
    }
}

#[tokio::test]
async fn a_panic_ends_one_session_alone() {
    let panic = |session: Datagrams| async move {
        let message = session.receive().await?;
        assert!(message != "panic", "as it was asked to");
        session.send(&message).await
    };
    let server = serve_datagrams(panic, &"127.0.0.1:0".parse().unwrap(), &options()).await.unwrap();
    let client = open(&endpoint(&server)).await;
    client.send(b"panic").await.unwrap();
    // What comes while a session ends may go with it.
    loop {
        client.send(b"go on").await.unwrap();
        let received = tokio::time::timeout(Duration::from_millis(100), client.receive()).await;
        if let Ok(received) = received {
            assert_eq!(received.unwrap(), "go on");
            break;
        }
    }
}

#[tokio::test]
async fn a_handler_that_takes_nothing_costs_bounded_memory() {
    let never = |_session: Datagrams| std::future::pending::<Result<(), Error>>();
    let server = serve_datagrams(never, &"127.0.0.1:0".parse().unwrap(), &options()).await.unwrap();
    let message = Bytes::from(vec![7; 60_000]);
    for _ in 0..200 {
        let client = open(&endpoint(&server)).await;
        for _ in 0..20 {
            client.send_batch(std::slice::from_ref(&message)).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 150 * 1024, "{peak} kB, where 240 MB were sent");
}

#[tokio::test]
async fn a_closed_server_lets_its_sessions_take_what_has_come() {
    let (taken, mut took) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone) = tokio::sync::watch::channel(false);
    let slow = move |session: Datagrams| {
        let (taken, mut gone) = (taken.clone(), gone.clone());
        async move {
            taken.send(session.receive().await?).unwrap();
            gone.wait_for(|is_gone| *is_gone).await.unwrap();
            loop {
                match session.receive().await {
                    Ok(message) => taken.send(message).unwrap(),
                    Err(error) => return Err::<(), _>(error),
                }
            }
        }
    };
    let server = serve_datagrams(slow, &"127.0.0.1:0".parse().unwrap(), &options()).await.unwrap();
    let client = open(&endpoint(&server)).await;
    client.send_batch(&["one", "two", "three"].map(Bytes::from)).await.unwrap();
    assert_eq!(took.recv().await.unwrap(), "one");
    server.close();
    go.send_replace(true);
    tokio::time::timeout(DEADLINE, server.wait_closed()).await.expect("its sessions end");
    assert_eq!([took.recv().await.unwrap(), took.recv().await.unwrap()], ["two", "three"]);
}

#[tokio::test]
async fn a_relay_of_datagrams_keeps_boundaries_and_sessions_apart() {
    let echo = serve(Echo, "127.0.0.1:0", &options()).await;
    let relay = Forward::new(endpoint(&echo), ConnectOptions::new()).unwrap();
    let relay = serve(relay, "127.0.0.1:0", &options()).await;
    let (one, other) = (open(&endpoint(&relay)).await, open(&endpoint(&relay)).await);
    one.send_batch(&["a", "", "bc"].map(Bytes::from)).await.unwrap();
    other.send(b"other").await.unwrap();
    assert_eq!(receive(&other).await, "other");
    for wanted in ["a", "", "bc"] {
        assert_eq!(receive(&one).await, wanted);
    }
}

#[tokio::test]
async fn a_relay_goes_on_after_its_target_has_refused() {
    let (refusing, address) = refusing();
    let relay = Forward::new(address.into(), ConnectOptions::new()).unwrap();
    let relay = serve(relay, "127.0.0.1:0", &options()).await;
    let client = open(&endpoint(&relay)).await;
    client.send(b"refused").await.unwrap();
    // The relay alone learns of the refusal, so there is no event to wait for. It does its part whenever this task
    // waits; if it did not, the test would not fail, but would not see the refusal either.
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(refusing);
    let target = tokio::net::UdpSocket::bind(address).await.unwrap();
    let mut buffer = [0; 100];
    let from = loop {
        client.send(b"received").await.unwrap();
        let received = target.recv_from(&mut buffer);
        if let Ok(received) = tokio::time::timeout(Duration::from_millis(100), received).await {
            break received.unwrap().1;
        }
    };
    target.send_to(b"answer", from).await.unwrap();
    assert_eq!(receive(&client).await, "answer");
}

#[tokio::test]
async fn a_relay_sends_nothing_that_was_to_go_over_tls_or_after_a_header() {
    let (target, address) = peer();
    target.set_nonblocking(true).unwrap();
    let tls = ConnectOptions::new().tls(TlsClient::new().danger_no_verification(true));
    let over_tls = Forward::new(address.into(), tls).unwrap();
    let plain = Forward::new(address.into(), ConnectOptions::new()).unwrap();
    for (relay, expected) in [
        (over_tls, "neither over TLS nor through a proxy"),
        (plain.proxy_protocol(ProxyProtocol::V2), "a header of the PROXY protocol comes before a stream"),
    ] {
        let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let relay = Arc::new(relay);
        let serve = move |session| {
            let (relay, sender) = (Arc::clone(&relay), sender.clone());
            async move {
                let result = relay.handle_datagrams(session).await.result;
                sender.send(result.as_ref().unwrap_err().to_string()).unwrap();
                result
            }
        };
        let any = "127.0.0.1:0".parse().unwrap();
        let server = serve_datagrams(serve, &any, &options()).await.unwrap();
        open(&endpoint(&server)).await.send(b"secret").await.unwrap();
        let error = ended.recv().await.unwrap();
        assert!(error.contains(expected), "{error}");
        target.recv(&mut [0; 10]).unwrap_err();
    }
}

#[tokio::test]
async fn unix_sockets_have_datagrams_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = serve(Echo, &format!("unix:{}", path.display()), &options()).await;
    let session = open(&endpoint(&server)).await;
    for size in [0, 1, 65_508, 150_000] {
        let message = vec![7; size];
        session.send(&message).await.unwrap();
        assert_eq!(receive(&session).await, message);
    }
    // One without a name cannot be answered, and does no harm.
    UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
    session.send(b"last").await.unwrap();
    assert_eq!(receive(&session).await, "last");
    server.close();
    server.wait_closed().await;
    drop(server);
    session.send(b"x").await.unwrap_err();
}

#[tokio::test]
async fn a_port_answers_refuses_or_says_nothing() {
    let server = serve(Echo, "127.0.0.1:0", &options()).await;
    let (wait, (_refusing, closed)) = (Duration::from_millis(50), refusing());
    let probed = probe_datagrams(&endpoint(&server), &DatagramOptions::new(), DEADLINE).await;
    assert!(probed.found.is_some() && probed.error.is_none());
    let probed = probe_datagrams(&closed.into(), &DatagramOptions::new(), DEADLINE).await;
    assert!(matches!(probed.error, Some(Error::Refused { .. })), "{:?}", probed.error);
    let (_peer, address) = peer();
    let probed = probe_datagrams(&address.into(), &DatagramOptions::new(), wait).await;
    let error = probed.error.unwrap();
    assert!(matches!(error, Error::Unanswered { .. }), "{error}");
    assert_eq!(error.to_string(), format!("{address}: no answer: open or filtered"));
}

#[tokio::test]
async fn a_multicast_group_is_joined_and_all_who_are_in_it_receive() {
    let group = |port| format!("239.255.77.77:{port}");
    let options = options().interface("lo");
    let server = serve(Echo, &group(0), &options).await;
    let second = serve(Echo, &group(port(&server)), &options).await;
    let sending = DatagramOptions::new().interface("lo");
    let session = open_datagrams(&endpoint(&server), &sending).await.unwrap();
    session.send(b"all of you").await.unwrap();
    assert_eq!(receive(&session).await, "all of you");
    assert_eq!(receive(&session).await, "all of you");
    drop(second);
}

#[tokio::test]
async fn an_address_of_all_machines_must_be_allowed() {
    let everyone: Endpoint = "255.255.255.255:9".parse().unwrap();
    let error = open_datagrams(&everyone, &DatagramOptions::new()).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
    let server = serve(Echo, "*:0", &options()).await;
    let all: Endpoint = format!("127.255.255.255:{}", port(&server)).parse().unwrap();
    let options = DatagramOptions::new().broadcast(true);
    let session = open_datagrams(&all, &options).await.unwrap();
    session.send(b"anyone").await.unwrap();
    assert_eq!(receive(&session).await, "anyone");
}
