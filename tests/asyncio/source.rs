//! `local_addr`: where a connection comes from, and whose fault it is if it cannot be made.

use std::net::SocketAddr;

use astream::{Address, ConnectOptions, Endpoint, Error, Source, open_connection};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::streams_support::soon;

/// A listener and what connects to it.
async fn target(address: &str) -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind(address).await.unwrap();
    let endpoint = listener.local_addr().unwrap().into();
    (listener, endpoint)
}

fn from(source: &str) -> ConnectOptions {
    ConnectOptions::new().local_addr(source.parse::<Source>().unwrap())
}

/// The local address of a connection from `source`.
async fn local(to: &Endpoint, source: &str) -> SocketAddr {
    let (reader, _writer) = soon("connecting", open_connection(to, &from(source))).await.unwrap();
    let Address::Tcp(local) = reader.local_addr() else { panic!("{reader:?}") };
    *local
}

#[tokio::test]
async fn a_connection_comes_from_the_address_and_the_port_that_were_given() {
    let (_listener, to) = target("127.0.0.1:0").await;
    assert_eq!(local(&to, "127.0.0.3").await.ip().to_string(), "127.0.0.3");
    // Bound and not listening, it keeps the port for those who may share it.
    let held = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    held.set_reuse_address(true).unwrap();
    held.bind(&SocketAddr::from(([0, 0, 0, 0], 0)).into()).unwrap();
    let port = held.local_addr().unwrap().as_socket().unwrap().port();
    let source = format!("127.0.0.4:{port}");
    assert_eq!(local(&to, &source).await.to_string(), source);
    assert_eq!(local(&to, &format!(":{port}")).await.port(), port);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_goes_through_the_interface_that_was_given() {
    let (_listener, to) = target("127.0.0.1:0").await;
    assert_eq!(local(&to, "127.0.0.3%lo").await.ip().to_string(), "127.0.0.3");
    let error = open_connection(&to, &from("%nowhere")).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot connect from %nowhere: no such device");
}

#[tokio::test]
async fn a_source_that_cannot_be_had_is_not_the_targets_fault() {
    let (listener, to) = target("127.0.0.1:0").await;
    let taken = listener.local_addr().unwrap();
    for (source, expected) in [
        ("192.0.2.1".to_owned(), "cannot assign requested address".to_owned()),
        (taken.to_string(), "address already in use".to_owned()),
        ("::1".to_owned(), "the target has no address of the same family".to_owned()),
    ] {
        let error = open_connection(&to, &from(&source)).await.unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("cannot connect from {source}: {expected}"));
    }
    drop(listener);
    let error = open_connection(&to, &from("127.0.0.3")).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {to}: connection refused"));
}

#[tokio::test]
async fn of_a_name_those_addresses_are_tried_that_the_source_reaches() {
    let (_listener, to) = target("127.0.0.1:0").await;
    let Endpoint::Tcp { port, .. } = to else { panic!("{to}") };
    assert!(local(&Endpoint::try_from(("localhost", port)).unwrap(), "127.0.0.1").await.is_ipv4());
}

#[tokio::test]
async fn a_unix_socket_has_no_source() {
    let folder = tempfile::tempdir().unwrap();
    let to = Endpoint::Unix(folder.path().join("socket"));
    let error = open_connection(&to, &from("127.0.0.1")).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
}
