//! TLS over sockets whose peer leaves in the worst ways.

use std::io::ErrorKind;
use std::sync::Arc;

use astream::{ConnectOptions, Error, StreamReader, StreamWriter, TlsClient, open_connection};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::streams_support::{End, reset, soon};

/// A client, and its peer's socket after the peer sent `data`.
async fn client_of_peer(tls: TlsClient, data: &[u8]) -> (End, TcpStream) {
    let (client, peer) = client_and_peer(tls, data).await;
    (client, peer.into_inner().0)
}

/// A client, and its peer after that sent `data`.
async fn client_and_peer(tls: TlsClient, data: &[u8]) -> (End, TlsStream<TcpStream>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let options = ConnectOptions::new().tls(tls.danger_no_verification(true));
    let both = async {
        tokio::join!(open_connection(&endpoint, &options), async {
            let (socket, _) = listener.accept().await.unwrap();
            // A reset would take back what is still held.
            socket.set_nodelay(true).unwrap();
            let mut peer = TlsAcceptor::from(Arc::new(config)).accept(socket).await.unwrap();
            peer.write_all(data).await.unwrap();
            peer.flush().await.unwrap();
            peer
        })
    };
    let (client, peer) = soon("connecting", both).await;
    (client.unwrap(), peer)
}

async fn write_until_lost(writer: &StreamWriter) {
    let lost = async {
        while writer.drain().await.is_ok() {
            writer.write(b"x");
        }
    };
    soon("the loss", lost).await;
}

async fn error(reader: &mut StreamReader) -> Error {
    soon("the error", reader.read(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_peer_that_drops_its_socket_without_close_notify_has_truncated_the_stream() {
    let ((mut reader, _writer), peer) = client_of_peer(TlsClient::new(), b"data").await;
    drop(peer);
    assert_eq!(soon("the data", reader.readexactly(4)).await.unwrap(), "data");
    for _ in 0..2 {
        assert!(matches!(error(&mut reader).await, Error::Truncated));
    }
}

#[tokio::test]
async fn such_an_end_is_clean_where_that_is_allowed() {
    let tls = TlsClient::new().ignore_unexpected_eof(true);
    let ((mut reader, writer), peer) = client_of_peer(tls, b"data").await;
    drop(peer);
    assert_eq!(soon("the data", reader.read_to_end()).await.unwrap(), "data");
    assert!(reader.at_eof());
    let _ = soon("closing", writer.wait_closed()).await;
}

#[tokio::test]
async fn a_reset_is_reported_after_the_data_and_is_never_clean() {
    for ignore in [false, true] {
        let tls = TlsClient::new().ignore_unexpected_eof(ignore);
        let ((mut reader, _writer), peer) = client_of_peer(tls, b"data").await;
        reset(peer);
        assert_eq!(soon("the data", reader.readexactly(4)).await.unwrap(), "data");
        for _ in 0..2 {
            let error = error(&mut reader).await;
            let Error::Lost { cause, .. } = &error else { panic!("{error:?}") };
            assert_eq!(cause.kind(), ErrorKind::ConnectionReset);
        }
    }
}

#[tokio::test]
async fn a_reset_that_the_writer_meets_first_is_not_a_clean_end_where_truncation_is_allowed() {
    let tls = TlsClient::new().ignore_unexpected_eof(true);
    let ((mut reader, writer), peer) = client_of_peer(tls, b"data").await;
    reset(peer);
    write_until_lost(&writer).await;
    assert_eq!(soon("the data", reader.readexactly(4)).await.unwrap(), "data");
    let error = error(&mut reader).await;
    assert!(
        matches!(&error, Error::Lost { cause, .. } if cause.kind() == ErrorKind::ConnectionReset),
        "{error:?}"
    );
}

#[tokio::test]
async fn close_notify_is_a_clean_end_though_the_writer_met_a_reset_after_it() {
    let ((mut reader, writer), mut peer) = client_and_peer(TlsClient::new(), b"data").await;
    peer.get_mut().1.send_close_notify();
    peer.flush().await.unwrap();
    reset(peer.into_inner().0);
    write_until_lost(&writer).await;
    assert_eq!(soon("the data", reader.read_to_end()).await.unwrap(), "data");
    assert!(reader.at_eof());
}
